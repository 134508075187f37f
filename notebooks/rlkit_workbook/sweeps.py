"""A trained population over a grid of settings, summarised for figures and sliders, small enough to be committed."""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.rnd import RND
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement, median_member
from rlkit_mini.evaluation.measures import coverage_curve
from rlkit_mini.exploration import explore
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import MAZES, half_cells
from rlkit_mini.names import Catalogue
from rlkit_mini.oracle import Oracle, shared_oracle
from rlkit_mini.pointmass import ACTIONS
from rlkit_mini.training import History, Judge
from rlkit_workbook.results import RESULTS

BY_SETTING = {  # name -> axes before those of the settings
    "returns": 1,
    "values": 0,
    "overestimation": 0,
    "policy": 0,
    "believed_start": 0,
    "true_start": 0,
}
ARRAYS = ("seeds", "updates", *BY_SETTING)


@dataclasses.dataclass
class Swept:
    """What every sweep has.

    Attributes:
        judge: that said what the agents are worth; of a maze its oracle.
        grid: name -> values of what was swept, in order.
    """

    algorithm: str
    judge: Judge
    grid: dict[str, list[float] | list[str]]

    @property
    def settings(self) -> list[dict]:
        """Every setting, in the order of the arrays."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def index(self, setting: dict) -> tuple[int, ...]:
        """Where a setting stands in the grid's axes; `setting` names everything that was swept.

        Raises:
            ValueError: it names something else, or a value that was not swept.
        """
        if setting.keys() != self.grid.keys():
            raise ValueError(f"setting names {sorted(setting)}; expected {sorted(self.grid)}")
        for name, value in setting.items():
            if value not in self.grid[name]:
                raise ValueError(f"{name} {value!r} was not trained; expected one of {self.grid[name]}")
        return tuple(values.index(setting[name]) for name, values in self.grid.items())

    def updates_at(self, here: tuple[int, ...]) -> np.ndarray:
        """The updates (evaluations,) after which one setting was evaluated."""
        return self.updates if self.updates.ndim == 1 else self.updates[:, *here]


@dataclasses.dataclass
class Sweep(Swept):
    """What a population learnt, held against the truth; `*settings` are the lengths of the swept lists.

    The maps are those of each setting's seed with the median final return (the lower one of an even number).

    Attributes:
        grid: name -> values of what was swept, in order: numbers, or names such as those of data sets.
        updates: (evaluations,), or (evaluations, *settings) where the number of updates was swept.
        returns: (evaluations, *settings, seeds) exact returns, after `updates`.
        values: (*settings, sub-cells) what the agent believes a place is worth, sum_a pi(a | s) Q_hat(s, a). One that
            learns no values, such as BC: what its policy is worth there, V^pi; its beliefs below are NaN.
        overestimation: (*settings, sub-cells) that minus the exact V^pi.
        policy: (*settings, sub-cells, 5) action probabilities.
        believed_start, true_start: (*settings, seeds) Q_hat's and the exact discounted value of pi at the start.
    """

    seeds: np.ndarray
    updates: np.ndarray
    returns: np.ndarray
    values: np.ndarray
    overestimation: np.ndarray
    policy: np.ndarray
    believed_start: np.ndarray
    true_start: np.ndarray

    @classmethod
    def of(cls, agent: Agent, history: History, oracle: Oracle, greedy: bool = True) -> Sweep:
        """Summarise an agent after `train_offline(..., oracle=oracle)`.

        Args:
            greedy: pi is the greedy policy, whose returns the history holds; else the distribution that `act` draws
                from, which is what the critic of an actor's agent estimates.
        """
        if history.returns is None or not len(history.returns):
            raise ValueError("the history holds no exact returns; pass oracle=... to train_offline")
        judged, (grid, shape) = Judgement.of(agent, oracle, greedy), layout(agent)
        chosen = _median_members(history.returns[-1], shape)
        values = judged.true if judged.q_values is None else judged.believed
        return cls(
            algorithm=type(agent).__name__,
            judge=oracle,
            grid=grid,
            seeds=agent.seeds[: agent.members // len(chosen)],
            updates=history.updates,
            returns=history.returns.reshape(len(history.returns), *shape),
            values=values[chosen].reshape(shape).astype(np.float32),
            overestimation=judged.overestimation[chosen].reshape(shape).astype(np.float32),
            policy=judged.policy[chosen].reshape(*shape, len(ACTIONS)),
            believed_start=judged.believed_start.reshape(shape),
            true_start=judged.true_start.reshape(shape),
        )

    @classmethod
    def join(cls, sweeps: Mapping[str, Sweep], name: str) -> Sweep:
        """Sweeps that differ in something without a number, such as their data: {"random": sweep, ...}, name="data".

        What they differ in becomes the first axis of settings, with the keys as its values.

        Raises:
            ValueError: no sweep, or not all with the same `shared_facts`.
        """
        if not sweeps:
            raise ValueError("there is no sweep to join; expected {name: sweep, ...}")
        first = next(iter(sweeps.values()))
        if name in first.grid:
            raise ValueError(f"{name} was swept already; expected another name")
        for key, sweep in sweeps.items():
            for fact, value in sweep.shared_facts.items():
                if value != first.shared_facts[fact]:
                    raise ValueError(f"sweep {key!r} has {fact} {value}; expected {first.shared_facts[fact]} in all")
        rest = tuple(slice(0, len(values)) for values in first.grid.values())
        blocks = [((slice(place, place + 1), *rest), sweep) for place, sweep in enumerate(sweeps.values())]
        return cls.assemble({name: list(sweeps)} | first.grid, blocks)

    @classmethod
    def assemble(cls, grid: Mapping[str, list], blocks: Iterable[tuple[tuple[slice, ...], Sweep]]) -> Sweep:
        """One sweep over a grid, of sweeps over rectangular blocks of it, in any order.

        Args:
            blocks: where each stands, a slice an axis of `grid`, and the sweep, over those axes in that order (without
                an axis where only one value was trained).
        """
        arrays, updates, lengths = {}, None, tuple(map(len, grid.values()))
        for where, sweep in blocks:
            size = tuple(part.stop - part.start for part in where)
            for name, before in BY_SETTING.items():
                block = getattr(sweep, name)
                lead, rest = block.shape[:before], block.shape[before + len(sweep.grid) :]
                whole = arrays.setdefault(name, np.empty((*lead, *lengths, *rest), block.dtype))
                whole[*[slice(None)] * before, *where] = block.reshape(*lead, *size, *rest)
            updates = np.empty((len(sweep.updates), *lengths), dtype=int) if updates is None else updates
            updates[:, *where] = sweep.updates.reshape(-1, *(size if sweep.updates.ndim > 1 else (1,) * len(size)))
        flat = updates.reshape(len(updates), -1)
        updates = flat[:, 0] if (flat == flat[:, :1]).all() else updates
        return dataclasses.replace(sweep, grid=dict(grid), updates=updates, **arrays)

    @property
    def facts(self) -> dict:
        """What the arrays are of."""
        grain = {"discount": self.judge.discount, "resolution": self.judge.resolution}
        return {"algorithm": self.algorithm, "maze": self.judge.maze.name, **grain}

    @property
    def shared_facts(self) -> dict:
        """What sweeps must have in common to be joined."""
        return self.facts | {"grid": self.grid, "seeds": self.seeds.tolist(), "updates": self.updates.tolist()}

    def save(self, path: str | os.PathLike) -> None:
        """Write an npz file; it appears whole or not at all."""
        with whole_file(path) as part:
            part.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """What `save` writes: small enough to be sent from machine to machine."""
        file, arrays = io.BytesIO(), {name: getattr(self, name) for name in ARRAYS}
        np.savez_compressed(file, **self.facts, **grid_as_arrays(self.grid), **arrays)
        return file.getvalue()

    @classmethod
    def load(cls, path: str | os.PathLike) -> Sweep:
        """Read what `save` wrote; nothing in it is executed.

        Raises:
            FileNotFoundError, or ValueError where the file is no saved sweep.
        """
        with reading(path, "saved sweep", "train and save it again") as file:
            oracle = Oracle(MAZES[file["maze"].item()], file["discount"].item(), file["resolution"].item())
            arrays = {name: file[name] for name in ARRAYS}
            return cls(file["algorithm"].item(), oracle, grid_of_arrays(file), **arrays)


@dataclasses.dataclass
class ExplorationSweep(Swept):
    """Where a population of explorers went, and what was new to it on the way.

    `*settings` are the lengths of the swept lists. The maps are those of each setting's seed with the median coverage
    at the end (the lower one of an even number), at every evaluation of the same one.

    Attributes:
        grid: name -> values of the swept hyperparameters, in order, and last "steps": those made at the evaluations.
        coverage: (evaluations, *settings, seeds) share of the maze's half-cells visited so far.
        goals: (evaluations, *settings, seeds) how often the goal was reached so far.
        walks: the steps of each setting's median seed, in the order of the settings.
        novelty: (evaluations, *settings, sub-cells) the bonus that a place would earn, unnormalised.
    """

    coverage: np.ndarray
    goals: np.ndarray
    walks: list[Transitions]
    novelty: np.ndarray

    @property
    def updates(self) -> np.ndarray:
        """The steps (evaluations,) after which it was evaluated."""
        return np.array(self.grid["steps"])

    @classmethod
    def explore(
        cls, agent: RND, oracle: Oracle, steps: int, evaluations: int, progress: bool = True
    ) -> ExplorationSweep:
        """Let the agent explore the oracle's maze for `steps` steps, with evenly spaced evaluations.

        Raises:
            ValueError: nothing was swept, or the evaluations are not spaced by whole steps.
        """
        if not agent.grid:
            raise ValueError("nothing was swept; give the agent a list, such as RND(rnd_weight=[0, 1])")
        if evaluations < 1 or steps % evaluations:
            raise ValueError(f"evaluations is {evaluations}; expected a divisor of the {steps:,} steps")
        evaluated, novelty = range(steps // evaluations, steps + 1, steps // evaluations), []

        def evaluate(made: int) -> None:
            if made in evaluated:
                novelty.append(agent.novelty(oracle.observations).cpu().numpy())

        runs = explore(agent, oracle.maze, steps, progress, on_step=evaluate)
        evaluated = evaluated[: len(novelty)]  # fewer after an interruption
        covered = coverage_curve(runs, evaluated)
        goals = np.array([[run.terminations[:made].sum() for run in runs] for made in evaluated])
        grid, shape = layout(agent)
        chosen = _median_members(covered[-1], shape)
        return cls(
            algorithm="RND",
            judge=oracle,
            grid=grid | {"steps": list(evaluated)},
            coverage=covered.reshape(len(evaluated), *shape),
            goals=goals.reshape(len(evaluated), *shape),
            walks=[runs[member] for member in chosen],
            novelty=np.stack(novelty)[:, chosen].reshape(len(evaluated), *shape),
        )


def layout(agent: Agent) -> tuple[dict[str, list[float]], tuple[int, ...]]:
    """What an agent sweeps, and the shape (*settings, -1) of its members."""
    grid = {name: [float(value) for value in values] for name, values in agent.grid.items()}
    return grid, (*map(len, grid.values()), -1)


def _median_members(scores: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Of each setting the member with the median of scores (members,): (settings,)."""
    by_setting = scores.reshape(math.prod(shape[:-1]), -1)
    return np.arange(len(by_setting)) * by_setting.shape[1] + median_member(by_setting)


WORST = -20.0  # the discounted value of never arriving: lower beliefs are kept as this


def half_cells_of(oracle: Oracle) -> np.ndarray:
    """(sub-cells,) which of the maze's free half-cells holds each sub-cell."""
    return np.unique(half_cells(oracle.maze, oracle.observations), return_inverse=True)[1]


def restore(algorithm: str, arrays: Mapping[str, np.ndarray]) -> Sweep:
    """A sweep as the slider takes it, of what `compress` kept."""
    oracle = shared_oracle(MAZES[arrays["maze"].item()])
    owners = half_cells_of(oracle)
    values, true = (WORST * (1 - arrays[name][..., owners] / np.float32(255)) for name in ("believed", "true"))
    return Sweep(
        algorithm=algorithm,
        judge=oracle,
        grid=grid_of_arrays(arrays),
        values=values,
        overestimation=values - true if np.isfinite(arrays["believed_start"]).all() else np.full_like(values, np.nan),
        policy=np.eye(len(ACTIONS), dtype=np.float32)[arrays["actions"][..., owners]],
        **{name: arrays[name] for name in ("seeds", "updates", "returns", "believed_start", "true_start")},
    )


class Gallery(Mapping):
    """Sweeps by name, such as "medium CQL", each restored when it is asked for.

    Raises:
        FileNotFoundError, or ValueError where the file is no gallery.
    """

    def __init__(self, path: str | os.PathLike = RESULTS / "gallery.npz") -> None:
        self._arrays = Catalogue("sweep", {})
        with reading(path, "gallery", "make it with `python -m rlkit_workbook.studies.gallery`") as file:
            for entry in file:
                name, key = entry.split("/", 1)
                self._arrays.setdefault(name, {})[key] = file[entry]
        self._restored = functools.cache(lambda name: restore(name.split()[-1], self._arrays[name]))

    def __getitem__(self, name: str) -> Sweep:
        return self._restored(name)

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def grid_as_arrays(grid: Mapping[str, list]) -> dict[str, np.ndarray]:
    """A grid's entries in an npz file."""
    return {f"grid {name}": np.array(values) for name, values in grid.items()}


def grid_of_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    """The grid again, in its order."""
    return {name.removeprefix("grid "): arrays[name].tolist() for name in arrays if name.startswith("grid ")}


@contextmanager
def reading(path: str | os.PathLike, kind: str, remedy: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an npz file; nothing in it is executed.

    Raises:
        FileNotFoundError, or ValueError where the file is none of its kind, also as whoever reads it finds.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no {kind} at {path}; {remedy}")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            yield file
    except Exception as error:
        raise ValueError(f"{path} is damaged or no {kind} ({error}); {remedy}") from None
