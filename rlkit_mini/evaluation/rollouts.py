"""Returns of real episodes: the check on a maze's exact ones, and elsewhere the judge."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from rlkit_mini.environments import Copies, environment_of
from rlkit_mini.mazes import Maze, check_maze
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import check_distribution, sample_actions

Policy = Callable[[Any], ArrayLike | Tensor]  # observations (..., n, size) -> action probabilities (..., n, actions)
MOST_STEPS = 1000  # of an episode, where the environment has no time limit


@dataclasses.dataclass(frozen=True)
class Played:
    """Real episodes of one policy, or of a population of them with a leading axis (...).

    Attributes:
        returns: (..., episodes) undiscounted.
    """

    returns: np.ndarray

    @property
    def episode_return(self) -> np.ndarray:
        """The mean over the episodes (...,)."""
        return self.returns.mean(axis=-1)

    @property
    def interval(self) -> np.ndarray:
        """Low and high end of its 95% interval (2, ...), by the normal approximation."""
        count = self.returns.shape[-1]
        half = 1.96 * self.returns.std(axis=-1, ddof=min(1, count - 1)) / np.sqrt(count)
        return np.stack([self.episode_return - half, self.episode_return + half])


class Rollouts:
    """A judge for wherever there is no exact truth: every policy plays some real episodes, which costs time.

    All policies face the same seeds, at each evaluation.

    Args:
        env: as `explore` takes it, such as "CartPole-v1", or a data set's `maze`.
        episodes: per policy.
        seed: of the first episode; the others have the next ones.
        vectorization: "sync": all copies, one per policy and episode, in this process; "async": each in a process of
            its own, for environments whose step takes milliseconds.

    Attributes:
        steps, seconds: what all evaluations have cost so far, the steps in all copies together.

    Raises:
        TypeError, ValueError: no environment, no episodes, or another vectorization.
    """

    def __init__(self, env: Any, episodes: int = 20, seed: int = 0, vectorization: str = "sync") -> None:
        check_count("episodes", episodes)
        if vectorization not in ("sync", "async"):
            raise ValueError(f"vectorization is {vectorization!r}; expected 'sync' or 'async'")
        self.maze, self.episodes, self.seed, self.vectorization = environment_of(env), episodes, seed, vectorization
        self.steps, self.seconds = 0, 0.0

    def __repr__(self) -> str:
        cost = f"{self.steps:,} steps in {self.seconds:.1f} s so far"
        return f"Rollouts({self.maze}, episodes={self.episodes}), {cost}"

    def evaluate(self, policy: Policy) -> Played:
        """Let a policy play, or a population's policies, such as `agent.policy`.

        Args:
            policy: maps observations (n, size), or (members, n, size) if it gives these, to action probabilities
                (n, actions), or (members, n, actions).

        Raises:
            ValueError: they have another shape or are no distribution, or the environment cannot be made.
        """
        began, first = time.perf_counter(), Copies(self.maze, 1).reset([self.seed])
        members = checked_probabilities(policy, first, self.maze.sizes["action_count"]).shape[:-2]  # () or (members,)
        copies = Copies(self.maze, int(np.prod(members)) * self.episodes, self.vectorization)
        observations = copies.reset([self.seed + episode for episode in range(self.episodes)] * (*members, 1)[0])
        returns, steps = _play(policy, copies, observations, np.random.default_rng(self.seed), members)
        copies.close()
        self.steps, self.seconds = self.steps + steps * copies.count, self.seconds + time.perf_counter() - began
        return Played(returns.reshape(*members, -1))


def rollout_returns(policy: Policy, maze: Maze, episodes: int, seed: int = 0) -> np.ndarray:
    """Undiscounted returns (episodes,) of one policy acting in the environment itself, all episodes side by side.

    Args:
        policy: maps observations (n, 2) to action probabilities (n, 5).

    Raises:
        TypeError: no maze. ValueError: no episodes, or a policy of another shape or that is no distribution.
    """
    check_maze(maze)
    copies = Copies(maze, check_count("episodes", episodes))
    observations = copies.reset(seed)
    return _play(policy, copies, observations, copies.envs.np_random)[0]


def _play(
    policy: Policy, copies: Copies, observations: np.ndarray, rng: np.random.Generator, members: tuple[int, ...] = ()
) -> tuple[np.ndarray, int]:
    """The returns of one episode in each copy (copies,), and how many steps the longest took.

    Args:
        observations: (copies, size) where the episodes begin.
        members: () of one policy; (members,) of a population, whose first member's copies come first.
    """
    returns, going, steps = np.zeros(copies.count), np.ones(copies.count, dtype=bool), 0
    action_count, horizon = copies.environment.sizes["action_count"], copies.environment.horizon or MOST_STEPS
    while going.any() and steps < horizon:
        observations = observations.reshape(*members, -1, observations.shape[-1])
        probabilities = checked_probabilities(policy, observations, action_count).cpu().numpy()
        if probabilities.shape[:-2] != members:
            wanted = (*members, *probabilities.shape[-2:])
            raise ValueError(f"policy gives {probabilities.shape}; expected probabilities {wanted}")
        uniforms = np.broadcast_to(rng.random(probabilities.shape[-2]), probabilities.shape[:-1])  # equal for members
        _, observations, rewards, *ends = copies.step(sample_actions(probabilities, uniforms).ravel())
        returns += rewards * going
        going &= ~(ends[0] | ends[1])
        steps += 1
    return returns, steps


def checked_probabilities(policy: Policy, observations: np.ndarray | Tensor, action_count: int = 5) -> Tensor:
    """A policy's action probabilities (..., n, actions) at observations (..., n, size), without gradients.

    Raises:
        ValueError: they have another shape, or are no distribution.
    """
    with torch.no_grad():
        given = policy(observations)
    probabilities = given.detach() if isinstance(given, Tensor) else torch.from_numpy(np.asarray(given))
    probabilities = probabilities.to(torch.promote_types(probabilities.dtype, torch.float32))  # of half precision
    wanted = (observations.shape[-2], action_count)
    if probabilities.shape[-2:] != wanted or (observations.ndim == 3 and probabilities.ndim != 3):
        given, wanted = tuple(probabilities.shape), ", ".join(map(str, wanted))
        raise ValueError(f"policy gives {given}; expected probabilities (..., {wanted})")
    check_distribution(probabilities)
    return probabilities
