"""Offline training of a population on fixed transitions, and going on online, held against a judge meanwhile."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm.auto import trange

from rlkit_mini.agents import offline
from rlkit_mini.agents.agent import Agent, learning
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
    replay = Replay(data, agent.members, agent.batch_size, agent.minibatches, agent.device)
    _prepare(agent, each[0].maze, each, progress)
    times = _evenly(updates, evaluations)
    return _train(agent, replay, times, _nothing_seen(agent, oracle), oracle, on_evaluation, progress)


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
    each = _check_request(agent, data, oracle, maze)
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}; expected a share in [0, 1]")
    if data is None and updates:
        raise ValueError(f"updates is {updates}, and data None; expected data, or updates=0")
    _prepare(agent, maze, each, progress)
    kind = (agent.members, agent.batch_size, agent.minibatches, agent.device)
    replay = Replay(data, *kind, steps, indices, agent.observation_size)
    times = _evenly(updates + steps, evaluations) | ({updates} - {0})
    history, interaction = _nothing_seen(agent, oracle, updates), interact(agent, maze, replay, epsilon)
    try:
        return _train(agent, replay, times, history, oracle, on_evaluation, progress, interaction)
    finally:  # into the list that all histories of this training share, also that of an error
        history.collected.extend(replay.transitions(maze, since=replay.n_offline))


def _train(
    agent: Agent,
    replay: Replay,
    times: set[int],
    history: History,
    oracle: Judge | None,
    on_evaluation: Callable[[History], None] | None,
    progress: bool,
    interaction: Iterator[None] | None = None,
) -> History:
    """The loop: once the agents are online, a step with every member comes before each update.

    Args:
        times: the updates after which there is an evaluation, the last one among them.
        history: in which nothing was seen yet.
        interaction: makes the steps; None in offline training.
    """
    updates = max(times)
    offline = updates if interaction is None else history.online_from
    minibatches, bar = replay.minibatches(offline), {"desc": f"training {type(agent).__name__}", "leave": False}
    total, since, done = torch.zeros(agent.members, dtype=torch.float32, device=agent.device), 0, 0
    try:
        for update in trange(1, updates + 1, disable=not progress, **bar):
            if update > offline:
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


def _nothing_seen(agent: Agent, oracle: Judge | None, online_from: int | None = None) -> History:
    nothing = np.empty((0, agent.members))
    return History(np.empty(0, dtype=int), nothing if oracle else None, nothing, online_from)


def _prepare(agent: Agent, environment: Maze | Environment, data: Sequence[Transitions], told: bool) -> None:
    """Fit the agent to its environment, and say what of its settings is for mazes, and does not suit another one."""
    agent.prepare(environment, data)
    if isinstance(environment, Maze) or not told:
        return
    discount = max((setting.get("discount", 0) for setting in agent.settings), default=0)
    if discount and environment.horizon and environment.horizon * (1 - discount) > 9.99:
        ahead = f"discount {discount} looks some {1 / (1 - discount):.0f} steps ahead"
        print(f"{ahead}, and an episode of {environment} has up to {environment.horizon}: try 0.99 or more")
    if getattr(agent, "features", "raw") == "fourier" and environment.bounds is None:
        print(f'Fourier features want inputs within bounds, and those of {environment} have none: try features="raw"')


def _evenly(updates: int, evaluations: int) -> set[int]:
    return set(np.linspace(0, updates, min(evaluations, updates) + 1)[1:].round().astype(int).tolist())


def _check_request(agent: Agent, data: Any, oracle: Judge | None, maze: Any = None) -> list[Transitions]:
    """The data as a list; raises where something does not fit together, or to the maze where it is to go on."""
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
    places = [("the oracle is of", oracle.maze)] if hasattr(oracle, "maze") else []
    places += [("the data is from", transitions.maze) for transitions in each]
    places += [("the maze to go on in is", maze)] if maze else []
    for (one, here), (other, there) in itertools.combinations(places, 2):
        if one != other and not is_same(here, there):
            raise ValueError(f"{one} {here}, {other} {there}; expected the same")
    return each


def _extended(history: History, update: int, returns: np.ndarray | None, losses: np.ndarray) -> History:
    return dataclasses.replace(
        history,
        updates=np.append(history.updates, update),
        returns=None if returns is None else np.vstack([history.returns, returns]),
        losses=np.vstack([history.losses, losses]),
    )
