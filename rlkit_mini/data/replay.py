"""What minibatches are drawn from: every member's transitions, given offline, collected online, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.data.transitions import COLUMNS, Batch, Transitions
from rlkit_mini.environments import Environment
from rlkit_mini.mazes import Maze
from rlkit_mini.streams import Streams


def uniform_indices(uniforms: np.ndarray, n_offline: int, n_online: int) -> np.ndarray:
    """Which transitions a minibatch takes: each is as likely, with replacement.

    Args:
        uniforms: (members, batch) in [0, 1), one per index; or several such, below each other.
        n_offline, n_online: how many transitions were given and how many collected; the collected ones come last.

    Returns:
        as many integers from 0 to n_offline + n_online - 1.
    """
    return (uniforms * (n_offline + n_online)).astype(np.int64)


def symmetric_indices(uniforms: np.ndarray, n_offline: int, n_online: int) -> np.ndarray:
    """As `uniform_indices`, but half of a minibatch is collected (Ball et al. 2023, arXiv 2302.02948, section 4.1).

    The first half (of an odd number the smaller one) is from the given transitions, the rest from the collected ones;
    while there is only one kind, all are from that.
    """
    if not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    offline = np.arange(uniforms.shape[-1]) < uniforms.shape[-1] // 2
    collected = n_offline + (uniforms * n_online).astype(np.int64)
    return np.where(offline, (uniforms * n_offline).astype(np.int64), collected)


def _columns(packed: Tensor) -> Batch:
    """Views of packed transitions (..., 2 * size + 3) as the columns of a batch."""
    size = (packed.shape[-1] - 3) // 2
    observations, actions, rewards, next_observations, terminations = packed.split([size, 1, 1, size, 1], dim=-1)
    return Batch(observations, actions[..., 0], rewards[..., 0], next_observations, terminations[..., 0])


class Replay:
    """Transitions of every member, of which the first `size` are there.

    Args:
        data: to begin with: one `Transitions` for all members, or one of equal length for each, or None.
        members, batch_size: of the minibatches.
        stream: (members,) uniform random numbers, which the minibatches are drawn by.
        capacity: how many transitions can be added per member.
        indices: `uniform_indices`, or another function like it.
        observation_size: where there is no data to say it.

    Attributes:
        columns: name -> (members, transitions, ...); (1, transitions, ...) of data that all members share.

    Raises:
        ValueError: data sets of unequal length, without transitions, or as many as fit no population.
    """

    def __init__(
        self,
        data: Transitions | Sequence[Transitions] | None,
        members: int,
        batch_size: int,
        stream: Streams,
        device: torch.device | str = "cpu",
        capacity: int = 0,
        indices: Callable[[np.ndarray, int, int], np.ndarray] = uniform_indices,
        observation_size: int = 2,
    ) -> None:
        each = [] if data is None else [data] if isinstance(data, Transitions) else list(data)
        if data is None and not capacity:
            raise ValueError("there are no transitions to learn from; expected data")
        if data is not None and len(each) not in (1, members):
            raise ValueError(f"{len(each)} data sets for {members} members; expected one, or one per member")
        lengths = {len(transitions) for transitions in each}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(f"data sets of {sorted(lengths)} transitions; expected equal lengths of at least 1")
        self.members, self.batch_size, self.stream, self.device = members, batch_size, stream, device
        self.indices = indices
        self.n_offline = self.size = max(lengths, default=0)
        members_stored = 1 if len(each) == 1 and not capacity else members  # shared data is stored once
        # A transition's numbers lie side by side, so that a minibatch is gathered at once
        size = each[0].sizes["observation_size"] if each else observation_size
        shape = (members_stored, self.size + capacity, 2 * size + 3)
        self._packed = torch.zeros(shape, dtype=torch.float32, device=device)
        truncations = torch.zeros_like(self._packed[..., 0], dtype=torch.bool, device="cpu")  # no minibatch needs them
        self.columns = _columns(self._packed)._asdict() | {"truncations": truncations}
        if each:
            for name, column in self.columns.items():
                column[:, : self.size] = torch.stack([getattr(transitions, name) for transitions in each])
        self._first = np.arange(members_stored)[:, None] * (self.size + capacity)  # row of each member's first

    def add(self, *columns: np.ndarray) -> None:
        """One transition per member: (members, ...) arrays in the order of `Transitions`' columns."""
        for name, values in zip(COLUMNS, columns, strict=True):
            self.columns[name][:, self.size] = torch.from_numpy(values)
        self.size += 1

    def minibatches(self, count: int) -> Iterator[Batch]:
        """`count` minibatches per member (members, batch, ...), drawn with replacement from the stream of its seed.

        They are gathered many at a time, since for a small population that costs little more than gathering one, an
        accelerator waits for new indices only then, and memory that was asked for in large blocks is kept for reuse.

        Raises:
            ValueError: `indices` gives some that are not there.
        """
        most = max(1, 2**18 // (self.members * self.batch_size))
        for begun in range(0, count, most):
            block = min(most, count - begun)
            uniforms = self.stream.draw(block, self.batch_size).reshape(-1, self.batch_size)
            indices = np.asarray(self.indices(uniforms, self.n_offline, self.size - self.n_offline))
            if indices.min() < 0 or indices.max() >= self.size:
                raise ValueError(f"indices go from {indices.min()} to {indices.max()}; expected 0 to {self.size - 1}")
            rows = torch.from_numpy(self._first + indices.reshape(self.members, -1)).to(self.device)
            packed = self._packed.flatten(0, 1).index_select(0, rows.flatten())
            packed = packed.view(self.members, block, self.batch_size, -1)
            # In memory each column of each minibatch lies by itself, as networks take it; its axes stay in order
            packed = packed.permute(3, 1, 0, 2).contiguous().permute(1, 2, 3, 0)  # (block, members, batch, -1)
            batches = _columns(packed)
            yield from map(Batch, *(column.unbind() for column in batches._replace(actions=batches.actions.long())))

    def transitions(self, maze: Maze | Environment, since: int = 0) -> list[Transitions]:
        """What is there from transition `since` on: one `Transitions` per member."""
        columns = {name: column[:, since : self.size].to("cpu", COLUMNS[name]) for name, column in self.columns.items()}
        rows = range(len(columns["actions"]))
        return [Transitions(**{name: column[row] for name, column in columns.items()}, maze=maze) for row in rows]
