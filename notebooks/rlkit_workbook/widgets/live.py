"""A training that can be watched: it goes on in a background thread, and stops when asked."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

import numpy as np

from rlkit_mini.agents.agent import Agent, TrainingDivergedError
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.mazes import Maze
from rlkit_mini.oracle import Oracle, shared_oracle
from rlkit_mini.training import train_offline
from rlkit_workbook.panels.elsewhere import Belief
from rlkit_workbook.widgets.settings import Settings

SECONDS = 180  # after which a training pauses by itself
PERIOD = 0.2  # seconds from one picture to the next, at least
CHUNK = 5  # updates from one look at whether to stop to the next


@dataclasses.dataclass(frozen=True)
class Run:
    """A training as it is at one time; what is pinned.

    Attributes:
        oracle: who judges; beyond the mazes `Rollouts`.
        judged: the seed with the median return, as it is now.
        updates: (evaluations,) when the returns (evaluations, seeds) were judged; from 0, the untrained agent.
        means, ends: (evaluations,) and (2, evaluations): interquartile mean and 95% interval of the returns.
    """

    settings: Settings
    data: Transitions
    oracle: Oracle | Rollouts
    judged: Judgement | Belief
    updates: np.ndarray
    returns: np.ndarray
    means: np.ndarray
    ends: np.ndarray

    @classmethod
    def begin(cls, settings: Settings, data: Transitions, agent: Agent) -> Run:
        """Of an agent without any update yet."""
        oracle = shared_oracle(data.maze) if isinstance(data.maze, Maze) else Rollouts(data.maze)
        nothing = np.empty((0, agent.members))
        run = cls(settings, data, oracle, None, np.arange(0), nothing, nothing[:, 0], np.empty((2, 0)))
        return run.judged_again(agent, 0)

    @property
    def done(self) -> int:
        """Updates made."""
        return int(self.updates[-1])

    @property
    def behaviour(self) -> float:
        """Mean return of the data's episodes; NaN without a finished one."""
        returns = self.data.episode_returns
        return float(returns.mean()) if len(returns) else np.nan

    def judged_again(self, agent: Agent, updates: int) -> Run:
        """With one evaluation more: of the agent after so many updates."""
        if isinstance(self.oracle, Oracle):
            judged = Judgement.of(agent, self.oracle)
        else:
            judged = Belief.of(agent, self.oracle, self.data)
        if hasattr(agent, "q_values") and np.isnan(judged.believed_start).any():
            raise RuntimeError(f"diverged before update {updates}: its values are not finite")
        returns = judged.returns
        return dataclasses.replace(
            self,
            judged=judged[judged.median],
            updates=np.append(self.updates, updates),
            returns=np.vstack([self.returns, returns]),
            means=np.append(self.means, interquartile_mean(returns)),
            ends=np.hstack([self.ends, bootstrap_interval(returns)[:, None]]),
        )


class LiveTraining:
    """Trains in a background thread, at least half of the time; in the other half it is judged and shown.

    Args:
        settings: of the run.
        on_run: called from the thread with this training whenever `run` or `state` is new.

    Attributes:
        run: None until the first judgement is there; agent: None until then, too.
        ended: whether the last judgement is there as well.
        error: one line, once something went wrong; what was learnt before is kept.
    """

    def __init__(self, settings: Settings, on_run: Callable[[LiveTraining], None] | None = None) -> None:
        self.settings, self.on_run = settings, on_run or (lambda training: None)
        self.agent: Agent | None = None
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

    @property
    def state(self) -> str:
        """In a word."""
        if not self.ended:
            return "Training." if self.running else "Judging."
        return "Done." if self.done >= self.updates else "Stopped."

    def begin(self) -> None:
        """Judge an agent without any update yet, which `start` does first where it is not done."""
        if self.run is None:
            data = self.settings.source.load()
            self.agent = self.settings.make_agent(data)
            self.run = Run.begin(self.settings, data, self.agent)

    def start(self, updates: int) -> None:
        """Train until there were `updates` in all; goes on where it was stopped."""
        self.stop()
        self.join()
        self.updates, self.error, self.ended = int(updates), "", False
        self._halt.clear()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop, which takes `CHUNK` updates or less; `start` goes on from there."""
        self._halt.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it ended and the last judgement is there."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        try:
            self.begin()
            self._train()
        except Exception as error:  # shown in the panel, whatever it is
            self.error = " ".join(str(error).split()) or type(error).__name__
        self._halt.set()
        self.ended = True
        self.on_run(self)

    def _train(self) -> None:
        showing, until = 0.0, time.monotonic() + SECONDS
        self.on_run(self)  # the first picture, of which most stays, is not counted
        while self.done < self.updates and not self._halt.is_set():
            done = self._make(max(PERIOD - showing, showing))
            began = time.perf_counter()
            if done == self.updates or time.monotonic() > until:
                self._halt.set()
                self.on_run(self)  # it has stopped; the last judgement takes a while
            if done > self.done:  # else it was stopped while it was shown
                self.run = self.run.judged_again(self.agent, done)
            if not self._halt.is_set():
                self.on_run(self)
            showing = time.perf_counter() - began

    def _make(self, seconds: float) -> int:
        """Train for so long, or until it is stopped: how many updates there were then in all."""
        done, until = self.done, time.perf_counter() + seconds
        while done < self.updates and time.perf_counter() < until and not self._halt.is_set():
            chunk = min(CHUNK, self.updates - done)
            done += chunk
            try:
                train_offline(self.agent, self.run.data, chunk, evaluations=1, progress=False)
            except TrainingDivergedError as error:
                raise RuntimeError(f"diverged before update {done}: a smaller learning rate may help") from error
        return done
