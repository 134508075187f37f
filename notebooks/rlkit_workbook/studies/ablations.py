"""Coverage and quality of data as separate knobs, and data sets of which they are the name."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rlkit_mini.agents.guides import near_expert
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle, shared_oracle
from rlkit_mini.pointmass import at_goal, sample_actions, transition

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
    anywhere = ~at_goal(maze, maze.positions(oracle.observations))  # in the goal nobody ever makes a step
    path = oracle.evaluate(oracle.optimal_policy).visitation * anywhere
    weights = (1 - random_places) * path / path.sum() + random_places * anywhere / anywhere.sum()
    picked = rng.choice(len(weights), size=steps, p=weights)
    positions = (oracle.cells[picked] + rng.random((steps, 2))) / oracle.resolution
    actions = sample_actions(near_expert(oracle, random_actions).table.numpy()[picked], rng.random(steps))
    ends, rewards, terminations = transition(maze, positions, actions, rng.standard_normal((steps, 2)))
    columns = (maze.observe(positions), actions, rewards.astype(np.float32), maze.observe(ends), terminations)
    return Transitions(*map(torch.from_numpy, (*columns, ~terminations)), maze)  # each is cut after its one step


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
    kind, maze, shares, _, seed = re.fullmatch(
        r"(\w+)/([^-]*)((?:-[0-9]*[.]?[0-9]+)*)(-seed(\d{1,9}))?|.*", name
    ).groups()
    shares = [float(share) for share in (shares or "").split("-")[1:]]
    if len(shares) != {"walked": 1, "drawn": 2}.get(kind) or max(shares) > 1:
        raise ValueError(f"{name!r} is no data set; expected such as walked/medium-0.1 or drawn/medium-0.3-1")
    oracle, each = shared_oracle(MAZES[maze]), seeds if seed is None else (int(seed),)
    if kind == "walked":
        return walks(oracle, *shares, seeds=each)
    return [independent_steps(oracle, *shares, STEPS, one) for one in each]
