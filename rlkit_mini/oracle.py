"""The oracle: each maze solved exactly on a fine grid, so that agents are held against the truth.

Every free cell is divided into resolution x resolution sub-cells. From four points of a sub-cell, and from the start
itself, evenly spread noise goes through the same dynamics as the environments; where it lands gives the sparse
transition matrices. A policy may act differently at each of these points: what it does at the start, and where
its action changes within a sub-cell, decides what a half-trained agent earns. Sub-cells never straddle a wall, and
nothing is interpolated across one.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs
import scipy.sparse as sparse
import torch
from numpy.typing import ArrayLike
from scipy.special import ndtri

from rlkit_mini.files import say_once, whole_file
from rlkit_mini.mazes import Maze, check_maze, half_cells, half_cells_at
from rlkit_mini.names import plain
from rlkit_mini.pointmass import ACTIONS, NOISE_SCALE, SUBSTEPS, check_distribution, transition

RESOLUTION = {"easy": 8, "medium": 8, "hard": 2, "veryhard": 4}  # what half-trained policies need to be judged fairly
POINTS = 4  # per sub-cell
NOISE = 64  # per point and action
FORMAT = 2  # of the cached file


class Oracle:
    """The exact solution of a maze.

    Args:
        maze: one of `MAZES`.
        discount: of `optimal_q`, `Evaluation.q_values` and `Evaluation.visitation`; returns are undiscounted.
        resolution: sub-cells per cell and axis; None takes the maze's own, which is within 2% of a twice finer grid.

    Attributes:
        observations: (sub-cells, 2) float32, the sub-cells' centres.
        points: (4 * sub-cells + 1, 2) float32, where a policy is asked: four points per sub-cell, and last the start.
        start_weights: (sub-cells,) share of each sub-cell in the start (which often lies on a corner of four).

    Raises:
        TypeError: no maze. ValueError: a discount or a resolution outside its range.
    """

    def __init__(self, maze: Maze, discount: float = 0.95, resolution: int | None = None) -> None:
        check_maze(maze)
        discount = plain(discount)
        if not (isinstance(discount, (int, float)) and 0 <= discount < 1):
            raise ValueError(f"discount is {discount!r}; expected 0 <= discount < 1")
        resolution = RESOLUTION.get(maze.name, 4) if resolution is None else plain(resolution)
        if isinstance(resolution, bool) or not (isinstance(resolution, int) and 1 <= resolution <= 32):
            raise ValueError(f"resolution is {resolution!r}; expected an integer from 1 to 32, or None")
        self.maze, self.discount, self.resolution = maze, discount, resolution
        self._free = ~maze.walls.repeat(resolution, axis=0).repeat(resolution, axis=1)
        self.cells = np.argwhere(self._free)  # (sub-cells, 2)
        self._index = np.full(self._free.shape, -1)
        self._index[self._free] = np.arange(len(self.cells))
        corners = np.stack(np.meshgrid([0.25, 0.75], [0.25, 0.75], indexing="ij"), axis=-1).reshape(POINTS, 2)
        inside = (self.cells[:, None] + corners) / resolution  # (sub-cells, 4, 2)
        # In cells, of `observations` and of `points`
        self._centres = (self.cells + 0.5) / resolution
        self._positions = np.vstack([inside.reshape(-1, 2), maze.start])
        self.observations, self.points = maze.observe(self._centres), maze.observe(self._positions)
        distance = np.abs(self._centres - np.array(maze.start)).max(axis=1)
        touching = distance < distance.min() + 1e-9
        self.start_weights = touching / touching.sum()
        # (points x actions, sub-cells): where a step leads, unless it terminates; point-major
        shape = (len(ACTIONS) * len(self.points), len(self.cells))
        self._transitions = _cached(self._key(), self._solve_transitions, shape)

    # What is true of the maze

    @cached_property
    def optimal_q(self) -> np.ndarray:
        """Q* (sub-cells, 5), discounted, without a time limit."""
        values = np.zeros(len(self.cells))
        for _ in range(self._iterations):
            before, values = values, self._backup(values, self.discount).max(axis=1)
            if np.abs(values - before).max() < 1e-7:
                break
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

    def best_return(self, observations: ArrayLike, actions: ArrayLike) -> float:
        """The best this data allows: J* restricted to the (half-cell, action) pairs that a data set contains.

        Where the data has no pair at all, nobody knows better than to act at random, and so does this policy.

        Args:
            observations: (n, 2) in [0, 1]; actions: (n,) integers.

        Raises:
            ValueError: other shapes, actions that there are not, or places outside the maze.
        """
        actions = np.asarray(actions)
        if np.shape(observations) != (len(actions), 2) or not np.isin(actions, np.arange(len(ACTIONS))).all():
            shapes = f"{np.shape(observations)} and {actions.shape}"
            raise ValueError(f"observations and actions of shapes {shapes}; expected (n, 2), and (n,) from 0 to 4")
        if not (np.abs(np.asarray(observations) - 0.5) <= 0.5).all():
            raise ValueError("there are observations outside the maze; expected numbers in [0, 1]")
        seen = np.zeros((4 * self.maze.walls.size, len(ACTIONS)), dtype=bool)
        seen[half_cells(self.maze, observations), actions.astype(int)] = True
        return self._best_return(seen[half_cells_at(self.maze, self._centres)])

    def policy_towards(self, places: np.ndarray) -> np.ndarray:
        """Probabilities (sub-cells, 5) of the policy that gets to some of the sub-cells soonest, past the goal.

        Args:
            places: (sub-cells,) bool.
        """
        values, never = np.zeros(len(self.cells)), -1 / (1 - self.discount)  # what ends in the goal does not arrive
        for _ in range(self._iterations):
            q_values = self._backup(values, self.discount).T + never * (1 - self._survival.T)
            before, values = values, np.where(places, 0.0, q_values.max(axis=0))
            if np.abs(values - before).max() < 1e-6:
                break
        return np.eye(len(ACTIONS))[q_values.argmax(axis=0)]

    # What is true of a policy

    def evaluate(self, policy: Callable[[np.ndarray], ArrayLike] | ArrayLike) -> Evaluation:
        """The exact return, success rate, Q^pi and visitation of one policy or a population of them.

        Args:
            policy: a function that maps observations to action probabilities (..., n, 5), asked at `points`; or
                probabilities (..., sub-cells, 5), the same all over a sub-cell, or (..., points, 5).

        Raises:
            ValueError: they have another shape, or are no distribution.
        """
        with torch.no_grad():
            probabilities = self._at_points(policy(self.points) if callable(policy) else policy)
        found = _in_threads(self._episode, probabilities.reshape(-1, *probabilities.shape[-2:]))
        leading = probabilities.shape[:-2]
        matrices, returns, rates = (np.array(part).reshape(leading) for part in zip(*found, strict=True))
        return Evaluation(self, matrices, returns, rates)

    def sub_cells(self, observations: ArrayLike) -> np.ndarray:
        """The sub-cell (..., ) in which each observation (..., 2) lies."""
        return self._sub_cells_at(self.maze.positions(observations))

    def on_grid(self, values: ArrayLike) -> np.ndarray:
        """Values (..., sub-cells) laid out as maps (..., width x resolution, height x resolution), NaN in walls."""
        values = np.asarray(values, dtype=np.float64)
        maps = np.full((*values.shape[:-1], *self._free.shape), np.nan)
        maps[..., self._free] = values
        return maps

    # How it is computed

    def _at_points(self, given: ArrayLike) -> np.ndarray:
        """Probabilities (..., points, 5), of those given at points or of sub-cells; raises as `evaluate`."""
        shape = (len(self.cells), len(ACTIONS))
        given = given.detach().cpu().double() if isinstance(given, torch.Tensor) else given
        try:
            probabilities = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):  # text, or rows of unequal length
            kind = type(given).__name__
            raise ValueError(
                f"policy is a {kind} without a shape; expected probabilities (..., {shape[0]}, 5)"
            ) from None
        if probabilities.shape[-2:] not in (shape, (len(self.points), len(ACTIONS))) or not probabilities.size:
            raise ValueError(f"policy has shape {probabilities.shape}; expected probabilities (..., {shape[0]}, 5)")
        check_distribution(probabilities)
        probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)  # or rounding ends episodes
        if probabilities.shape[-2:] == shape:
            at_start = (self.start_weights @ probabilities)[..., None, :]
            probabilities = np.concatenate([probabilities.repeat(POINTS, axis=-2), at_start], axis=-2)
        return probabilities

    @property
    def _iterations(self) -> int:  # until a step that far ahead weighs less than 1e-7
        return int(np.ceil(np.log(1e-7) / np.log(self.discount))) if self.discount > 0 else 1

    @cached_property
    def _mean_transitions(self) -> sparse.csr_matrix:
        """(sub-cells x actions, sub-cells): the mean over a sub-cell's points."""
        of_one = np.kron(np.full(POINTS, 1 / POINTS), np.eye(len(ACTIONS)))  # (actions, points x actions)
        of_all = sparse.kron(sparse.identity(len(self.cells)), of_one, format="csr")
        return of_all @ self._transitions[: -len(ACTIONS)]  # without the start's

    @cached_property
    def _survival(self) -> np.ndarray:
        """(sub-cells, 5): the probability that a step does not terminate, which is what it costs."""
        return np.asarray(self._mean_transitions.sum(axis=1)).reshape(-1, len(ACTIONS))

    def _backup(self, values: np.ndarray, discount: float = 1.0) -> np.ndarray:
        return discount * (self._mean_transitions @ values).reshape(-1, len(ACTIONS)) - self._survival

    def _best_return(self, allowed: np.ndarray) -> float:
        unknown = ~allowed.any(axis=1)
        values = np.zeros(len(self.cells))
        for _ in range(self.maze.horizon - 1):
            q_values = self._backup(values)
            values = np.where(allowed, q_values, -np.inf).max(axis=1)
            values[unknown] = q_values[unknown].mean(axis=1)
        first = self._transitions[-len(ACTIONS) :] @ (values - 1)
        allowed = allowed[self.start_weights > 0].any(axis=0)
        return float(first[allowed].max() if allowed.any() else first.mean())

    def _policy_matrix(self, probabilities: np.ndarray) -> sparse.csr_matrix:
        """(sub-cells + 1, sub-cells): where a step of the policy leads; the last row is the step from the start."""
        states = np.arange(len(self.cells) + 1)
        inside = probabilities[:-1].reshape(-1, POINTS, len(ACTIONS))
        alike = (inside == inside[:, :1]).all(axis=(1, 2))  # most sub-cells; the means over their points are known
        of_points = np.vstack([(inside / POINTS * ~alike[:, None, None]).reshape(-1, len(ACTIONS)), probabilities[-1]])
        return (
            _choice(inside[:, 0] * alike[:, None], states[:-1], len(states)) @ self._mean_transitions
            + _choice(of_points, np.append(states[:-1].repeat(POINTS), states[-1]), len(states)) @ self._transitions
        )

    def _episode(self, probabilities: np.ndarray) -> tuple[sparse.csr_matrix, float, float]:
        """Matrix, return and success rate: follow the share of episodes that has not terminated through the steps."""
        matrix = self._policy_matrix(probabilities)
        backwards, alive = matrix[:-1].T.tocsr(), matrix[-1].toarray().ravel()
        total = share = alive.sum()
        for _ in range(self.maze.horizon - 1):
            if share < 1e-9:
                break
            alive = backwards @ alive
            share = alive.sum()
            total += share
        return matrix, -total, 1 - share

    def _sub_cells_at(self, positions: np.ndarray) -> np.ndarray:
        cells = np.clip(np.floor(positions), 0, np.array(self.maze.shape) - 1)
        within = np.floor((positions - cells) * self.resolution).clip(0, self.resolution - 1)
        where = (cells * self.resolution + within).astype(int)
        return self._index[where[..., 0], where[..., 1]]

    def _solve_transitions(self) -> sparse.csr_matrix:
        """Quasi-Monte Carlo: a Sobol sequence of noise, rotated for each point, so that the rare is somewhere there."""
        with torch.device("cpu"):
            spread = torch.quasirandom.SobolEngine(2).draw(NOISE, dtype=torch.float64).numpy() + 0.5 / NOISE
        rotations = np.random.default_rng(0).random((len(self.points), 1, 2))
        noise = ndtri((spread + rotations) % 1).reshape(-1, 2)
        positions, points = self._positions.repeat(NOISE, axis=0), np.arange(len(self.points)).repeat(NOISE)

        def matrix(action: int) -> sparse.csr_matrix:
            ends, _, terminations = transition(self.maze, positions, np.full(len(positions), action), noise)
            rows, landing = (points * len(ACTIONS) + action)[~terminations], self._sub_cells_at(ends[~terminations])
            return sparse.csr_matrix(
                (np.full(len(rows), 1 / NOISE), (rows, landing)),
                shape=(len(ACTIONS) * len(self.points), len(self.cells)),
            )

        return sum(_in_threads(matrix, range(len(ACTIONS))))

    def _key(self) -> str:
        maze = self.maze
        facts = (FORMAT, NOISE, maze.shape, maze.start, maze.goal, maze.goal_radius, self.resolution)
        dynamics = (ACTIONS.tolist(), NOISE_SCALE, SUBSTEPS)
        return hashlib.sha256(repr((facts, dynamics)).encode() + maze.walls.tobytes()).hexdigest()[:16]


shared_oracle = functools.cache(Oracle)  # one per maze, for all panels of a kernel


@dataclass
class Evaluation:
    """What is exactly true of a policy, or of a population of policies with leading axes (...).

    Attributes:
        episode_return: (...,) undiscounted, from the start, under the time limit.
        success_rate: (...,) share of episodes that reach the goal in time.
    """

    oracle: Oracle
    _matrices: np.ndarray
    episode_return: np.ndarray
    success_rate: np.ndarray

    def __getitem__(self, members) -> Evaluation:
        """Of one member, or of several, as an array is indexed."""
        parts = (self._matrices, self.episode_return, self.success_rate)
        return Evaluation(self.oracle, *(part[members, ...] for part in parts))

    @cached_property
    def q_values(self) -> np.ndarray:
        """Q^pi (..., sub-cells, 5), discounted, without a time limit."""
        q_values = [self.oracle._backup(values, self.oracle.discount) for values in self._values]
        return np.array(q_values).reshape(*self.episode_return.shape, -1, len(ACTIONS))

    @property
    def start_value(self) -> np.ndarray:
        """V^pi of the start itself (...,), discounted, without a time limit."""
        values = [
            (matrix[-1] @ (self.oracle.discount * values - 1)).item()
            for matrix, values in zip(self._matrices.flat, self._values, strict=True)
        ]
        return np.array(values).reshape(self.episode_return.shape)

    @cached_property
    def _values(self) -> list[np.ndarray]:
        """V^pi (sub-cells,) of each policy."""

        def solve(matrix):
            costs = np.asarray(matrix[:-1].sum(axis=1)).ravel()  # the last row is the start's
            return _solved(self.oracle.discount * matrix[:-1], -costs)

        return _in_threads(solve, self._matrices.flat)

    @cached_property
    def visitation(self) -> np.ndarray:
        """(..., sub-cells): (1 - discount) sum_t discount^t P(s_t = s), from the start; what terminated is gone."""

        def follow(matrix):
            discount = self.oracle.discount
            later = _solved(discount * matrix[:-1].T.tocsr(), matrix[-1].toarray().ravel()).clip(min=0)
            return (1 - discount) * (self.oracle.start_weights + discount * later)

        return np.array(_in_threads(follow, self._matrices.flat)).reshape(*self.episode_return.shape, -1)


def _choice(probabilities: np.ndarray, states: np.ndarray, count: int) -> sparse.csr_matrix:
    """Probabilities (places, 5) as a matrix (count, places x 5), whose row `states[i]` takes place i."""
    places, actions = np.nonzero(probabilities)
    where = (states[places], places * len(ACTIONS) + actions)
    return sparse.csr_matrix((probabilities[places, actions], where), shape=(count, probabilities.size))


def _solved(matrix: sparse.csr_matrix, constant: np.ndarray) -> np.ndarray:
    """x = matrix x + constant, of a discounted matrix (n, n), to within 1e-7 or so."""
    from scipy.sparse.linalg import bicgstab, spsolve  # not before it is needed: 0.03 s

    system = sparse.identity(len(constant), format="csr") - matrix
    solution, failure = bicgstab(system, constant, rtol=1e-10)
    return spsolve(system.tocsc(), constant) if failure else solution


def _in_threads(function: Callable, items: Iterable) -> list:
    """The function of each item; scipy's products release the interpreter's lock."""
    items = list(items)
    if len(items) < 5:  # policies: about as fast in one, and other programs keep their cores
        return [function(item) for item in items]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def _cache_path(key: str) -> Path:
    """Where a solved maze is kept; raises a RuntimeError where the user has no home folder."""
    folder = Path(os.environ.get("RLKIT_MINI_CACHE") or platformdirs.user_cache_path("rlkit_mini"))
    return folder.expanduser() / f"oracle-{key}.npz"


def _cached(key: str, solve, shape: tuple[int, int]) -> sparse.csr_matrix:
    """A solved matrix, from the cache where a sound one is there; a file appears whole or not at all."""
    try:
        with open(_cache_path(key), "rb") as opened, np.load(opened, allow_pickle=False) as file:
            matrix = sparse.csr_matrix((file["data"], file["indices"], file["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
        if matrix.data.dtype == np.float64 and (matrix.data >= 0).all() and (matrix.sum(axis=1) < 1 + 1e-9).all():
            return matrix
    except Exception:  # missing, damaged or foreign: solved anew
        pass
    matrix = solve()
    try:
        with whole_file(_cache_path(key)) as part:
            np.savez(part, data=matrix.data, indices=matrix.indices, indptr=matrix.indptr)
    except (OSError, RuntimeError) as error:
        say_once(f"solved mazes are not kept ({error}); RLKIT_MINI_CACHE may name a folder that can be written to")
    return matrix
