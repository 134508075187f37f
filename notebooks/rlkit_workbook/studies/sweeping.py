"""Sweeps beyond one population: a grid is cut into blocks, which train wherever an executor runs them.

A cluster's executor is one line of its own library. Dask's, which trains a block of a lost worker again:
`sweep(..., executor=distributed.Client("tcp://host:8786").get_executor(retries=2))`.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields

import torch

from rlkit_mini.agents.settings import is_swept
from rlkit_mini.data.sets import checksum, list_datasets
from rlkit_mini.experiments import EXPERIMENTS, Experiment
from rlkit_mini.oracle import shared_oracle
from rlkit_mini.training import train_offline
from rlkit_workbook.studies.ablations import data_by_name
from rlkit_workbook.studies.parts import Part, file_name, run_parts
from rlkit_workbook.sweeps import Sweep

FIXED = {"discount", "seeds"} | {field.name for field in fields(Experiment)} - {"dataset", "updates"}  # of a sweep
MEMBERS = 64  # of a block, unless one setting has more seeds; larger populations are hardly faster


@dataclass(frozen=True, eq=False)
class Block:
    """A block of a grid, which trains as one population; in words only: wherever it runs, the data is loaded by name.

    Attributes:
        where: what it fills of the grid, a slice per axis.
        experiment: whose settings are lists where they are swept.
    """

    where: tuple[slice, ...]
    experiment: Experiment
    evaluations: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        row = self.experiment
        facts = {"dataset": row.dataset, "updates": row.updates, **row.settings, "seeds": list(self.seeds)}
        return ", ".join([row.agent, *(f"{name} {value}" for name, value in facts.items())])

    def file(self) -> str:
        """Of its sweep, by name: equal for equal settings, defaults included, and equal data."""
        row = self.experiment
        place = row.dataset_dir
        content = checksum(row.dataset, place) if row.dataset in list_datasets(place) else None
        settings = row.make_agent().configuration | {"seeds": self.seeds}
        return file_name(row.agent, [row.dataset, content, row.updates, self.evaluations, settings], ".npz")

    def train(self) -> bytes:
        """Train it in this process, on one thread: the bytes of its `Sweep`.

        Raises:
            KeyboardInterrupt: before its end.
            TrainingDivergedError: as in `train_offline`.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            row = self.experiment
            data, agent = data_by_name(row.dataset, self.seeds, row.dataset_dir), row.make_agent(self.seeds)
            each = data if len(data) == 1 else data * (agent.members // len(data))  # settings first, seeds last
            oracle = shared_oracle(data[0].maze)
            history = train_offline(agent, each, row.updates, oracle, self.evaluations, progress=False)
            if not len(history.updates) or history.updates[-1] < row.updates:
                raise KeyboardInterrupt(f"interrupted before {row.updates:,} updates: {self}")
            return Sweep.of(agent, history, oracle).to_bytes()
        finally:
            torch.set_num_threads(threads)


def sweep(
    experiment: str | Experiment,
    grid: Mapping[str, Sequence],
    seeds: int | Sequence[int] = 8,
    executor: Executor | None = None,
    *,
    evaluations: int = 10,
    folder: str | os.PathLike = "results/sweeps",
) -> Sweep:
    """Train an experiment's agent over a grid of settings x seeds, in populations of some 64 members.

    Each finished block is written at once; a second call trains only what is missing. On equal machines the result is
    the same to the bit whatever executor trains it: a block uses one thread, and the grid alone decides how it is cut.

    Args:
        experiment: a training, by name or as a row of the table.
        grid: name -> values: of a setting of the agent, of "updates", or of "dataset" (names as `data_by_name` knows
            them, all of one maze). All seeds of a setting train together.
        executor: any of `concurrent.futures`, such as `processes`', or of a cluster; None trains in this process.
        evaluations: points of the learning curves.
        folder: of the finished blocks. Delete it when the code has changed.

    Raises:
        KeyError, ValueError: a request that cannot be trained, before anything is.
        RuntimeError: blocks failed, named with their reasons; all others are kept.
        KeyboardInterrupt: training was interrupted; finished blocks are kept.
    """
    experiment = EXPERIMENTS[experiment] if isinstance(experiment, str) else experiment
    blocks = cut(experiment, grid, seeds, evaluations)
    parts = [Part(str(block), block.file(), block.train) for block in blocks]  # settings that are refused show now
    trained = run_parts(parts, Sweep.load, folder, executor)
    filled = [(block.where, part) for block, part in zip(blocks, trained, strict=True)]
    return Sweep.assemble({name: _plain(values) for name, values in grid.items()}, filled)


def grid_of(words: Iterable[str]) -> dict[str, list[float] | list[str]]:
    """A grid as the command line has it, ("alpha=0,0.1", "updates=1000"): numbers where they are, else names.

    Raises:
        ValueError: a word is no axis, or an axis is there twice.
    """
    grid = {}
    for word in words:
        name, equals, values = word.partition("=")
        name = "updates" if name == "steps" else name  # as `train` has both
        if not (name and equals and values) or name in grid:
            raise ValueError(f"{word!r} is no axis of a grid; expected a setting and its values, once: alpha=0,0.1,1")
        try:
            grid[name] = [float(value) for value in values.split(",")]
        except ValueError:
            grid[name] = values.split(",")
    return grid


def cut(
    experiment: Experiment, grid: Mapping[str, Sequence], seeds: int | Sequence[int], evaluations: int = 10
) -> list[Block]:
    """The blocks of a sweep, in order: what members need not share is swept within one, as long as it has room.

    Raises:
        KeyError, ValueError: as `sweep`.
    """
    if experiment.command != "train":
        raise ValueError(f"{experiment.name} is run by `{experiment.command}`; a sweep needs one that `train` runs")
    grid = {name: _plain(values) for name, values in grid.items()}
    _check_grid(grid)
    seeds = tuple(experiment.make_agent(seeds).seeds.tolist())
    shortest = min(map(int, grid.get("updates", [experiment.updates])))
    blocks = [
        Block(where, _chosen(experiment, grid, where), min(evaluations, shortest), seeds)
        for where in _rectangles(grid, len(seeds))
    ]
    rows = [block.experiment for block in blocks]
    mazes = {data.maze.name for row in rows for data in data_by_name(row.dataset, seeds[:1], row.dataset_dir)}
    if len(mazes) > 1:
        raise ValueError(f"the data sets are of the mazes {', '.join(sorted(mazes))}; expected one maze per sweep")
    return blocks


def _plain(values: Sequence) -> list[float] | list[str]:
    return [value if isinstance(value, str) else float(value) for value in values]


def _check_grid(grid: Mapping[str, list]) -> None:
    if not grid:
        raise ValueError("there is nothing to sweep; expected such as alpha=0,0.1,1")
    for name, values in grid.items():
        if not values or len(set(values)) < len(values) or name in FIXED:
            hint = "; values are judged at one discount" if name == "discount" else ""
            raise ValueError(f"{name} cannot be swept over {values}; expected a setting and its distinct values{hint}")
    for updates in grid.get("updates", ()):
        if isinstance(updates, str) or not (updates >= 1 and updates % 1 == 0):
            raise ValueError(f"updates is {updates}; expected a whole number, at least 1")


def _rectangles(grid: Mapping[str, list], seeds: int) -> Iterator[tuple[slice, ...]]:
    """Where the blocks are, a slice per axis: the longest axis is halved until one population has room for a block."""
    lengths = {name: len(values) if is_swept(name) else 1 for name, values in grid.items()}
    while math.prod(lengths.values()) * seeds > MEMBERS and max(lengths.values()) > 1:
        longest = max(lengths, key=lengths.get)
        lengths[longest] = math.ceil(lengths[longest] / 2)
    sides = [
        [slice(first, min(first + lengths[name], len(values))) for first in range(0, len(values), lengths[name])]
        for name, values in grid.items()
    ]
    return itertools.product(*sides)


def _chosen(experiment: Experiment, grid: Mapping[str, list], where: tuple[slice, ...]) -> Experiment:
    """The experiment with a block's values: lists of what is swept within it."""
    values = {name: values[side] for (name, values), side in zip(grid.items(), where, strict=True)}
    values = {name: value if is_swept(name) else value[0] for name, value in values.items()}
    if "updates" in values:
        values["updates"] = int(values["updates"])
    return experiment.changed(**values)
