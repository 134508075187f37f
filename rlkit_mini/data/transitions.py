"""Transitions: steps as flat tensors, and what is read off them: episodes, returns, positions."""

from __future__ import annotations

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.mazes import Maze, check_maze
from rlkit_mini.pointmass import ACTIONS


class Batch(NamedTuple):
    """Minibatches, (members, batch, ...); terminations are 0.0 or 1.0, so that 1 - terminations is the mask m."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminations: Tensor


COLUMNS = {  # name -> shape of one step, type
    "observations": ((2,), torch.float32),
    "actions": ((), torch.int64),
    "rewards": ((), torch.float32),
    "next_observations": ((2,), torch.float32),
    "terminations": ((), torch.bool),
    "truncations": ((), torch.bool),
}


@dataclasses.dataclass
class Transitions:
    """Steps in the order they were made.

    Attributes:
        observations, next_observations: (n, 2) float32 in [0, 1].
        actions: (n,) int64.
        rewards: (n,) float32.
        terminations: (n,) bool, the goal was reached.
        truncations: (n,) bool, the time limit or the collection's end cut the episode here; never a termination.
        maze: where they were made.

    Raises:
        ValueError: columns of another type or shape, or of unequal lengths; actions that there are not, places outside
            the maze, rewards that are not finite.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminations: Tensor
    truncations: Tensor
    maze: Maze

    def __post_init__(self) -> None:
        for name, (shape, kind) in COLUMNS.items():
            column, expected = getattr(self, name), (len(self.actions), *shape)
            if not isinstance(column, Tensor) or column.shape != expected or column.dtype != kind:
                given = f"{column.dtype} {tuple(column.shape)}" if isinstance(column, Tensor) else type(column).__name__
                raise ValueError(f"{name} are {given}; expected a tensor of {kind} {expected}")
        if not (self.actions.eq(self.actions.clamp(0, len(ACTIONS) - 1)).all() and self.rewards.isfinite().all()):
            raise ValueError(f"there are actions outside 0..{len(ACTIONS) - 1}, or rewards that are not finite")
        for name in ("observations", "next_observations"):
            if not ((getattr(self, name) - 0.5).abs() <= 0.5).all():
                raise ValueError(f"there are {name} outside [0, 1]; expected positions over the maze's shape")
        check_maze(self.maze)

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, steps: slice) -> Transitions:
        """A stretch of steps, `data[:1000]`; its last episode may be unfinished.

        Raises:
            TypeError: no slice.
        """
        if not isinstance(steps, slice):
            raise TypeError(f"Transitions take a slice such as data[:1000], got {steps!r}")
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "maze"}
        return dataclasses.replace(self, **{name: tensor[steps] for name, tensor in fields.items()})

    @property
    def positions(self) -> np.ndarray:
        """Every position visited (n + episodes, 2) in cells, in order, the one where each episode ended included."""
        last = self.terminations | self.truncations
        last[-1:] = True
        visited = torch.stack([self.observations, self.next_observations], dim=1)
        return self.maze.positions(visited[torch.stack([torch.ones_like(last), last], dim=1)].numpy())

    @property
    def episodes(self) -> list[Transitions]:
        """The episodes in order; the last may be unfinished."""
        ends = np.flatnonzero((self.terminations | self.truncations).numpy()) + 1
        bounds = np.unique(np.concatenate([[0], ends, [len(self)]]))
        return [self[start:stop] for start, stop in itertools.pairwise(bounds)]

    @property
    def episode_returns(self) -> np.ndarray:
        """Undiscounted return of each finished episode; `.mean()` is the behaviour policy's return."""
        return episode_returns(self.rewards.numpy(), self.terminations.numpy(), self.truncations.numpy())

    def split(self, every: int = 5) -> tuple[Transitions, Transitions]:
        """Two parts: to train on, and each `every`-th episode, held out to judge by what was not trained on.

        Raises:
            ValueError: one of them would be empty.
        """
        episodes = self.episodes
        if not 2 <= every <= len(episodes):
            raise ValueError(f"every is {every}; expected 2 to {len(episodes)}, the number of episodes")

        def join(chosen: list[Transitions]) -> Transitions:
            names = [field.name for field in dataclasses.fields(self) if field.name != "maze"]
            columns = {name: torch.cat([getattr(episode, name) for episode in chosen]) for name in names}
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
