"""Offline training of a population on fixed transitions, held against the oracle while it trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import trange

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Batch, Transitions
from rlkit_mini.oracle import Oracle


@dataclasses.dataclass
class History:
    """What was seen during training, at `updates` (evaluations,).

    Attributes:
        returns: (evaluations, members) exact returns of the greedy policy; None without an oracle.
        losses: (evaluations, members) mean since the evaluation before.
    """

    updates: np.ndarray
    returns: np.ndarray | None
    losses: np.ndarray


class TrainingDivergedError(RuntimeError):
    """A loss became infinite or no number; `history` holds what was seen until then."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def train_offline(
    agent: Agent,
    data: Transitions | Sequence[Transitions],
    updates: int = 4000,
    oracle: Oracle | None = None,
    evaluations: int = 10,
    on_evaluation: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train every member on minibatches of the data, drawn with replacement from a stream of its seed.

    An interruption keeps what was learnt and gives the history so far.

    Args:
        data: for all members, or one `Transitions` of equal length for each.
        updates: minibatches a member.
        oracle: of the data's maze; gives exact returns.
        evaluations: how often to look, evenly spaced, the last after the last update.
        on_evaluation: called with the history so far.

    Raises:
        TrainingDivergedError: a loss became infinite or no number.
    """
    if not agent.batch_size:
        raise TypeError(f"{type(agent).__name__} does not learn from data; train BC, DQN, CQL, AWAC or IQL")
    if updates < 1 or evaluations < 1:
        raise ValueError(f"updates is {updates} and evaluations {evaluations}; expected both to be at least 1")
    each = [data] if isinstance(data, Transitions) else list(data)
    stored = _stack(each, agent)
    others = {transitions.maze for transitions in each} - {oracle.maze if oracle else None}
    if oracle and others:
        raise ValueError(f"the oracle is of {oracle.maze}, the data of {' and '.join(sorted(map(repr, others)))}")
    size, rows = stored.actions.shape[1], torch.arange(len(stored.actions), device=agent.device).unsqueeze(-1)
    marks = set(np.linspace(0, updates, min(evaluations, updates) + 1)[1:].round().astype(int))
    nothing = np.empty((0, agent.members))
    history = History(np.empty(0, dtype=int), nothing if oracle else None, nothing)
    total, since, done = torch.zeros(agent.members, device=agent.device), 0, 0
    try:
        for update in trange(
            1, updates + 1, desc=f"training {type(agent).__name__}", disable=not progress, leave=False
        ):
            picks = torch.from_numpy((agent.minibatches.draw(agent.batch_size) * size).astype(np.int64))
            picks = picks.to(agent.device)
            total += agent.update(Batch(*(tensor[rows, picks] for tensor in stored)))
            since, done = since + 1, update
            if update in marks:
                losses = (total / since).cpu().numpy()
                _check_finite(agent, losses, update, history)
                returns = oracle.evaluate(agent.policy(oracle.observations).cpu()).episode_return if oracle else None
                history = _extended(history, update, returns, losses)
                total, since = torch.zeros_like(total), 0
                if on_evaluation:
                    on_evaluation(history)
    except KeyboardInterrupt:
        print(f"interrupted after {done:,} of {updates:,} updates: what was learnt is kept")
    return history


def _stack(each: list[Transitions], agent: Agent) -> Batch:
    """All transitions on the device, (members or 1, n, ...)."""
    if len(each) not in (1, agent.members):
        raise ValueError(f"{len(each)} data sets for {agent.members} members; expected one, or one a member")
    if len({len(transitions) for transitions in each}) > 1 or not len(each[0]):
        raise ValueError(
            f"data sets of {sorted({len(t) for t in each})} transitions; expected equal lengths of at least 1"
        )

    def stack(name: str) -> Tensor:
        return torch.stack([getattr(transitions, name) for transitions in each]).to(agent.device)

    columns = {name: stack(name) for name in Batch._fields}
    columns["terminations"] = columns["terminations"].to(torch.float32)
    return Batch(**columns)


def _extended(history: History, update: int, returns: np.ndarray | None, losses: np.ndarray) -> History:
    return History(
        np.append(history.updates, update),
        None if returns is None else np.vstack([history.returns, returns]),
        np.vstack([history.losses, losses]),
    )


def _check_finite(agent: Agent, losses: np.ndarray, update: int, history: History) -> None:
    sound = np.isfinite(losses)
    for parameter in agent.parameters():  # an actor can diverge while the critic's loss stays finite
        sound &= parameter.isfinite().flatten(1).all(dim=1).cpu().numpy()
    if not sound.all():
        bad = int(sound.argmin())
        what = "parameters are not finite" if np.isfinite(losses[bad]) else f"loss is {losses[bad]}"
        raise TrainingDivergedError(
            f"member {bad} ({agent.describe(bad)}) diverged before update {update}: its {what}; "
            "a smaller learning_rate or alpha may help, and the error's .history holds what came before",
            history,
        )
