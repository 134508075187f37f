"""Agents that do not learn: uniform actions, the control for everything else, and guides that know the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.mazes import in_block
from rlkit_mini.oracle import Oracle
from rlkit_mini.pointmass import ACTIONS, at_goal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class RandomAgent(Agent):
    """Acts uniformly at random; does not learn."""

    def policy(self, observations: ArrayLike | Tensor, greedy: bool = True) -> Tensor:
        """Uniform probabilities (members, n, actions), whether greedy or not."""
        shape = (*self.as_inputs(observations).shape[:-1], self.action_count)
        return torch.full(shape, 1 / self.action_count, dtype=torch.float32, device=self.device)


class LinearController(Agent):
    """Takes action 1 where a weighted sum of the observation is positive, else action 0; does not learn.

    Args:
        weights: (observations,).
        noise: share of uniformly random actions.
    """

    def __init__(self, weights: ArrayLike, noise: float = 0.0, seeds: int | Sequence[int] = 1) -> None:
        self.weights, self.noise = torch.as_tensor(weights, dtype=torch.float64, device="cpu"), noise
        super().__init__(seeds=seeds, observation_size=len(self.weights), action_count=2)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """One action with the noise mixed in: (members, n, observations) -> (members, n, 2)."""
        chosen = (observations.double() @ self.weights > 0).long()
        return (1 - self.noise) * torch.nn.functional.one_hot(chosen, 2) + self.noise / 2


class RouteFollower(Agent):
    """Goes to its waypoints in turn, each as soon as possible, and again from the first; does not learn.

    Each member keeps in mind what it goes for next, and forgets it at the start, where `explore` begins an episode.

    Args:
        waypoints: positions in cells; one in the goal ends the episode.
        noise: share of uniformly random actions.
        onward: whether it goes on to the goal after the last waypoint.
    """

    def __init__(
        self,
        oracle: Oracle,
        waypoints: Sequence[tuple[float, float]],
        noise: float = 0.1,
        onward: bool = True,
        seeds: int | Sequence[int] = 1,
    ) -> None:
        super().__init__(seeds=seeds)
        centres = oracle.maze.positions(oracle.observations)
        legs = []  # of each: the policy (sub-cells, 5), and where it is over (sub-cells,)
        for waypoint in waypoints:
            here, ends = in_block(oracle.maze, waypoint, centres), at_goal(oracle.maze, np.array(waypoint))
            legs.append((oracle.optimal_policy if ends else oracle.policy_towards(here), here))
        if not legs and not onward:  # nowhere to go
            noise = 1.0
        if not legs or onward:
            legs.append((oracle.optimal_policy, np.zeros(len(centres), dtype=bool)))
        ahead, reached = zip(*legs, strict=True)
        self.oracle, self.reached = oracle, np.stack(reached)
        self.tables = torch.from_numpy((1 - noise) * np.stack(ahead) + noise / len(ACTIONS))
        self.legs = np.zeros(self.members, dtype=int)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """Of one observation per member, the next of its episode: (members, 1, 2) -> (members, 1, 5)."""
        if self.start_observation is not None:
            self.legs[(observations == self.start_observation).all(dim=-1)[:, -1].numpy()] = 0
        cells = self.oracle.sub_cells(observations.numpy())
        self.legs = (self.legs + self.reached[self.legs, cells[:, -1]]) % len(self.reached)
        return self.tables[torch.from_numpy(self.legs)[:, None], torch.from_numpy(cells)]


class OracleMixture(Agent):
    """The oracle's optimal policy with another one mixed in: with probability `share` the action comes from `other`.

    Args:
        other: probabilities (5,) of the mixed-in policy, the same everywhere.
    """

    def __init__(self, oracle: Oracle, share: float, other: ArrayLike, seeds: int | Sequence[int] = 1) -> None:
        super().__init__(seeds=seeds)
        self.oracle = oracle
        self.table = torch.from_numpy((1 - share) * oracle.optimal_policy + share * np.asarray(other))

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The mixture in the sub-cell of each observation: (members, n, 2) -> (members, n, 5)."""
        return self.table[torch.from_numpy(self.oracle.sub_cells(observations.numpy()))]


def near_expert(oracle: Oracle, random_share: float, seeds: int | Sequence[int] = 1) -> OracleMixture:
    """Optimal, but with probability `random_share` a uniformly random action."""
    return OracleMixture(oracle, random_share, np.full(len(ACTIONS), 1 / len(ACTIONS)), seeds)


def lazy(oracle: Oracle, seeds: int | Sequence[int] = 1) -> OracleMixture:
    """Optimal, but with probability 0.6 it stays where it is."""
    return OracleMixture(oracle, 0.6, np.eye(len(ACTIONS))[0], seeds)
