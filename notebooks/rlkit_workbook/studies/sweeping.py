"""Sweeps beyond one population: a grid is cut into parts, which train wherever an executor runs them."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from tqdm.auto import tqdm

from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.settings import is_swept
from rlkit_mini.experiments import EXPERIMENTS, Experiment
from rlkit_mini.files import whole_file
from rlkit_mini.oracle import solved
from rlkit_mini.training import train_offline
from rlkit_workbook.studies.ablations import data_by_name
from rlkit_workbook.sweeps import Sweep

MEMBERS = 64  # of a part, unless one setting has more seeds; larger populations are hardly faster


@dataclass(frozen=True, eq=False)
class Part:
    """What trains as one population, in words only: wherever it runs, the data is loaded by its name.

    Attributes:
        where: the block of the grid that it fills, a slice an axis.
        settings: of the agent; lists where they are swept.
    """

    where: tuple[slice, ...]
    agent: type[Agent]
    dataset: str
    updates: int
    evaluations: int
    settings: dict
    seeds: tuple[int, ...]

    @cached_property
    def file(self) -> str:
        """A name with a hash of every setting, defaults included; the code and the data's content are not in it."""
        configuration = self.agent(**self.settings, seeds=1).configuration | {"seeds": self.seeds}
        facts = json.dumps([self.dataset, self.updates, self.evaluations, configuration], sort_keys=True)
        return f"{self.agent.__name__}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.npz"

    def __str__(self) -> str:
        facts = {"dataset": self.dataset, "steps": self.updates} | self.settings | {"seeds": list(self.seeds)}
        return ", ".join([self.agent.__name__, *(f"{name} {value}" for name, value in facts.items())])


def sweep(
    experiment: str | Experiment,
    grid: Mapping[str, Sequence],
    seeds: int | Sequence[int] = 8,
    executor: Executor | None = None,
    *,
    evaluations: int = 10,
    folder: str | os.PathLike = "results/sweeps",
    progress: bool = True,
) -> Sweep:
    """Train an experiment's agent over a grid of settings x seeds, in populations of some 64 members.

    Each finished part is written at once; a second call trains only what is missing. On equal machines the result is
    the same to the bit whatever executor trains it: a part uses one thread, and the grid alone decides how it is cut.

    Args:
        experiment: a training, by name or as a row of the table.
        grid: name -> values: of a setting of the agent, of "steps" (updates, as `train --steps` has them), or of
            "dataset" (names as `data_by_name` knows them, all of one maze). All seeds of a setting train together.
        executor: of processes here, or of a cluster; None trains in this process.
        evaluations: points of the learning curves.
        folder: of the finished parts. Delete it when the code or a data set has changed.

    Raises:
        KeyError, ValueError: a request that cannot be trained, before anything is.
        RuntimeError: parts failed, named with their reasons; the others are kept.
    """
    experiment = EXPERIMENTS[experiment] if isinstance(experiment, str) else experiment
    parts = cut(experiment, grid, seeds, evaluations)
    files = {part: Path(folder) / part.file for part in parts}
    blocks, missing, failures = [], [], []
    for part, file in files.items():
        try:
            blocks.append((part.where, Sweep.load(file)))
        except (FileNotFoundError, ValueError):  # not trained yet, or damaged since
            missing.append(part)
    with tqdm(total=len(parts), initial=len(blocks), desc="sweep", unit="part", disable=not progress) as bar:
        for part, future in _finished(missing, executor):
            try:
                with whole_file(files[part]) as beside:
                    beside.write_bytes(future.result())
                blocks.append((part.where, Sweep.load(files[part])))
            except Exception as error:
                failures.append(f"{part}: {' '.join(str(error).split()) or type(error).__name__}")
                bar.write(f"failed: {failures[-1]}")
            bar.update()
    if failures:
        heading = f"{len(failures)} of {len(parts)} parts failed; the others are kept in {folder}"
        raise RuntimeError("\n".join([heading, *failures]))
    return Sweep.assemble({name: _plain(values) for name, values in grid.items()}, blocks)


def grid_of(words: Iterable[str]) -> dict[str, list]:
    """A grid as the command line has it, ("alpha=0,0.1", "steps=1000"): numbers where they are, else names."""
    grid = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not (name and equals and values) or name in grid:
            raise ValueError(f"{word!r} is no axis of a grid; expected a setting and its values, once: alpha=0,0.1,1")
        try:
            grid[name] = [float(value) for value in values.split(",")]
        except ValueError:
            grid[name] = values.split(",")
    return grid


@contextmanager
def processes(workers: int | None = None, scheduler: str | None = None) -> Iterator[Executor | None]:
    """An executor of so many processes here, or of those of a Dask cluster ("tcp://host:8786"); None of neither.

    A part whose worker is lost on a cluster is trained again, up to twice.

    Raises:
        ValueError, OSError: both were asked for, or fewer than one; Dask is missing, or no scheduler answers.
    """
    if workers is not None and (scheduler or workers < 1):
        raise ValueError(
            f"workers is {workers} and scheduler {scheduler}; expected at least one worker, or a scheduler"
        )
    if workers:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        ends_at_once = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_DFL)}  # keeps no half part
        with ProcessPoolExecutor(workers, context, **ends_at_once) as pool:
            yield pool
    elif scheduler:
        try:
            from distributed import Client

            client = Client(scheduler, timeout=5)
        except ImportError:
            raise ValueError("a scheduler needs Dask: pip install -e '.[cluster]'") from None
        except (OSError, ValueError) as error:
            raise OSError(
                f"no scheduler answers ({error}); expected the address that `dask scheduler` prints"
            ) from None
        with client:
            yield client.get_executor(retries=2)
    else:
        yield None


def cut(experiment: Experiment, grid: Mapping[str, Sequence], seeds, evaluations: int = 10) -> list[Part]:
    """The parts of a sweep, in order: what members need not share is swept within one, as long as it has room.

    Raises:
        KeyError, ValueError: as `sweep`.
    """
    if experiment.command != "train":
        raise ValueError(f"{experiment.name} is run by `{experiment.command}`; a sweep needs one that `train` runs")
    grid = {name: _plain(values) for name, values in grid.items()}
    for name, values in grid.items():
        if not values or len(set(values)) < len(values) or name in ("discount", "seeds"):
            hint = "; values are judged at one discount" if name == "discount" else ""
            raise ValueError(f"{name} cannot be swept over {values}; expected a setting and its distinct values{hint}")
    for steps in grid.get("steps", ()):
        if isinstance(steps, str) or not (steps >= 1 and steps % 1 == 0):
            raise ValueError(f"steps is {steps}; expected a whole number of updates, at least 1")
    if not grid:
        raise ValueError("there is nothing to sweep; expected such as alpha=0,0.1,1")
    try:
        seeds = tuple(experiment.agent(seeds=seeds).seeds.tolist())
        parts = [_part(experiment, grid, seeds, evaluations, where) for where in _blocks(grid, len(seeds))]
        _ = [part.file for part in parts]  # makes an agent of each: settings that it refuses show now
    except TypeError as error:
        raise ValueError(str(error)) from None
    mazes = {data.maze.name for part in parts for data in data_by_name(part.dataset, seeds[:1])}
    if len(mazes) > 1:
        raise ValueError(f"the data sets are of the mazes {', '.join(sorted(mazes))}; expected one maze a sweep")
    return parts


def train_part(part: Part) -> bytes:
    """Train one part in this process, on one thread: the bytes of its `Sweep`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = data_by_name(part.dataset, part.seeds)
        agent = part.agent(**part.settings, seeds=part.seeds)
        each = data if len(data) == 1 else data * (agent.members // len(data))  # members: settings first, seeds last
        oracle = solved(data[0].maze)
        history = train_offline(agent, each, part.updates, oracle, part.evaluations, progress=False)
        if not len(history.updates) or history.updates[-1] < part.updates:
            raise KeyboardInterrupt  # half a part is none
        return Sweep.of(agent, history, oracle).to_bytes()
    finally:
        torch.set_num_threads(threads)


def _plain(values: Sequence) -> list[float] | list[str]:
    return [value if isinstance(value, str) else float(value) for value in values]


def _blocks(grid: Mapping[str, list], seeds: int) -> Iterator[tuple[slice, ...]]:
    """Blocks of the grid, a slice an axis, of what can be one population."""

    def halved(block: tuple[slice, ...]) -> Iterator[tuple[slice, ...]]:
        lengths = [side.stop - side.start for side in block]
        if math.prod(lengths) * seeds <= MEMBERS or max(lengths) == 1:
            yield block
            return
        axis = lengths.index(max(lengths))
        start, middle, stop = block[axis].start, block[axis].start + lengths[axis] // 2, block[axis].stop
        for side in (slice(start, middle), slice(middle, stop)):
            yield from halved((*block[:axis], side, *block[axis + 1 :]))

    sides = [
        [slice(0, len(values))] if is_swept(name) else [slice(place, place + 1) for place in range(len(values))]
        for name, values in grid.items()
    ]
    for block in itertools.product(*sides):
        yield from halved(block)


def _part(experiment: Experiment, grid: Mapping[str, list], seeds, evaluations: int, where: tuple[slice, ...]) -> Part:
    chosen = {name: values[side] for (name, values), side in zip(grid.items(), where, strict=True)}
    single = {name: values[0] for name, values in chosen.items() if not is_swept(name)}
    dataset, updates = single.pop("dataset", experiment.dataset), single.pop("steps", experiment.steps)
    evaluations = min([evaluations, *map(int, grid.get("steps", [experiment.steps]))])  # as many for every part
    settings = experiment.settings | chosen | single
    settings = {name: value for name, value in settings.items() if name not in ("dataset", "steps")}
    return Part(where, experiment.agent, dataset, int(updates), evaluations, settings, seeds)


def _finished(parts: list[Part], executor: Executor | None) -> Iterator[tuple[Part, Future]]:
    """Each part with the future that holds its bytes or its error, as they finish."""
    if executor is None:
        for part in parts:
            future = Future()
            try:
                future.set_result(train_part(part))
            except Exception as error:
                future.set_exception(error)
            yield part, future
        return
    running = {executor.submit(train_part, part): part for part in parts}
    try:
        for future in as_completed(running):
            yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()
