"""Offline training of a population on fixed transitions, and going on online, held against a judge meanwhile."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm.auto import trange

from rlkit_mini.agents import offline
from rlkit_mini.agents.agent import Agent, TrainingDivergedError, learning
from rlkit_mini.data.replay import Replay, uniform_indices
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.environments import Environment, environment_of, is_same
from rlkit_mini.exploration import interact
from rlkit_mini.mazes import Maze
from rlkit_mini.names import check_count, plain

Judge = Any  # whatever has `evaluate(policy)` with `episode_return` (members,): an `Oracle`, `Rollouts`, yours


def use_one_thread() -> None:
    """Let torch compute in one thread, as notebooks and commands do, unless the variable OMP_NUM_THREADS is set.

    On an idle machine more threads help large populations, and small ones hardly; but threads that wait for one another
    lose nearly all speed, and a browser that draws beside the training is enough for that.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


@dataclasses.dataclass
class History:
    """What was seen during training, at `updates` (evaluations,).

    Attributes:
        returns: (evaluations, members) of the greedy policy, exact ones by an oracle; None without a judge.
        losses: (evaluations, members) mean since the evaluation before: the critic's, or BC's own.
        online_from: the update after which the agents were to collect data themselves; None in offline training.
        collected: what they collected, one `Transitions` per member.
    """

    updates: np.ndarray
    returns: np.ndarray | None
    losses: np.ndarray
    online_from: int | None = None
    collected: list[Transitions] = dataclasses.field(default_factory=list)


@learning
def train_offline(
    agent: Agent,
    data: Transitions | Sequence[Transitions],
    updates: int = 4000,
    oracle: Judge | None = None,
    evaluations: int = 10,
    on_evaluation: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train every member on minibatches of the data, drawn with replacement from a stream of its seed.

    An interruption keeps what was learnt and gives the history so far.

    Args:
        data: for all members, or one `Transitions` of equal length for each.
        updates: minibatches per member.
        oracle: of the data's maze, gives exact returns; elsewhere `Rollouts(data.maze)`, or whatever has such an
            `evaluate(policy)`.
        evaluations: how many, evenly spaced, the last after the last update.
        on_evaluation: called with the history so far; `lambda history: agent.save(path)` keeps a checkpoint, which a
            process that is killed leaves whole.

    Raises:
        TypeError, ValueError: an agent that does not learn from data, or anything that does not fit together.
        TrainingDivergedError: a loss became infinite or no number; its `history` is that until then.
    """
    updates, evaluations = check_count("updates", updates), check_count("evaluations", evaluations)
    each = _check_request(agent, data, oracle)
    if each:
        agent.prepare(each[0].maze, each)
        if progress:
            _advise(agent, each[0].maze)
    replay = Replay(data, agent.members, agent.batch_size, agent.minibatches, agent.device)
    return _train(agent, replay, updates, _evenly(updates, evaluations), oracle, on_evaluation, progress)


@learning
def fine_tune(
    agent: Agent,
    data: Transitions | Sequence[Transitions] | None,
    maze: Maze | Any,
    updates: int = 4000,
    steps: int = 4000,
    epsilon: float = 0.1,
    indices: Callable[[np.ndarray, int, int], np.ndarray] = uniform_indices,
    oracle: Judge | None = None,
    evaluations: int = 20,
    on_evaluation: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train offline, then go on online: each member steps in its own copy of an environment, one update per step.

    The data is kept: minibatches are drawn from it and from what was collected. Up to the last offline update
    everything is as in `train_offline`, to the bit.

    Args:
        data: as in `train_offline`; from `maze`. None, with `updates=0`, learns online from nothing.
        maze: as in `explore`.
        updates: offline, minibatches per member; 0 for an agent that is trained already.
        steps: online, environment steps per member.
        epsilon: share of uniformly random actions online, beside what the agent's own distribution draws.
        indices: `uniform_indices` (every transition alike), `symmetric_indices`, or yours; see `replay.py`.
        oracle, evaluations, on_evaluation: as in `train_offline`, over updates and steps together.

    Raises:
        TypeError, ValueError: an agent that does not learn from data, or anything that does not fit together.
        TrainingDivergedError: a loss became infinite or no number; its `history` is that until then.
    """
    maze = environment_of(maze)
    steps, evaluations = check_count("steps", steps), check_count("evaluations", evaluations)
    updates, epsilon = check_count("updates", updates, least=0), plain(epsilon)
    each = _check_request(agent, data, oracle)
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; expected a share in [0, 1]")
    if data is None and updates:
        raise ValueError(f"updates is {updates}, and data None; expected data, or updates=0")
    if not is_same(getattr(oracle, "maze", maze), maze):
        raise ValueError(f"the oracle is of {oracle.maze}, the maze to go on in is {maze}; expected the same")
    if others := _others(each, maze):
        raise ValueError(f"the data is from {others}, the maze to go on in is {maze}; expected the same")
    agent.prepare(maze, each)
    if progress:
        _advise(agent, maze)
    kind = (agent.members, agent.batch_size, agent.minibatches, agent.device)
    replay = Replay(data, *kind, steps, indices, agent.observation_size)
    total, interaction = updates + steps, interact(agent, maze, replay, epsilon)
    times = _evenly(total, evaluations) | ({updates} - {0})
    try:
        history = _train(agent, replay, total, times, oracle, on_evaluation, progress, interaction, updates)
    except TrainingDivergedError as error:
        error.history = dataclasses.replace(error.history, collected=replay.transitions(maze, since=replay.n_offline))
        raise
    return dataclasses.replace(history, collected=replay.transitions(maze, since=replay.n_offline))


def _train(
    agent: Agent,
    replay: Replay,
    updates: int,
    times: set[int],
    oracle: Judge | None,
    on_evaluation: Callable[[History], None] | None,
    progress: bool,
    interaction: Iterator[None] | None = None,
    online_from: int | None = None,
) -> History:
    """The loop: from update `online_from` on, a step with every member comes before each update.

    Args:
        times: the updates after which there is an evaluation.
    """
    nothing = np.empty((0, agent.members))
    history = History(np.empty(0, dtype=int), nothing if oracle else None, nothing, online_from)
    minibatches = replay.minibatches(updates if interaction is None else online_from)
    total, since, done = torch.zeros(agent.members, dtype=torch.float32, device=agent.device), 0, 0
    try:
        for update in trange(
            1, updates + 1, desc=f"training {type(agent).__name__}", disable=not progress, leave=False
        ):
            if interaction is not None and update > online_from:
                next(interaction)
                minibatches = replay.minibatches(1)
            total += agent.update(next(minibatches))
            since, done = since + 1, update
            if update in times:
                agent.check_finite(total / since, update, history)
                losses = (total / since).cpu().numpy()
                returns = oracle.evaluate(agent.policy).episode_return if oracle else None
                history = _extended(history, update, returns, losses)
                total, since = torch.zeros_like(total), 0
                if on_evaluation:
                    on_evaluation(history)
    except KeyboardInterrupt:
        print(f"interrupted after {done:,} of {updates:,} updates: what was learnt is kept")
    return history


def _advise(agent: Agent, environment: Maze | Environment) -> None:
    """Say what of an agent's settings is for mazes, and does not suit another environment."""
    if isinstance(environment, Maze):
        return
    discount = max((setting.get("discount", 0) for setting in agent.settings), default=0)
    if discount and environment.horizon and environment.horizon * (1 - discount) > 9.99:
        ahead = f"discount {discount} looks some {1 / (1 - discount):.0f} steps ahead"
        print(f"{ahead}, and an episode of {environment} has up to {environment.horizon}: try 0.99 or more")
    if getattr(agent, "features", "raw") == "fourier" and environment.bounds is None:
        print(f'Fourier features want inputs within bounds, and those of {environment} have none: try features="raw"')


def _evenly(updates: int, evaluations: int) -> set[int]:
    return set(np.linspace(0, updates, min(evaluations, updates) + 1)[1:].round().astype(int).tolist())


def _others(data: Sequence[Transitions], maze: Maze | Environment) -> str:
    """The environments of the data that are not `maze`, in words."""
    return " and ".join(sorted({str(one.maze) for one in data if not is_same(one.maze, maze)}))


def _check_request(agent: Agent, data: Any, oracle: Judge | None) -> list[Transitions]:
    """The data as a list; raises where something does not fit together."""
    if not agent.batch_size:
        raise TypeError(f"{type(agent).__name__} does not learn from data; train one of {', '.join(offline())}")
    each = [] if data is None else list(data) if isinstance(data, (list, tuple)) else [data]
    for transitions in each:
        if not isinstance(transitions, Transitions):
            given = type(transitions).__name__
            raise TypeError(
                f"data is of type {given}; expected Transitions, such as load_dataset('pointmass/medium-rnd-v0')"
            )
    if oracle is not None and not hasattr(oracle, "evaluate"):
        wanted = "a judge: of a maze Oracle(data.maze), elsewhere Rollouts(data.maze)"
        raise TypeError(f"oracle is {oracle!r}; expected {wanted}")
    if hasattr(oracle, "maze") and (others := _others(each, oracle.maze)):
        raise ValueError(f"the oracle is of {oracle.maze}, the data of {others}")
    return each


def _extended(history: History, update: int, returns: np.ndarray | None, losses: np.ndarray) -> History:
    return dataclasses.replace(
        history,
        updates=np.append(history.updates, update),
        returns=None if returns is None else np.vstack([history.returns, returns]),
        losses=np.vstack([history.losses, losses]),
    )
