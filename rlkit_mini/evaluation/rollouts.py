"""Returns of real episodes, the check on the exact ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from rlkit_mini.mazes import Maze, check_maze
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import ACTIONS, PointmassVectorEnv, sample_actions


def rollout_returns(
    policy: Callable[[np.ndarray], ArrayLike | Tensor], maze: Maze, episodes: int, seed: int = 0
) -> np.ndarray:
    """Undiscounted returns (episodes,) of one policy acting in the environment itself, all episodes side by side.

    Args:
        policy: maps observations (n, 2) to action probabilities (n, 5).

    Raises:
        TypeError: no maze. ValueError: no episodes, or a policy of another shape or that is no distribution.
    """
    check_maze(maze)
    episodes = check_count("episodes", episodes)
    environment = PointmassVectorEnv(episodes, maze)
    observations, _ = environment.reset(seed=seed)
    returns, going = np.zeros(episodes), np.ones(episodes, dtype=bool)
    for _ in range(maze.horizon):
        probabilities = checked_probabilities(policy, observations).cpu().numpy()
        if probabilities.ndim != 2:
            raise ValueError(f"policy gives {probabilities.shape}; expected one policy's probabilities ({episodes}, 5)")
        actions = sample_actions(probabilities, environment.np_random.random(episodes))
        observations, rewards, terminations, *_ = environment.step(actions)
        returns += rewards * going
        going &= ~terminations
    return returns


def checked_probabilities(policy: Callable[[Any], ArrayLike | Tensor], observations: np.ndarray | Tensor) -> Tensor:
    """A policy's action probabilities (..., n, 5) at observations (n, 2).

    Raises:
        ValueError: they have another shape, or are no distribution.
    """
    with torch.no_grad():
        given = policy(observations)
    probabilities = given.detach() if isinstance(given, Tensor) else torch.from_numpy(np.asarray(given))
    probabilities = probabilities.to(torch.promote_types(probabilities.dtype, torch.float32))  # of half precision
    if probabilities.shape[-2:] != (len(observations), len(ACTIONS)):
        given = tuple(probabilities.shape)
        raise ValueError(f"policy gives {given}; expected probabilities (..., {len(observations)}, 5)")
    if not ((probabilities >= 0).all() and ((probabilities.sum(dim=-1) - 1).abs() <= 1e-2).all()):
        raise ValueError("policy is no distribution; expected probabilities >= 0 that sum to 1 over the actions")
    return probabilities
