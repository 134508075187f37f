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
from rlkit_mini.agents.settings import SETTINGS, checked, is_swept
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle, shared_oracle
from rlkit_mini.training import TrainingDivergedError, train_offline

COUNTS = {"seeds": (1, 2, 4, 8, 12, 16), "updates": (100, 200, 500, 1000, 2000, 4000, 10_000, 20_000)}  # on sliders


def steps_of(name: str) -> tuple[float, ...]:
    """The values that a slider offers."""
    return COUNTS[name] if name in COUNTS else SETTINGS[name].steps


LIMITS = {name: steps_of(name)[-1] for name in ("batch_size", "seeds", "updates")}  # what a visitor may ask for
SECONDS = 180  # after which a training pauses by itself
PERIOD, CHUNK = 0.13, 0.05  # seconds: from one showing to the next, and from one look at whether to stop to the next


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

    def choices(self) -> dict:
        """Everything that was chosen, by name."""
        chosen = {"algorithm": self.algorithm, "data set": self.source}
        return chosen | self.hyperparameters | {"seeds": self.seeds}

    def changed(self) -> dict[str, float]:
        """The hyperparameters that are not the algorithm's defaults."""
        usual = defaults(self.algorithm)
        return {name: value for name, value in self.hyperparameters.items() if value != usual.get(name)}

    def faults(self, updates: float = 1) -> dict[str, str]:
        """What is outside its range or this panel's limits: name -> a line that says so."""
        found = {}
        for name, value in (self.hyperparameters | {"seeds": self.seeds, "updates": updates}).items():
            try:
                check_limit(name, value)
                checked(name, value)
            except ValueError as error:
                found[name] = str(error)
        return found

    def make_agent(self) -> Agent:
        """A fresh agent; raises ValueError where there are faults."""
        for fault in self.faults().values():
            raise ValueError(fault)
        return offline()[self.algorithm].load()(seeds=self.seeds, **self.hyperparameters)

    def __str__(self) -> str:
        own = next(iter(inspect.signature(offline()[self.algorithm].load()).parameters))  # always named, as CQL's alpha
        shown = {name: value for name, value in self.hyperparameters.items() if name == own and is_swept(name)}
        shown |= self.changed()
        return ", ".join([self.algorithm, *(f"{name.replace('_', ' ')} {value:g}" for name, value in shown.items())])

    def line(self, updates: float) -> str:
        """All on one line, for a link: "CQL,medium-rnd,alpha=0.3,seeds=4,updates=600"."""
        values = self.changed() | {"seeds": self.seeds, "updates": updates}
        return ",".join([self.algorithm, self.source.name, *(f"{name}={value!r}" for name, value in values.items())])

    def code(self, updates: int) -> str:
        """The lines that train the same agent, to the bit, and print its return."""
        values = ", ".join(f"{name}={value!r}" for name, value in (self.changed() | {"seeds": self.seeds}).items())
        painted = self.source.code.startswith("paint(")
        lines = [
            f"from rlkit_mini import Oracle, {'' if painted else 'load_dataset, '}train_offline",
            f"from rlkit_mini.agents import {self.algorithm}",
            "from rlkit_mini.tables import with_interval",
            *(["from rlkit_workbook.widgets.paint import paint"] if painted else []),
            "",
            f"data = {self.source.code}",
            f"agent = {self.algorithm}({values})",
            f"history = train_offline(agent, data, updates={updates}, oracle=Oracle(data.maze))",
            "print(with_interval(history.returns[-1]))",
        ]
        return "\n".join(lines)


def check_limit(name: str, value) -> None:
    """Raise a ValueError where a count is none, or larger than one visitor may ask for."""
    if name in LIMITS and not (1 <= value <= LIMITS[name] and value == int(value)):
        raise ValueError(f"{name.replace('_', ' ')} is {value:g}; expected an integer from 1 to {LIMITS[name]:,} here")


@dataclasses.dataclass(frozen=True)
class Run:
    """A training as it is at one time; what is pinned.

    Attributes:
        updates: (evaluations,) when the returns (evaluations, seeds) were judged; from 0, the untrained agent.
        means, ends: (evaluations,) and (2, evaluations): interquartile mean and 95% interval of the returns.
        member, judged: the seed with the median return at the last evaluation, and the judgement on it.
        done, now: updates made, and what the same seed does and believes after as many.
        behaviour: mean return of the data's episodes; None without a finished one.
    """

    settings: Settings
    data: Transitions
    oracle: Oracle
    updates: np.ndarray
    returns: np.ndarray
    means: np.ndarray
    ends: np.ndarray
    done: int = 0
    member: int = 0
    judged: Judgement | None = None
    now: Judgement | None = None

    @classmethod
    def begin(cls, settings: Settings, data: Transitions, oracle: Oracle) -> Run:
        """Without any evaluation yet."""
        nothing = np.empty(0)
        return cls(
            settings, data, oracle, nothing.astype(int), np.empty((0, settings.seeds)), nothing, np.empty((2, 0))
        )

    @property
    def behaviour(self) -> float | None:
        returns = self.data.episode_returns
        return float(returns.mean()) if len(returns) else None

    def with_evaluation(self, updates: int, judgement: Judgement, of_median: Judgement) -> Run:
        """With one evaluation more, of all seeds after `updates`, and the judgement on the median one."""
        returns = judgement.returns
        return dataclasses.replace(
            self,
            member=judgement.median,
            judged=of_median,
            updates=np.append(self.updates, updates),
            returns=np.vstack([self.returns, returns]),
            means=np.append(self.means, interquartile_mean(returns)),
            ends=np.hstack([self.ends, bootstrap_interval(returns)[:, None]]),
        )


class Judge:
    """Judges in a second thread half of the time, so that neither it nor the training waits for the other."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool, self._pending, self._asked, self._rested = pool, None, 0.0, 0.0

    @property
    def free(self) -> bool:
        return self._pending is None and time.perf_counter() >= self._rested

    def ask(self, updates: int, judgement: Judgement) -> None:
        """Have everything computed that `Run.with_evaluation` wants."""
        self._asked = time.perf_counter()
        self._pending = self._pool.submit(evaluated, updates, judgement)

    def answer(self, wait: bool = False) -> tuple | None:
        """What was asked for last, once; None while there is nothing."""
        if self._pending is None or not (wait or self._pending.done()):
            return None
        found, self._pending = self._pending.result(), None
        self._rested = 2 * time.perf_counter() - self._asked
        return found


def evaluated(updates: int, judgement: Judgement) -> tuple[int, Judgement, Judgement]:
    """The arguments of `Run.with_evaluation`; of the median seed also Q^pi is there."""
    of_median = judgement[judgement.median]
    _ = of_median.true_q  # computed here and now
    return updates, judgement, of_median


class LiveTraining:
    """Trains in a background thread, at least half of the time, and shows now and then how far it is.

    Args:
        settings: of the run; a value out of range is a ValueError at once.
        on_run: called from the thread with this training whenever `run` is new, and when it ended.

    Attributes:
        run: None until the first judgement is there.
        ended: whether the last judgement is there as well.
        error: one line, once something went wrong; what was learnt before is kept.
    """

    def __init__(self, settings: Settings, on_run: Callable[[LiveTraining], None] | None = None) -> None:
        self.settings, self.agent, self.on_run = settings, settings.make_agent(), on_run or (lambda training: None)
        self.run: Run | None = None
        self.error, self.updates, self.ended = "", 0, False
        self._thread, self._halt, self._chunk = None, threading.Event(), 1

    @property
    def running(self) -> bool:
        """Whether it trains; false as soon as a stop has been seen, while the last judgement may still come."""
        return self._thread is not None and self._thread.is_alive() and not self._halt.is_set()

    @property
    def done(self) -> int:
        return self.run.done if self.run else 0

    @property
    def state(self) -> str:
        """In a word."""
        if not self.ended:
            return "Training." if self.running else "Judging."
        return "Done." if self.done >= self.updates else "Stopped."

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
        """Ask it to stop, which takes `CHUNK` seconds or less; `start` goes on from there."""
        self._halt.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it ended and the last judgement is there."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        try:
            with ThreadPoolExecutor(1) as pool:
                judge = Judge(pool)
                if self.run is None:
                    self._prepare()
                self._train(judge)
                self._finish(judge)
        except Exception as error:  # shown in the panel, whatever it is
            self.error = " ".join(str(error).split()) or type(error).__name__
        self._halt.set()
        self.ended = True
        self.on_run(self)

    def _prepare(self) -> None:
        data = self.settings.source.load()
        oracle = shared_oracle(data.maze)
        run = Run.begin(self.settings, data, oracle)
        run = run.with_evaluation(*evaluated(0, Judgement.of(self.agent, oracle)))
        self.run = dataclasses.replace(run, now=run.judged)
        self.on_run(self)

    def _train(self, judge: Judge) -> None:
        showing, until = 0.0, time.monotonic() + SECONDS
        while self.done < self.updates and not self._halt.is_set() and time.monotonic() < until:
            done = self._make(max(PERIOD - showing, showing))
            trained = time.perf_counter()
            self.run = self._seen(done, judge)
            self.on_run(self)
            showing = time.perf_counter() - trained

    def _make(self, seconds: float) -> int:
        """Train for so long, or until it is stopped: how many updates there were then in all."""
        done, until = self.done, time.perf_counter() + seconds
        while True:
            chunk, began = min(self._chunk, self.updates - done), time.perf_counter()
            done += chunk
            self._update(chunk, done)
            now = time.perf_counter()
            if done == self.updates or self._halt.is_set() or now >= until:
                return done
            self._chunk = max(1, round(chunk * min(max(CHUNK / (now - began), 0.5), 2.0)))

    def _update(self, updates: int, done: int) -> None:
        """So many updates, after which there are `done`."""
        try:
            train_offline(self.agent, self.run.data, updates, evaluations=1, progress=False)
        except TrainingDivergedError as error:  # it counts from this chunk's beginning
            words = str(error).replace(f"before update {updates}", f"before update {done}")
            raise TrainingDivergedError(words.partition(", and the error's")[0], error.history) from None

    def _seen(self, done: int, judge: Judge) -> Run:
        """The run after `done` updates, with the judge's answer, if there is one; and the judge is asked anew."""
        run, now = self.run, Judgement.at_centres(self.agent, self.run.oracle)
        if now.q_values is not None and not np.isfinite(now.q_values).all():
            words = f"diverged before update {done}: its values are not finite; a smaller learning rate may help"
            raise TrainingDivergedError(words, None)
        if answer := judge.answer():
            run = run.with_evaluation(*answer)
        if judge.free:
            judge.ask(done, dataclasses.replace(now, at_points=self.agent.policy(run.oracle.points).cpu().numpy()))
        return dataclasses.replace(run, done=done, now=now[run.member])

    def _finish(self, judge: Judge) -> None:
        """With a judgement after the last update, unless it is there already."""
        run = self.run
        if run.updates[-1] == run.done:
            return
        self._halt.set()
        self.on_run(self)  # it has stopped; the last judgement takes a while
        if answer := judge.answer(wait=True):
            run = run.with_evaluation(*answer)
        if run.updates[-1] < run.done:
            run = run.with_evaluation(*evaluated(run.done, Judgement.of(self.agent, run.oracle)))
        self.run = dataclasses.replace(run, now=run.judged)
