"""What minibatches are drawn from: every member's transitions on the agent's device, given, collected, or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Batch, Transitions
from rlkit_mini.mazes import Maze


class Replay:
    """Transitions (members, capacity, ...), of which the first `size` are there.

    Args:
        data: to begin with: one `Transitions` for all members, or one of equal length for each, or None.
        room: how many transitions can be added to each member's.

    Raises:
        ValueError: data sets of unequal length, without transitions, or as many as fit no population.
    """

    def __init__(self, agent: Agent, data: Transitions | Sequence[Transitions] | None, room: int = 0) -> None:
        each = [] if data is None else [data] if isinstance(data, Transitions) else list(data)
        if data is not None and len(each) not in (1, agent.members):
            raise ValueError(f"{len(each)} data sets for {agent.members} members; expected one, or one a member")
        lengths = {len(transitions) for transitions in each}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(f"data sets of {sorted(lengths)} transitions; expected equal lengths of at least 1")
        self.agent, self.size = agent, max(lengths, default=0)
        rows = agent.members if room else 1 if len(each) == 1 else agent.members  # shared data is stored once
        shape = (rows, self.size + room)
        self.stored = Batch(
            observations=torch.zeros(*shape, 2),
            actions=torch.zeros(shape, dtype=torch.int64),
            rewards=torch.zeros(shape),
            next_observations=torch.zeros(*shape, 2),
            terminations=torch.zeros(shape),
        )
        self.truncations = torch.zeros(shape, dtype=torch.bool)
        if each:
            for name in (*Batch._fields, "truncations"):
                self._column(name)[:, : self.size] = torch.stack([getattr(transitions, name) for transitions in each])
        self.stored = Batch(*(column.to(agent.device) for column in self.stored))
        self._rows = torch.arange(rows, device=agent.device).unsqueeze(-1)

    def _column(self, name: str) -> Tensor:
        return self.truncations if name == "truncations" else getattr(self.stored, name)

    def add(self, **columns: np.ndarray) -> None:
        """One transition a member: (members, ...) arrays by the names of `Transitions`' columns."""
        for name, values in columns.items():
            self._column(name)[:, self.size] = torch.from_numpy(values)
        self.size += 1

    def sample(self) -> Batch:
        """A minibatch a member (members, batch, ...), drawn with replacement from the stream of its seed."""
        uniforms = self.agent.minibatches.draw(self.agent.batch_size)
        picks = torch.from_numpy((uniforms * self.size).astype(np.int64)).to(self.agent.device)
        return Batch(*(column[self._rows, picks] for column in self.stored))

    def transitions(self, maze: Maze, since: int = 0) -> list[Transitions]:
        """What is there from transition `since` on: one `Transitions` a member."""
        stored = self.stored._replace(terminations=self.stored.terminations.bool())
        columns = [column[:, since : self.size].cpu() for column in (*stored, self.truncations)]
        return [Transitions(*(column[row] for column in columns), maze) for row in range(len(self.truncations))]
