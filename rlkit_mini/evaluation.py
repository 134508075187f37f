"""What to measure: coverage, returns, intervals over seeds, real rollouts, off-policy estimates."""

from __future__ import annotations

import numpy as np
import scipy.stats

from rlkit_mini.mazes import Maze
from rlkit_mini.pointmass import ACTIONS, sample_actions, transition


def coverage(positions: np.ndarray, walls: np.ndarray) -> float:
    """Share of a maze's free half-cells that hold at least one of the positions.

    Args:
        positions: (n, 2) in cells.
        walls: (width, height) bool; each cell has 2 x 2 half-cells.
    """
    cells = np.minimum(np.floor(2 * np.asarray(positions)).astype(int), 2 * np.array(walls.shape) - 1)
    visited = np.zeros((2 * walls.shape[0], 2 * walls.shape[1]), dtype=bool)
    visited[cells[:, 0], cells[:, 1]] = True
    return float(visited.sum() / (4 * (~walls).sum()))


def coverage_curve(runs, steps) -> np.ndarray:
    """Coverage (points, runs) of each run's first `steps` (points,) steps; `runs` are `Transitions`, one a member."""
    return np.array([[coverage(run[:count].positions, run.maze.walls) for run in runs] for count in steps])


def discounted_return(rewards: np.ndarray, discount: float) -> np.ndarray:
    """sum_t discount^t r_t of rewards (..., steps): (...,)."""
    rewards = np.asarray(rewards, dtype=np.float64)
    return (discount ** np.arange(rewards.shape[-1]) * rewards).sum(axis=-1)


def episode_returns(rewards: np.ndarray, terminations: np.ndarray, truncations: np.ndarray) -> np.ndarray:
    """Undiscounted return of each finished episode in a run of steps (n,): (episodes,)."""
    ends = np.flatnonzero(np.asarray(terminations) | np.asarray(truncations))
    totals = np.cumsum(np.asarray(rewards, dtype=np.float64))[ends]
    return np.diff(totals, prepend=0.0)


def behaviour_policy(cells: np.ndarray, actions: np.ndarray, number_of_cells: int) -> np.ndarray:
    """Relative frequency of each action in each cell; uniform where there is no data.

    Args:
        cells, actions: (n,) integers, the place and the action of each step.

    Returns:
        probabilities (number_of_cells, 5).
    """
    counts = np.zeros((number_of_cells, len(ACTIONS)))
    np.add.at(counts, (np.asarray(cells), np.asarray(actions)), 1)
    counts[counts.sum(axis=1) == 0] = 1
    return counts / counts.sum(axis=1, keepdims=True)


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half of `values` along an axis (Agarwal et al. 2021, arXiv 2108.13264)."""
    return scipy.stats.trim_mean(values, 0.25, axis=axis)


def bootstrap_interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000) -> np.ndarray:
    """Percentile bootstrap interval of the interquartile mean over the last axis, the seeds.

    Args:
        values: (..., seeds).

    Returns:
        (2, ...): low and high.
    """
    values = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(0).integers(values.shape[-1], size=(resamples, values.shape[-1]))
    means = interquartile_mean(values[..., picks])  # (..., resamples)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)


def rollout_returns(policy, maze: Maze, episodes: int, seed: int = 0) -> np.ndarray:
    """Undiscounted returns (episodes,) of one policy acting in the environment itself, all episodes side by side.

    Args:
        policy: maps observations (n, 2) to action probabilities (n, 5).
    """
    rng = np.random.default_rng(seed)
    positions = np.tile(np.array(maze.start, dtype=np.float64), (episodes, 1))
    returns, going = np.zeros(episodes), np.ones(episodes, dtype=bool)
    for _ in range(maze.horizon):
        probabilities = np.asarray(policy(maze.observe(positions)))
        actions = sample_actions(probabilities, rng.random(episodes))
        positions, rewards, terminations = transition(maze, positions, actions, rng.standard_normal((episodes, 2)))
        returns += rewards * going
        going &= ~terminations
    return returns
