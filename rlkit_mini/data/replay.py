"""What minibatches are drawn from: every member's transitions on the agent's device, given, collected, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.transitions import Batch, Transitions
from rlkit_mini.mazes import Maze


def uniform_picks(uniforms: np.ndarray, given: int, collected: int) -> np.ndarray:
    """Which transitions a minibatch takes: each is as likely, with replacement.

    Args:
        uniforms: (members, batch) in [0, 1), one a pick; or several such, below each other.
        given, collected: how many transitions there are of either kind; the collected ones come after the given.

    Returns:
        as many integers from 0 to given + collected - 1.
    """
    return (uniforms * (given + collected)).astype(np.int64)


def symmetric_picks(uniforms: np.ndarray, given: int, collected: int) -> np.ndarray:
    """As `uniform_picks`, but half of a minibatch is collected (Ball et al. 2023, arXiv 2302.02948, section 4.1).

    The first half (of an odd number the smaller one) is from the given transitions, the rest from the collected ones;
    while there is only one kind, all are from that.
    """
    if not (given and collected):
        return uniform_picks(uniforms, given, collected)
    from_given = np.arange(uniforms.shape[-1]) < uniforms.shape[-1] // 2
    return np.where(from_given, (uniforms * given).astype(np.int64), given + (uniforms * collected).astype(np.int64))


def _columns(packed: Tensor) -> Batch:
    """Views of packed transitions (..., 7) as the columns of a batch."""
    observations, actions, rewards, next_observations, terminations = packed.split([2, 1, 1, 2, 1], dim=-1)
    return Batch(observations, actions[..., 0], rewards[..., 0], next_observations, terminations[..., 0])


class Replay:
    """Transitions (members, capacity, ...), of which the first `size` are there.

    Args:
        data: to begin with: one `Transitions` for all members, or one of equal length for each, or None.
        room: how many transitions can be added to each member's.
        picks: `uniform_picks`, or another function like it.

    Raises:
        ValueError: data sets of unequal length, without transitions, or as many as fit no population; in `sample`,
            picks that are not there.
    """

    def __init__(
        self,
        agent: Agent,
        data: Transitions | Sequence[Transitions] | None,
        room: int = 0,
        picks: Callable = uniform_picks,
    ) -> None:
        each = [] if data is None else [data] if isinstance(data, Transitions) else list(data)
        if data is None and not room:
            raise ValueError("there are no transitions to learn from; expected data")
        if data is not None and len(each) not in (1, agent.members):
            raise ValueError(f"{len(each)} data sets for {agent.members} members; expected one, or one a member")
        lengths = {len(transitions) for transitions in each}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(f"data sets of {sorted(lengths)} transitions; expected equal lengths of at least 1")
        self.agent, self.picks = agent, picks
        self.given = self.size = max(lengths, default=0)
        rows = agent.members if room else 1 if len(each) == 1 else agent.members  # shared data is stored once
        # A transition's numbers lie side by side, so that a minibatch is gathered at once
        self._packed = torch.zeros(rows, self.size + room, 7, device=agent.device)
        self.stored = _columns(self._packed)
        self.truncations = torch.zeros(rows, self.size + room, dtype=torch.bool)
        if each:
            for name in (*Batch._fields, "truncations"):
                self._column(name)[:, : self.size] = torch.stack([getattr(transitions, name) for transitions in each])
        self._rows = np.arange(rows)[:, None] * (self.size + room)

    def _column(self, name: str) -> Tensor:
        return self.truncations if name == "truncations" else getattr(self.stored, name)

    def add(self, **columns: np.ndarray) -> None:
        """One transition a member: (members, ...) arrays by the names of `Transitions`' columns."""
        for name, values in columns.items():
            self._column(name)[:, self.size] = torch.from_numpy(values)
        self.size += 1

    def minibatches(self, count: int) -> Iterator[Batch]:
        """`count` minibatches a member (members, batch, ...), drawn with replacement from the stream of its seed.

        They are gathered many at a time, since for a small population that costs little more than gathering one, and an
        accelerator waits for new indices only then.
        """
        members, batch_size = self.agent.members, self.agent.batch_size
        most = max(1, 2**15 // (members * batch_size))
        for begun in range(0, count, most):
            block = min(most, count - begun)
            uniforms = self.agent.minibatches.draw(block, batch_size).reshape(-1, batch_size)
            picks = np.asarray(self.picks(uniforms, self.given, self.size - self.given))
            if picks.min() < 0 or picks.max() >= self.size:
                raise ValueError(f"picks go from {picks.min()} to {picks.max()}; expected 0 to {self.size - 1}")
            chosen = torch.from_numpy(self._rows + picks.reshape(members, -1)).to(self.agent.device)
            packed = self._packed.flatten(0, 1).index_select(0, chosen.flatten())
            packed = packed.view(members, block, batch_size, -1).permute(3, 1, 0, 2).contiguous()
            batches = _columns(packed.permute(1, 2, 3, 0))
            yield from map(Batch, *(column.unbind() for column in batches._replace(actions=batches.actions.long())))

    def sample(self) -> Batch:
        """One minibatch a member."""
        return next(self.minibatches(1))

    def transitions(self, maze: Maze, since: int = 0) -> list[Transitions]:
        """What is there from transition `since` on: one `Transitions` a member."""
        stored = self.stored._replace(actions=self.stored.actions.long(), terminations=self.stored.terminations.bool())
        columns = [column[:, since : self.size].cpu() for column in (*stored, self.truncations)]
        return [Transitions(*(column[row] for column in columns), maze) for row in range(len(self.truncations))]
