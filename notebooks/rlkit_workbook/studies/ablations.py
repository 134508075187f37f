"""Coverage and quality of data as separate knobs, and data sets of which they are the name."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rlkit_mini.agents.guides import near_expert
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import COLUMNS, Transitions
from rlkit_mini.evaluation.tabular import times_tried
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES, Maze, half_cells
from rlkit_mini.oracle import Oracle, shared_oracle
from rlkit_mini.pointmass import ACTIONS, at_goal, sample_actions, transition

STEPS = 1_000
SHARES = (0.0, 0.1, 0.3, 0.6, 1.0)  # of random actions, along walks from the start
KNOBS = (0.0, 0.3, 1.0)  # shares of random places and of random actions, chosen independently


def independent_steps(
    oracle: Oracle, random_places: float, random_actions: float, steps: int, seed: int = 0
) -> Transitions:
    """Single steps of which the place (coverage) and the action (quality) are chosen independently.

    Args:
        random_places: share of steps made anywhere outside the goal; the others where the optimal policy comes by.
        random_actions: share of uniformly random actions; the others are optimal.
    """
    maze, rng = oracle.maze, np.random.default_rng(seed)
    path, anywhere, _ = knob_parts(oracle)
    weights = (1 - random_places) * path + random_places * anywhere
    picked = rng.choice(len(weights), size=steps, p=weights)
    positions = (oracle.cells[picked] + rng.random((steps, 2))) / oracle.resolution
    actions = sample_actions(near_expert(oracle, random_actions).table.numpy()[picked], rng.random(steps))
    ends, rewards, terminations = transition(maze, positions, actions, rng.standard_normal((steps, 2)))
    columns = (maze.observe(positions), actions, rewards.astype(np.float32), maze.observe(ends), terminations)
    return Transitions(*map(torch.from_numpy, (*columns, ~terminations)), maze)  # each is cut after its one step


def contents(data: Transitions) -> dict[str, float]:
    """What a data set shows: shares of half-cells and of (half-cell, action) pairs, and arrivals at the goal."""
    counts, free = times_tried(data), 4 * (~data.maze.walls).sum()
    shares = {"half-cells": (counts.sum(axis=1) > 0).sum() / free, "pairs": (counts > 0).sum() / counts.shape[1] / free}
    return shares | {"arrivals": float(data.terminations.sum())}


def with_arrivals(data: Transitions, other: Transitions | None = None) -> Transitions:
    """The steps of a data set that do not arrive at the goal, and those of another one that do."""
    columns = {name: getattr(data, name)[~data.terminations] for name in COLUMNS}
    if other is not None:
        columns = {name: torch.cat([kept, getattr(other, name)[other.terminations]]) for name, kept in columns.items()}
    return dataclasses.replace(data, **columns)


def pair_frequencies(data: Transitions) -> np.ndarray:
    """The share of steps that each of the maze's (half-cell, action) pairs has: (pairs,)."""
    return _free_pairs(data.maze, times_tried(data) / len(data))


def knob_parts(oracle: Oracle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `independent_steps` mixes: where the optimal policy comes by, anywhere, and the policy itself.

    Two distributions (sub-cells,) and action probabilities (sub-cells, 5).
    """
    anywhere = ~at_goal(oracle.maze, oracle.maze.positions(oracle.observations))  # in the goal nobody makes a step
    path = oracle.evaluate(oracle.optimal_policy).visitation * anywhere
    return path / path.sum(), anywhere / anywhere.sum(), oracle.optimal_policy


def on_pairs(oracle: Oracle, joint: np.ndarray) -> np.ndarray:
    """A distribution (sub-cells, 5) as one over the maze's (half-cell, action) pairs: (pairs,)."""
    sums = np.zeros((4 * oracle.maze.walls.size, len(ACTIONS)))
    np.add.at(sums, half_cells(oracle.maze, oracle.observations), joint)
    return _free_pairs(oracle.maze, sums)


def _free_pairs(maze: Maze, numbers: np.ndarray) -> np.ndarray:
    free = ~maze.walls.repeat(2, axis=0).repeat(2, axis=1)
    return numbers[free.ravel()].ravel()


def walks(oracle: Oracle, random_share: float, seeds: int | Sequence[int] = 8) -> list[Transitions]:
    """1,000 steps from the start, of the optimal policy with random actions mixed in, of each collection seed."""
    return explore(near_expert(oracle, random_share, seeds=seeds), oracle.maze, STEPS, progress=False)


@functools.lru_cache(maxsize=8)  # parts of a sweep that run in one process share it
def data_by_name(name: str, seeds: tuple[int, ...], folder: Path | None = None) -> list[Transitions]:
    """What members of these seeds learn from: one data set for all of them, or one for each.

    Args:
        name: a Minari data set's, "pointmass/medium-rnd-v0"; or one collected here, with a collection seed equal to the
            member's: "walked/medium-0.1" (see `walks`: maze, share of random actions), "drawn/medium-0.3-1" (see
            `independent_steps`: maze, shares of random places and of random actions), or "walked/medium-0.1-seed3",
            collection seed 3's for all of them.
        folder: of Minari data sets, as in `load_dataset`.

    Raises:
        UnknownNameError: no such data set or maze. ValueError: a share outside [0, 1], or one too many or too few.
    """
    if not str(name).startswith(("walked/", "drawn/")):
        return [load_dataset(name, folder)]
    pattern = r"(\w+)/([^-]*)((?:-[0-9]*[.]?[0-9]+)*)(?:-seed(\d{1,9}))?|.*"
    kind, maze, shares, seed = re.fullmatch(pattern, name).groups()
    shares = [float(share) for share in (shares or "").split("-")[1:]]
    if len(shares) != {"walked": 1, "drawn": 2}.get(kind) or max(shares) > 1:
        raise ValueError(f"{name!r} is no data set; expected such as walked/medium-0.1 or drawn/medium-0.3-1")
    oracle, each = shared_oracle(MAZES[maze]), seeds if seed is None else (int(seed),)
    if kind == "walked":
        return walks(oracle, *shares, seeds=each)
    return [independent_steps(oracle, *shares, STEPS, one) for one in each]
