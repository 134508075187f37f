"""A training that can be watched: it goes on in a background thread, stops when asked, and is told as code."""

from __future__ import annotations

import dataclasses
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rlkit_mini.agents import offline
from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.settings import SETTINGS, is_swept
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement, _judge, _snapshot
from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle, solved
from rlkit_mini.training import TrainingDivergedError, train_offline

COUNTS = {"seeds": (1, 2, 4, 8, 12, 16), "updates": (100, 200, 500, 1000, 2000, 4000, 10_000, 20_000)}  # on sliders


def steps_of(name: str) -> tuple[float, ...]:
    """The values that a slider offers."""
    return COUNTS[name] if name in COUNTS else SETTINGS[name].steps


LIMITS = {name: steps_of(name)[-1] for name in ("batch_size", "seeds", "updates")}  # what a visitor may ask for
SECONDS = 180  # after which a training pauses by itself


def defaults(algorithm: str) -> dict[str, float]:
    """The hyperparameters of an algorithm that can be set here, its own first, with the values it has by default."""
    found = offline()[algorithm].load().defaults()
    return {name: found[name] for name, setting in SETTINGS.items() if setting.steps and name in found}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where transitions come from: a name, the expression that makes them, and the function that does."""

    name: str
    code: str
    load: Callable[[], Transitions] = dataclasses.field(compare=False)

    @classmethod
    def of(cls, dataset_id: str) -> Source:
        name = dataset_id.removeprefix("pointmass/").removesuffix("-v0")
        return cls(name, f'load_dataset("{dataset_id}")', lambda: load_dataset(dataset_id))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run is made of: equal settings train equal agents, to the bit."""

    algorithm: str
    source: Source
    hyperparameters: dict[str, float]
    seeds: int = 4

    def changed(self) -> dict[str, float]:
        """The hyperparameters that are not the algorithm's defaults."""
        usual = defaults(self.algorithm)
        return {name: value for name, value in self.hyperparameters.items() if value != usual.get(name)}

    def make_agent(self) -> Agent:
        """A fresh agent; raises ValueError in one line where a value is outside its range or this panel's limits."""
        for name, value in (self.hyperparameters | {"seeds": self.seeds}).items():
            check_limit(name, value)
        return offline()[self.algorithm].load()(seeds=self.seeds, **self.hyperparameters)

    def __str__(self) -> str:
        own = next(iter(inspect.signature(offline()[self.algorithm].load()).parameters))  # always named, as CQL's alpha
        shown = {name: value for name, value in self.hyperparameters.items() if name == own and is_swept(name)}
        shown |= self.changed()
        return ", ".join([self.algorithm, *(f"{name.replace('_', ' ')} {value:g}" for name, value in shown.items())])

    def code(self, updates: int) -> str:
        """The lines that train the same agent, to the bit."""
        values = ", ".join(f"{name}={value!r}" for name, value in (self.changed() | {"seeds": self.seeds}).items())
        painted = self.source.code.startswith("paint(")
        lines = [
            f"from rlkit_mini import Oracle, {'' if painted else 'load_dataset, '}train_offline",
            f"from rlkit_mini.agents import {self.algorithm}",
            *(["from rlkit_workbook.widgets.paint import paint"] if painted else []),
            "",
            f"data = {self.source.code}",
            f"agent = {self.algorithm}({values})",
            f"history = train_offline(agent, data, updates={updates}, oracle=Oracle(data.maze))",
        ]
        return "\n".join(lines)


def check_limit(name: str, value) -> None:
    """Raise a ValueError where a count is none, or larger than one visitor may ask for."""
    if name in LIMITS and not (1 <= value <= LIMITS[name] and value == int(value)):
        raise ValueError(f"{name.replace('_', ' ')} is {value:g}; expected an integer from 1 to {LIMITS[name]:,} here")


@dataclasses.dataclass(frozen=True)
class Run:
    """A training as it is at one moment; what is pinned.

    Attributes:
        updates: (evaluations,) when the returns (evaluations, seeds) were judged; from 0, the untrained agent.
        means, ends: (evaluations,) and (2, evaluations): interquartile mean and 95% interval of the returns.
        done: updates made; `policy` and `q_values` (sub-cells, 5) are the shown seed's after as many.
        behaviour: mean return of the data's episodes; None without a finished one.
    """

    settings: Settings
    data: Transitions
    oracle: Oracle
    judged: Judgement
    updates: np.ndarray
    returns: np.ndarray
    means: np.ndarray
    ends: np.ndarray
    done: int
    policy: np.ndarray
    q_values: np.ndarray | None

    @property
    def behaviour(self) -> float | None:
        returns = self.data.episode_returns
        return float(returns.mean()) if len(returns) else None


class Training:
    """Trains in a background thread, in chunks of `train_offline` of a tenth of a second or less.

    A second thread judges the agent against the oracle half of the time, so that neither waits for the other.

    Args:
        settings: of the run; a value out of range is a ValueError at once.
        on_look: called from the thread with this training whenever `run` is new, and when it ended.

    Attributes:
        run: None until the first judgement is there.
        ended: whether the last judgement is there as well.
        error: one line, once something went wrong; what was learnt before is kept.
    """

    PERIOD = 0.13  # seconds from one look to the next; what showing it takes, training does without

    def __init__(self, settings: Settings, on_look: Callable[[Training], None] | None = None) -> None:
        self.settings, self.agent, self.on_look = settings, settings.make_agent(), on_look or (lambda training: None)
        self.run: Run | None = None
        self.error, self.updates, self.ended = "", 0, False
        self._thread, self._halt = None, threading.Event()

    @property
    def running(self) -> bool:
        """Whether it trains; false as soon as a stop has been seen, while the last judgement may still come."""
        return self._thread is not None and self._thread.is_alive() and not self._halt.is_set()

    @property
    def done(self) -> int:
        return self.run.done if self.run else 0

    def start(self, updates: int) -> None:
        """Train until there were `updates` in all; goes on where it was stopped."""
        check_limit("updates", updates)
        self.stop()
        self.join()
        self.updates, self.error, self.ended = int(updates), "", False
        self._halt.clear()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop after the chunk it is in; `start` goes on from there."""
        self._halt.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it ended and the last judgement is there."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        try:
            with ThreadPoolExecutor(1) as judge:
                if self.run is None:
                    self._prepare()
                self._train(judge)
        except Exception as error:  # shown in the panel, whatever it is
            self.error = " ".join(str(error).split()) or type(error).__name__
        self._halt.set()
        self.ended = True
        self.on_look(self)

    def _prepare(self) -> None:
        data = self.settings.source.load()
        oracle = solved(data.maze)
        policies, q_values = _snapshot(self.agent, oracle)
        returns, judged, member = _judge(oracle, 0, self._at_points(oracle), policies, q_values)
        nothing = np.empty(0)
        empty = (nothing.astype(int), np.empty((0, len(returns))), nothing, np.empty((2, 0)))
        run = Run(self.settings, data, oracle, judged, *empty, 0, judged.policy, judged.q_values)
        self.run, self._shown = _extended(run, 0, returns, judged), member

    def _train(self, judge: ThreadPoolExecutor) -> None:
        run, pending, count, showing, until = self.run, None, 1, 0.0, time.monotonic() + SECONDS
        asked = rested = 0.0
        while run.done < self.updates and not self._halt.is_set() and time.monotonic() < until:
            count, began = min(count, self.updates - run.done), time.perf_counter()
            try:
                train_offline(self.agent, run.data, count, evaluations=1, progress=False)
            except TrainingDivergedError as error:  # it counts from this chunk's beginning
                words = str(error).replace(f"before update {count}", f"before update {run.done + count}")
                raise TrainingDivergedError(words.partition(", and the error's")[0], error.history) from None
            done = run.done + count
            trained = time.perf_counter()
            share = max(self.PERIOD - showing, self.PERIOD / 4) / (trained - began)
            count = max(1, round(count * np.clip(share, 0.5, 2.0)))
            policies, q_values = _snapshot(self.agent, run.oracle)
            if q_values is not None and not np.isfinite(q_values).all():
                words = f"diverged before update {done}: its values are not finite; a smaller learning rate may help"
                raise TrainingDivergedError(words, None)
            if pending is not None and pending.done():
                run, pending = self._adopted(run, pending.result()), None
                rested = 2 * time.perf_counter() - asked
            member = self._shown
            run = dataclasses.replace(
                run, done=done, policy=policies[member], q_values=None if q_values is None else q_values[member]
            )
            if pending is None and time.perf_counter() >= rested:
                asked = time.perf_counter()
                pending = judge.submit(_judge, run.oracle, done, self._at_points(run.oracle), policies, q_values)
            self.run = run
            self.on_look(self)
            showing = time.perf_counter() - trained
        if run.done > run.judged.updates:
            self._halt.set()
            self.on_look(self)  # it has stopped; the last judgement takes a moment
            run = run if pending is None else self._adopted(run, pending.result())
            if run.judged.updates < run.done:
                snapshot = _snapshot(self.agent, run.oracle)
                run = self._adopted(run, _judge(run.oracle, run.done, self._at_points(run.oracle), *snapshot))
            self.run = dataclasses.replace(run, policy=run.judged.policy, q_values=run.judged.q_values)

    def _at_points(self, oracle: Oracle) -> np.ndarray:
        return self.agent.policy(oracle.points).numpy()

    def _adopted(self, run: Run, result) -> Run:
        returns, judged, self._shown = result
        return _extended(run, judged.updates, returns, judged)


def _extended(run: Run, updates: int, returns: np.ndarray, judged: Judgement) -> Run:
    return dataclasses.replace(
        run,
        judged=judged,
        updates=np.append(run.updates, updates),
        returns=np.vstack([run.returns, returns]),
        means=np.append(run.means, interquartile_mean(returns)),
        ends=np.hstack([run.ends, bootstrap_interval(returns)[:, None]]),
    )
