"""The engine's work in plain NumPy and scipy, as one writes it first: what its speed is measured beside."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike

from rlkit_mini.mazes import Maze
from rlkit_mini.oracle import NOISE, Oracle
from rlkit_mini.pointmass import ACTIONS, NOISE_SCALE, SUBSTEPS, at_goal


def plain_step(maze: Maze, positions: np.ndarray, actions: ArrayLike, noise: np.ndarray) -> np.ndarray:
    """Where points (n, 2) in cells end, as `rlkit_mini.pointmass.transition` has it: (n, 2)."""
    positions, moves = positions.copy(), (ACTIONS[actions] + NOISE_SCALE * noise) / SUBSTEPS
    for _ in range(SUBSTEPS):
        for axis in (0, 1):
            moved = positions.copy()
            moved[:, axis] += moves[:, axis]
            inside = ((moved >= 0) & (moved <= maze.shape)).all(axis=1)
            x, y = np.clip(np.floor(moved).astype(int), 0, np.array(maze.shape) - 1).T
            free = inside & ~maze.walls[x, y]
            positions[free] = moved[free]
    return positions


def plain_transitions(oracle: Oracle) -> sparse.csr_matrix:
    """Where steps lead, (points x actions, sub-cells), as `Oracle` solves it, by as many draws of noise."""
    starts = oracle.maze.positions(oracle.points).repeat(NOISE, axis=0)
    points, rows, columns = np.arange(len(oracle.points)).repeat(NOISE), [], []
    for action in range(len(ACTIONS)):
        noise = np.random.default_rng(action).standard_normal(starts.shape)
        ends = plain_step(oracle.maze, starts, np.full(len(starts), action), noise)
        going = ~at_goal(oracle.maze, ends)
        rows.append(points[going] * len(ACTIONS) + action)
        columns.append(oracle.sub_cells(oracle.maze.observe(ends[going])))
    places = np.concatenate(rows), np.concatenate(columns)
    shape = len(ACTIONS) * len(oracle.points), len(oracle.cells)
    return sparse.csr_matrix((np.full(len(places[0]), 1 / NOISE), places), shape)


def plain_returns(oracle: Oracle, policies: np.ndarray) -> np.ndarray:
    """Exact returns (policies,) of action probabilities (policies, sub-cells, 5), one policy after the other."""
    steps, returns = [oracle._mean_transitions[action :: len(ACTIONS)] for action in range(len(ACTIONS))], []
    for policy in policies:
        matrix = sum(sparse.diags(policy[:, action]) @ steps[action] for action in range(len(ACTIONS)))
        alive = (oracle.start_weights @ policy) @ oracle._transitions[-len(ACTIONS) :]
        total = alive.sum()
        for _ in range(oracle.maze.horizon - 1):
            alive = alive @ matrix
            total += alive.sum()
        returns.append(-total)
    return np.array(returns)
