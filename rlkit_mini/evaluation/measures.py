"""What to measure: coverage, returns, and means over seeds with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rlkit_mini.pointmass import ACTIONS

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Transitions

RESAMPLES = 2000  # of a bootstrap


# The solution of an exercise, and so written out where `mazes.half_cells_at` would do
def coverage(positions: np.ndarray, walls: np.ndarray) -> float:
    """Share of a maze's free half-cells that hold at least one of the positions.

    Args:
        positions: (n, 2) in cells.
        walls: (width, height) bool; each cell has 2 x 2 half-cells.

    Raises:
        ValueError: a position lies outside.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.shape[1:] != (2,) or not ((positions >= 0) & (positions <= walls.shape)).all():
        raise ValueError(f"positions {positions.shape} are not all in the maze; expected (n, 2), at most {walls.shape}")
    cells = np.minimum(np.floor(2 * positions).astype(int), 2 * np.array(walls.shape) - 1)
    visited = np.zeros((2 * walls.shape[0], 2 * walls.shape[1]), dtype=bool)
    visited[cells[:, 0], cells[:, 1]] = True
    return float(visited.sum() / (4 * (~walls).sum()))


def coverage_curve(runs: Sequence[Transitions], steps: Iterable[int]) -> np.ndarray:
    """Coverage (evaluations, members) of the first `steps` (evaluations,) steps of each member's run."""
    return np.array([[coverage(run[:count].positions, run.maze.walls) for run in runs] for count in steps])


def discounted_return(rewards: np.ndarray, discount: float) -> np.ndarray:
    """sum_t discount^t r_t of rewards (..., steps): (...,)."""
    rewards = np.asarray(rewards, dtype=np.float64)
    return (discount ** np.arange(rewards.shape[-1]) * rewards).sum(axis=-1)


def steps_to_go(values: np.ndarray, discount: float) -> np.ndarray:
    """How many steps from the goal a value (...,) says one is: the n of -(1 - discount^(n - 1)) / (1 - discount).

    A step costs 1 and the last one, to the goal, nothing; at -1 / (1 - discount) and below one never arrives (inf).
    """
    left = np.maximum(1 + (1 - discount) * np.asarray(values, dtype=np.float64), 0)  # discount^(n - 1)
    with np.errstate(divide="ignore"):
        return 1 + np.log(left) / np.log(discount)


def cumulative_regret(returns: np.ndarray, best: float) -> np.ndarray:
    """What acting has cost so far: the sum of best - return up to each episode, of returns (..., episodes)."""
    return np.cumsum(best - np.asarray(returns, dtype=np.float64), axis=-1)


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


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half of values (..., seeds): (...,) (Agarwal et al. 2021, arXiv 2108.13264).

    Raises:
        ValueError: there are none.
    """
    if not np.size(values):
        raise ValueError(f"values have shape {np.shape(values)}; expected at least one number")
    seeds = np.shape(values)[-1]
    middle = slice(seeds // 4, seeds - seeds // 4)
    return np.partition(values, (middle.start, middle.stop - 1), axis=-1)[..., middle].mean(axis=-1)


def bootstrap_interval(values: np.ndarray) -> np.ndarray:
    """95% percentile bootstrap interval of the interquartile mean over the last axis, the seeds.

    Args:
        values: (..., seeds).

    Returns:
        (2, ...): low and high.

    Raises:
        ValueError: no values, or values that are not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.ndim or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values have shape {values.shape} or are not finite; expected finite numbers (..., seeds)")
    chosen = np.random.default_rng(0).integers(values.shape[-1], size=(RESAMPLES, values.shape[-1]))
    means = interquartile_mean(values[..., chosen])  # (..., resamples)
    return np.quantile(means, [0.025, 0.975], axis=-1)
