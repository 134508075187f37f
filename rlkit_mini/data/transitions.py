"""Transitions: steps as flat tensors, and what is read off them: episodes, returns, positions."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.data.arrays import read_arrays
from rlkit_mini.environments import Environment, environment_of
from rlkit_mini.mazes import Maze, check_maze


class Batch(NamedTuple):
    """Minibatches, (members, batch, ...); terminations are 0.0 or 1.0, so that 1 - terminations is the mask m."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminations: Tensor


COLUMNS = {  # name -> type
    "observations": torch.float32,
    "actions": torch.int64,
    "rewards": torch.float32,
    "next_observations": torch.float32,
    "terminations": torch.bool,
    "truncations": torch.bool,
}


@dataclasses.dataclass
class Transitions:
    """Steps in the order they were made.

    Attributes:
        observations, next_observations: (n, size) float32, of a maze (n, 2) in [0, 1].
        actions: (n,) int64, from 0.
        rewards: (n,) float32.
        terminations: (n,) bool, the episode came to its end: the goal was reached, the pole fell.
        truncations: (n,) bool, the time limit or the collection's end cut the episode here; never a termination.
        maze: where they were made: one of `MAZES`, or another environment.

    Raises:
        TypeError: neither maze nor environment.
        ValueError: columns of another type or shape, or of unequal lengths; actions that there are not, places outside
            the maze, numbers that are not finite.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminations: Tensor
    truncations: Tensor
    maze: Maze | Environment

    def __post_init__(self) -> None:
        self.maze = environment_of(self.maze)
        size, count = self.sizes.values()
        for name, kind in COLUMNS.items():
            column, expected = getattr(self, name), (len(self.actions), *([size] if "observations" in name else []))
            if not isinstance(column, Tensor) or column.shape != expected or column.dtype != kind:
                given = f"{column.dtype} {tuple(column.shape)}" if isinstance(column, Tensor) else type(column).__name__
                raise ValueError(f"{name} are {given}; expected a tensor of {kind} {expected}")
        if not (self.actions.eq(self.actions.clamp(0, count - 1)).all() and self.rewards.isfinite().all()):
            raise ValueError(f"there are actions outside 0..{count - 1}, or rewards that are not finite")
        for name in ("observations", "next_observations"):
            column, within = getattr(self, name), isinstance(self.maze, Maze)
            if not ((column - 0.5).abs() <= 0.5 if within else column.isfinite()).all():
                wanted = "outside [0, 1]; expected positions over the maze's shape"
                raise ValueError(f"there are {name} {wanted if within else 'that are not finite; expected numbers'}")

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, Any] | str | os.PathLike,
        maze: Any = None,
        time_limit: int | None = None,
        action_count: int | None = None,
    ) -> Transitions:
        """Other people's arrays: a dict, or an npz file, of steps one after the other, or of a list of episodes.

        Args:
            arrays: observations, actions, rewards, terminations (or terminals, or dones), and where they are there
                next_observations and truncations (or timeouts). Without next_observations an episode's last step is
                left out, unless it terminates or the episode has an observation more than actions.
            maze: where they were made, as `explore` takes it; None where that is unknown.
            time_limit: of dones without truncations: the steps after which episodes were cut; 0 if none was.
            action_count: how many actions there are, of an unknown environment; else as many as the data has.

        Raises:
            ValueError: something is missing or ambiguous, or does not fit together.
        """
        columns, where = read_arrays(arrays, maze, time_limit, action_count)
        return cls(**{name: torch.as_tensor(column, device="cpu") for name, column in columns.items()}, maze=where)

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def sizes(self) -> dict[str, int]:
        """What an agent has to know of the environment, as in `CQL(**data.sizes)`."""
        return self.maze.sizes

    def __getitem__(self, steps: slice) -> Transitions:
        """A stretch of steps, `data[:1000]`; its last episode may be unfinished.

        Raises:
            TypeError: no slice.
        """
        if not isinstance(steps, slice):
            raise TypeError(f"Transitions take a slice such as data[:1000], got {steps!r}")
        return dataclasses.replace(self, **{name: getattr(self, name)[steps] for name in COLUMNS})

    @property
    def ends(self) -> np.ndarray:
        """The last step of each episode, and where the next step is from elsewhere, as in shuffled steps: (n,) bool."""
        elsewhere = (self.next_observations[:-1] != self.observations[1:]).any(dim=-1)
        return (self.terminations | self.truncations).numpy() | np.append(elsewhere, True)[: len(self)]

    @property
    def positions(self) -> np.ndarray:
        """Every position visited (n + episodes, 2) in cells, in order, the one where each episode ended included.

        Raises:
            TypeError: the transitions are not of a maze.
        """
        check_maze(self.maze)
        visited = torch.stack([self.observations, self.next_observations], dim=1).numpy()
        return self.maze.positions(visited[np.stack([np.ones(len(self), dtype=bool), self.ends], axis=1)])

    @property
    def episodes(self) -> list[Transitions]:
        """The episodes in order; the last may be unfinished."""
        bounds = np.concatenate([[0], np.flatnonzero(self.ends) + 1])
        return [self[start:stop] for start, stop in itertools.pairwise(bounds)]

    @property
    def starts(self) -> Tensor:
        """Where episodes begin: the start of a maze (1, 2), elsewhere each one's first observation (episodes, size)."""
        if isinstance(self.maze, Maze):
            return torch.from_numpy(self.maze.observe(np.array([self.maze.start])))
        return self.observations[torch.from_numpy(np.append(True, self.ends)[:-1])]

    @property
    def episode_returns(self) -> np.ndarray:
        """Undiscounted return of each finished episode; `.mean()` is the behaviour policy's return."""
        ends = self.ends
        finished = (self.terminations | self.truncations).numpy()[ends]
        return episode_returns(self.rewards.numpy(), ends, ends)[finished]

    def split(self, every: int = 5) -> tuple[Transitions, Transitions]:
        """Two parts: to train on, and each `every`-th episode, held out to judge by what was not trained on.

        Raises:
            ValueError: one of them would be empty.
        """
        episodes = self.episodes
        if not 2 <= every <= len(episodes):
            raise ValueError(f"every is {every}; expected 2 to {len(episodes)}, the number of episodes")

        def join(chosen: list[Transitions]) -> Transitions:
            columns = {name: torch.cat([getattr(episode, name) for episode in chosen]) for name in COLUMNS}
            return dataclasses.replace(self, **columns)

        kept = [episode for number, episode in enumerate(episodes, start=1) if number % every]
        return join(kept), join(episodes[every - 1 :: every])

    def as_batch(self, device: torch.device | str = "cpu") -> Batch:
        """All transitions as a batch of one member: (1, n, ...)."""
        columns = {name: getattr(self, name).unsqueeze(0).to(device) for name in Batch._fields}
        return Batch(**columns | {"terminations": columns["terminations"].to(torch.float32)})


def episode_returns(rewards: np.ndarray, terminations: np.ndarray, truncations: np.ndarray) -> np.ndarray:
    """Undiscounted return of each finished episode in a run of steps (n,): (episodes,)."""
    ends = np.flatnonzero(np.asarray(terminations) | np.asarray(truncations))
    totals = np.cumsum(np.asarray(rewards, dtype=np.float64))[ends]
    return np.diff(totals, prepend=0.0)
