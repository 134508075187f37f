"""The oracle: each maze solved exactly on a fine grid, so that agents are held against the truth.

Every free cell is divided into resolution x resolution sub-cells. From four points of a sub-cell, the nodes of a
Gauss-Hermite quadrature over the noise go through the same dynamics as the environments; where they land gives one
sparse transition matrix an action. Sub-cells never straddle a wall, and nothing is interpolated across one.
"""

from __future__ import annotations

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs
import scipy.sparse as sparse

from rlkit_mini.files import whole_file
from rlkit_mini.mazes import Maze
from rlkit_mini.pointmass import ACTIONS, NOISE_SCALE, SUBSTEPS, transition

RESOLUTION = {"easy": 4, "medium": 8, "hard": 2, "veryhard": 4}  # medium: with 4, half-trained policies look 10% better
QUADRATURE_NODES = 8  # an axis
FORMAT = 1  # of the cached file


class Oracle:
    """The exact solution of a maze.

    Args:
        maze: one of `MAZES`.
        discount: of `optimal_q`, `Evaluation.q_values` and `Evaluation.visitation`; returns are undiscounted.
        resolution: sub-cells a cell and axis; None takes the maze's own, which is within 2% of a twice finer grid.

    Attributes:
        observations: (sub-cells, 2) float32, the sub-cells' centres.
        start_weights: (sub-cells,) share of each sub-cell in the start (which often lies on a corner of four).
    """

    def __init__(self, maze: Maze, discount: float = 0.95, resolution: int | None = None) -> None:
        if not isinstance(maze, Maze):
            raise TypeError(f"maze is {maze!r}; expected one of MAZES, such as MAZES['medium']")
        if not (isinstance(discount, (int, float, np.number)) and 0 <= discount < 1):
            raise ValueError(f"discount is {discount!r}; expected 0 <= discount < 1")
        resolution = RESOLUTION.get(maze.name, 4) if resolution is None else resolution
        if isinstance(resolution, bool) or not (isinstance(resolution, int) and 1 <= resolution <= 32):
            raise ValueError(f"resolution is {resolution!r}; expected an integer from 1 to 32, or None")
        self.maze, self.discount, self.resolution = maze, discount, resolution
        self._free = ~maze.walls.repeat(resolution, axis=0).repeat(resolution, axis=1)
        self.cells = np.argwhere(self._free)  # (sub-cells, 2)
        self._index = np.full(self._free.shape, -1)
        self._index[self._free] = np.arange(len(self.cells))
        self.observations = maze.observe((self.cells + 0.5) / resolution)
        distance = np.abs((self.cells + 0.5) / resolution - np.array(maze.start)).max(axis=1)
        touching = distance < distance.min() + 1e-9
        self.start_weights = touching / touching.sum()
        # (sub-cells x actions, sub-cells): where a step leads, unless it terminates; state-major
        self._transitions = _cached(self._key(), self._solve_transitions, shape=(5 * len(self.cells), len(self.cells)))
        self._survival = np.asarray(self._transitions.sum(axis=1)).ravel()  # a step that does not terminate costs 1

    # What is true of the maze

    @cached_property
    def optimal_q(self) -> np.ndarray:
        """Q* (sub-cells, 5), discounted, without a time limit."""
        values = np.zeros(len(self.cells))
        for _ in range(self._sweeps):
            values = self._backup(values, self.discount).max(axis=1)
        return self._backup(values, self.discount)

    @property
    def optimal_policy(self) -> np.ndarray:
        """Probabilities (sub-cells, 5) of the policy that is greedy on Q*."""
        return np.eye(len(ACTIONS))[self.optimal_q.argmax(axis=1)]

    @cached_property
    def optimal_return(self) -> float:
        """J*: the best undiscounted return from the start that any policy has under the time limit."""
        return self._best_return(np.ones((len(self.cells), len(ACTIONS)), dtype=bool))

    @cached_property
    def random_return(self) -> float:
        """The uniform random policy's undiscounted return under the time limit."""
        return float(self.evaluate(np.full((len(self.cells), len(ACTIONS)), 0.2)).episode_return)

    def best_return(self, observations, actions) -> float:
        """The best this data allows: J* restricted to the (half-cell, action) pairs that a data set contains.

        Where the data has no pair at all, nobody knows better than to act at random, and so does this policy.

        Args:
            observations: (n, 2) in [0, 1]; actions: (n,) integers.
        """
        actions = np.asarray(actions)
        if np.shape(observations) != (len(actions), 2) or not np.isin(actions, np.arange(len(ACTIONS))).all():
            shapes = f"{np.shape(observations)} and {actions.shape}"
            raise ValueError(f"observations and actions of shapes {shapes}; expected (n, 2), and (n,) from 0 to 4")
        if not (np.abs(np.asarray(observations) - 0.5) <= 0.5).all():
            raise ValueError("there are observations outside the maze; expected numbers in [0, 1]")
        half_cells = np.floor(2 * self.maze.positions(observations)).astype(int)
        half_cells = np.minimum(half_cells, 2 * np.array(self.maze.shape) - 1)
        seen = np.zeros((2 * self.maze.shape[0], 2 * self.maze.shape[1], len(ACTIONS)), dtype=bool)
        seen[half_cells[:, 0], half_cells[:, 1], actions.astype(int)] = True
        here = np.floor(2 * (self.cells + 0.5) / self.resolution).astype(int)
        return self._best_return(seen[here[:, 0], here[:, 1]])

    def policy_towards(self, places: np.ndarray) -> np.ndarray:
        """Probabilities (sub-cells, 5) of the policy that gets to some of the sub-cells soonest, past the goal.

        Args:
            places: (sub-cells,) bool.
        """
        values, never = np.zeros(len(self.cells)), -1 / (1 - self.discount)  # what ends in the goal does not arrive
        for _ in range(self._sweeps):
            q_values = self._backup(values, self.discount).T + never * (1 - self._survival.reshape(-1, len(ACTIONS)).T)
            before, values = values, np.where(places, 0.0, q_values.max(axis=0))
            if np.abs(values - before).max() < 1e-6:
                break
        return np.eye(len(ACTIONS))[q_values.argmax(axis=0)]

    # What is true of a policy

    def evaluate(self, policy) -> Evaluation:
        """The exact return, success rate, Q^pi and visitation of one policy or a population of them.

        Args:
            policy: probabilities (..., sub-cells, 5) on `observations`, or a function that maps them to that.
        """
        shape, given = (len(self.cells), len(ACTIONS)), policy(self.observations) if callable(policy) else policy
        try:
            probabilities = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):  # text, or rows of unequal length
            kind = type(given).__name__
            raise ValueError(
                f"policy is a {kind} without a shape; expected probabilities (..., {shape[0]}, 5)"
            ) from None
        if probabilities.shape[-2:] != shape or not probabilities.size:
            raise ValueError(f"policy has shape {probabilities.shape}; expected probabilities (..., {shape[0]}, 5)")
        if not (probabilities >= 0).all() or np.abs(probabilities.sum(axis=-1) - 1).max() > 1e-3:
            raise ValueError("policy is no distribution; expected probabilities >= 0 that sum to 1 over the actions")
        probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)  # or rounding ends episodes
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # scipy's products release the interpreter's lock
            matrices = list(pool.map(self._policy_matrix, probabilities.reshape(-1, *shape)))
            episodes = np.array(list(pool.map(self._episode, matrices))).reshape(*probabilities.shape[:-2], 2)
        return Evaluation(self, probabilities.shape[:-2], matrices, episodes[..., 0], episodes[..., 1])

    def sub_cells(self, observations) -> np.ndarray:
        """The sub-cell (..., ) in which each observation (..., 2) lies."""
        cells = np.floor(self.maze.positions(observations) * self.resolution).astype(int)
        cells = np.clip(cells, 0, np.array(self._free.shape) - 1)
        return self._index[cells[..., 0], cells[..., 1]]

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """Values (..., sub-cells) laid out as maps (..., width x resolution, height x resolution), NaN in walls."""
        values = np.asarray(values, dtype=np.float64)
        maps = np.full((*values.shape[:-1], *self._free.shape), np.nan)
        maps[..., self._free] = values
        return maps

    # How it is computed

    @property
    def _sweeps(self) -> int:  # until a step that far ahead weighs less than 1e-7
        return int(np.ceil(np.log(1e-7) / np.log(self.discount))) if self.discount > 0 else 1

    def _backup(self, values: np.ndarray, discount: float = 1.0) -> np.ndarray:
        return (discount * (self._transitions @ values) - self._survival).reshape(-1, len(ACTIONS))

    def _best_return(self, allowed: np.ndarray) -> float:
        unknown = ~allowed.any(axis=1)
        values = np.zeros(len(self.cells))
        for _ in range(self.maze.horizon):
            q_values = self._backup(values)
            values = np.where(allowed, q_values, -np.inf).max(axis=1)
            values[unknown] = q_values[unknown].mean(axis=1)
        return float(self.start_weights @ values)

    def _policy_matrix(self, probabilities: np.ndarray) -> sparse.csr_matrix:
        states, actions = np.nonzero(probabilities)
        choice = sparse.csr_matrix(
            (probabilities[states, actions], (states, states * len(ACTIONS) + actions)),
            shape=self._transitions.shape[::-1],
        )
        return choice @ self._transitions

    def _episode(self, matrix: sparse.csr_matrix) -> tuple[float, float]:
        """Return and success rate: follow the share of episodes that has not terminated through the steps."""
        backwards = matrix.T.tocsr()
        alive, total = self.start_weights, 0.0
        for _ in range(self.maze.horizon):
            alive = backwards @ alive
            total += alive.sum()
        return -total, 1 - alive.sum()

    def _solve_transitions(self) -> sparse.csr_matrix:
        corners = np.stack(np.meshgrid([0.25, 0.75], [0.25, 0.75], indexing="ij"), axis=-1).reshape(-1, 2)
        points = (self.cells[:, None] + corners) / self.resolution  # (sub-cells, 4, 2)
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
        noise = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
        weights = np.outer(weights, weights).ravel() / weights.sum() ** 2 / len(corners)
        shape = (len(self.cells), len(corners), len(noise))
        matrices = []
        for action in range(len(ACTIONS)):
            ends, _, terminations = transition(
                self.maze,
                np.broadcast_to(points[:, :, None], (*shape, 2)).reshape(-1, 2),
                np.full(np.prod(shape), action),
                np.broadcast_to(noise, (*shape, 2)).reshape(-1, 2),
            )
            rows = np.arange(shape[0]).repeat(shape[1] * shape[2]) * len(ACTIONS) + action
            probabilities = np.broadcast_to(weights, shape).ravel()
            stays = ~terminations
            landing = self.sub_cells(ends[stays] / self.maze.shape)
            matrices.append(
                sparse.csr_matrix(
                    (probabilities[stays], (rows[stays], landing)), shape=(len(ACTIONS) * shape[0], shape[0])
                )
            )
        return sum(matrices[1:], matrices[0])

    def _key(self) -> str:
        maze = self.maze
        facts = (FORMAT, QUADRATURE_NODES, maze.shape, maze.goal, maze.goal_radius, self.resolution)
        dynamics = (ACTIONS.tolist(), NOISE_SCALE, SUBSTEPS)
        return hashlib.sha256(repr((facts, dynamics)).encode() + maze.walls.tobytes()).hexdigest()[:16]


solved = functools.cache(Oracle)  # one oracle a maze for all panels of a kernel


@dataclass
class Evaluation:
    """What is exactly true of a policy, or of a population of policies with leading axes (...).

    Attributes:
        episode_return: (...,) undiscounted, from the start, under the time limit.
        success_rate: (...,) share of episodes that reach the goal in time.
    """

    oracle: Oracle
    shape: tuple[int, ...]
    _matrices: list
    episode_return: np.ndarray
    success_rate: np.ndarray

    @cached_property
    def q_values(self) -> np.ndarray:
        """Q^pi (..., sub-cells, 5), discounted, without a time limit."""

        def solve(matrix):
            values, costs = np.zeros(len(self.oracle.cells)), np.asarray(matrix.sum(axis=1)).ravel()
            for _ in range(self.oracle._sweeps):
                values = self.oracle.discount * (matrix @ values) - costs
            return self.oracle._backup(values, self.oracle.discount)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.array(list(pool.map(solve, self._matrices))).reshape(*self.shape, -1, len(ACTIONS))

    @cached_property
    def visitation(self) -> np.ndarray:
        """(..., sub-cells): (1 - discount) sum_t discount^t P(s_t = s), from the start; what terminated is gone."""

        def follow(matrix):
            backwards, alive = matrix.T.tocsr(), (1 - self.oracle.discount) * self.oracle.start_weights
            total = np.zeros_like(alive)
            for _ in range(self.oracle._sweeps):
                total += alive
                alive = self.oracle.discount * (backwards @ alive)
            return total

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.array(list(pool.map(follow, self._matrices))).reshape(*self.shape, -1)


def _cached(key: str, solve, shape: tuple[int, int]) -> sparse.csr_matrix:
    """A solved matrix, from the cache where a sound one is there; a file appears whole or not at all."""
    folder = Path(os.environ.get("RLKIT_MINI_CACHE") or platformdirs.user_cache_path("rlkit_mini"))
    path = folder / f"oracle-{key}.npz"
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            matrix = sparse.csr_matrix((file["data"], file["indices"], file["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
        if matrix.data.dtype == np.float64 and (matrix.data >= 0).all() and (matrix.sum(axis=1) < 1 + 1e-9).all():
            return matrix
    except Exception:  # missing, damaged or foreign: solved anew
        pass
    matrix = solve()
    try:
        with whole_file(path) as part:
            np.savez(part, data=matrix.data, indices=matrix.indices, indptr=matrix.indptr)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return matrix
