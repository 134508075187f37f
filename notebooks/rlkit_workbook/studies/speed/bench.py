"""How long training takes on this machine, alone or beside JAX: `python -m rlkit_workbook bench`."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import runpy
import shutil
import subprocess
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import gymnasium
import numpy as np
import torch

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import CQL, DQN, offline
from rlkit_mini.data.transitions import Batch, Transitions
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import transition
from rlkit_mini.tables import markdown_table
from rlkit_workbook.results import STANDALONE
from rlkit_workbook.studies.speed.plain import plain_returns, plain_step, plain_transitions

MEMBERS = {"cpu": (1, 8, 32, 128), "cuda": (1, 32, 256, 1024, 4096)}
UPDATES, FURTHER_UPDATES = 4000, (1000, 20_000, 100_000)
PEERS = ("DQN", "CQL", "AWAC", "IQL")
PLAIN, JAX, RATIO = "one plain agent, seconds", "JAX, seconds", "JAX's time over ours"
SOLVED = (  # data, who, agent, settings
    ("easy-rnd", "CQL, 8 seeds", CQL, {"seeds": 8}),
    ("medium-rnd", "CQL, 8 seeds", CQL, {"seeds": 8}),
    ("medium-rnd", "CQL, 1 seed, as trained live", CQL, {"seeds": 1}),
    ("medium-rnd", "CQL, 8 seeds, the course's network", CQL, {"seeds": 8, "features": "raw", "target_period": 300}),
    ("medium-rnd", "DQN, 8 seeds", DQN, {"seeds": 8}),
    ("hard-near-expert", "CQL, α 1, 8 seeds", CQL, {"seeds": 8, "alpha": 1.0}),
)
CAPTIONS = {
    "trainings": "**Trainings.** Seconds from the call to trained agents.",
    "solved": "**Until solved.** Seconds of training until every seed's exact return, looked at every 250 updates, is "
    "within 10% of J\\*; no seconds: not within that many.",
    "mazes": "**Mazes.** Steps per second of 1 and of 1,024 environments; seconds of the oracle.",
    "plain": "**Beside plain NumPy and scipy**, as one writes it first.",
}


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def machine(device: str) -> dict[str, str | int]:
    """What everything was measured on."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "accelerator": "none" if device == "cpu" else torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def threads_for(members: int) -> int:
    """With which a population trains soonest: a second one helps from some 32 members on."""
    return 1 if members < 32 else min(2, os.cpu_count() or 1)


def our_seconds(data: Transitions, name: str, members: int, updates: int, device: str) -> float:
    """From the call to trained agents."""
    torch.set_num_threads(threads_for(members))
    make_agent = offline()[name].load()
    return seconds_of(
        lambda: train_offline(make_agent(seeds=members, device=device), data, updates, progress=False), device
    )


def jax_seconds(python: Path, data: Transitions, name: str, members: int, updates: int) -> float:
    """The same in JAX, compiling included: `peer_jax.py`, run by the Python of an environment that has JAX."""
    settings = json.dumps(offline()[name].load()().configuration)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", **{column: getattr(data, column).numpy() for column in Batch._fields})
        work = f"{folder}/data.npz", name, settings, str(members), str(updates)
        peer = [python, Path(__file__).with_name("peer_jax.py"), *work]
        outcome = subprocess.run(peer, stdout=subprocess.PIPE, text=True)
    if outcome.returncode:
        raise RuntimeError(f"the peer ended with code {outcome.returncode}; what it said is above")
    return float(outcome.stdout)


class PlainAgent:
    """One agent in plain PyTorch with the same settings, of a file of `notebooks/standalone/`."""

    def __init__(self, name: str, data: Transitions) -> None:
        torch.manual_seed(0)
        self.module = runpy.run_path(str(STANDALONE / f"{name.lower()}.py"))
        self.agent = self.module[name](observation_size=2, action_count=5)
        columns = [getattr(data, column) for column in Batch._fields]
        self.data, self.done = [column if column.dtype == torch.int64 else column.float() for column in columns], 0

    def train(self, updates: int) -> None:
        with contextlib.redirect_stdout(None):
            self.module["train"](self.agent, self.data, updates, seed=self.done)
        self.done += updates

    def policy(self, observations: np.ndarray) -> np.ndarray:
        return np.eye(5)[self.agent.act(torch.from_numpy(observations)).numpy()]


def medians(works: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each gives, over rounds in which they take turns."""
    rows = [[work() for work in works.values()] for _ in range(rounds)]
    return dict(zip(works, np.median(rows, axis=0).tolist(), strict=True))


def plain_seconds(data: Transitions, name: str, updates: int) -> float:
    """From the call to one trained plain agent."""
    return seconds_of(lambda: PlainAgent(name, data).train(updates))


def measure_trainings(device: str = "cpu", rounds: int = 1, jax: Path | None = None) -> Iterator[dict]:
    """Medians of each algorithm's trainings, in turn with one plain agent and with JAX; CQL's over updates as well.

    Those of more than `UPDATES` are measured once, whatever `rounds` says.
    """
    data, populations = load_dataset("pointmass/medium-rnd-v0"), MEMBERS[torch.device(device).type]
    growth = itertools.product(["CQL"], populations[:3], FURTHER_UPDATES) if jax else ()
    for name, members, updates in [*itertools.product(offline(), populations, [UPDATES]), *growth]:
        works = {"seconds": partial(our_seconds, data, name, members, updates, device)}
        if name in PEERS and members == 1:
            works[PLAIN] = partial(plain_seconds, data, name, updates)
        if name in PEERS and jax:
            works[JAX] = partial(jax_seconds, jax, data, name, members, updates)
        row = {"agent": name, "members": members, "updates": updates, "threads": threads_for(members)}
        row |= dict.fromkeys(("seconds", PLAIN, JAX)) | medians(works, rounds if updates <= UPDATES else 1)
        yield row | {RATIO: row[JAX] and row[JAX] / row["seconds"]}


def until_solved(train: Callable[[int], object], policy: Callable, oracle: Oracle, limit: int = 20_000) -> dict:
    """Seconds and updates of training until every member is within 10% of J*; no seconds where `limit` is too few."""
    seconds, step = 0.0, 250
    for updates in range(step, limit + 1, step):
        seconds += seconds_of(lambda: train(step))
        if (oracle.evaluate(policy).episode_return > 1.1 * oracle.optimal_return).all():
            return {"seconds": seconds, "updates": updates}
    return {"seconds": None, "updates": limit}


def measure_solving() -> Iterator[dict]:
    """How soon populations solve their mazes, and one plain agent."""
    for name, who, make_agent, settings in SOLVED:
        data, agent = load_dataset(f"pointmass/{name}-v0"), make_agent(**settings)
        train = partial(train_offline, agent, data, progress=False)
        yield {"data": name, "who": who} | until_solved(train, agent.policy, Oracle(data.maze))
    data = load_dataset("pointmass/medium-rnd-v0")
    plain, oracle = PlainAgent("CQL", data), Oracle(data.maze)
    yield {"data": "medium-rnd", "who": "CQL, one plain agent"} | until_solved(plain.train, plain.policy, oracle)


def measure_mazes() -> Iterator[dict]:
    """Steps per second of each maze's environments, and seconds that its oracle takes."""
    for maze in MAZES.values():
        row = {"maze": maze.name}
        for copies in (1, 1024):
            worlds = gymnasium.make_vec(maze.env_id, num_envs=copies)
            worlds.reset(seed=0)
            step = partial(worlds.step, np.random.default_rng(0).integers(5, size=copies))
            count, seconds = timeit.Timer(step).autorange()
            row[f"steps, {copies:,}"] = round(copies * count / seconds)
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", RLKIT_MINI_CACHE=folder):
            row |= {what: seconds_of(partial(Oracle, maze)) for what in ("built", "loaded")}
        oracle = Oracle(maze)
        greedy = np.eye(5)[np.random.default_rng(0).integers(5, size=(32, len(oracle.observations)))]
        row["evaluating 32 policies"] = seconds_of(partial(oracle.evaluate, greedy))
        yield row


def measure_plain(rounds: int = 3) -> Iterator[dict]:
    """The engine's work beside plain NumPy and scipy, in turn: medians of seconds."""
    for maze in MAZES.values():
        oracle, rng = Oracle(maze), np.random.default_rng(0)
        policies = np.eye(5)[rng.integers(5, size=(32, len(oracle.cells)))]
        positions = maze.positions(oracle.points)[rng.integers(len(oracle.points), size=1024)]
        step = maze, positions, rng.integers(5, size=1024), rng.standard_normal((1024, 2))
        works = {
            "the oracle": (oracle._solve_transitions, partial(plain_transitions, oracle)),
            "evaluating 32 policies": (partial(oracle.evaluate, policies), partial(plain_returns, oracle, policies)),
            "a step of 1,024": (partial(transition, *step), partial(plain_step, *step)),
        }
        for what, (ours, plain) in works.items():
            row = medians({"seconds": partial(seconds_of, ours), "plain, seconds": partial(seconds_of, plain)}, rounds)
            ratio = row["plain, seconds"] / row["seconds"]
            yield {"maze": maze.name, "what": what} | row | {"plain over ours": ratio}


def run_benchmark(device: str = "cpu", rounds: int = 1, jax: Path | None = None) -> dict[str, list[dict]]:
    """All tables, ready for JSON; `jax` is the Python of an environment that has it."""
    DQN(device=device)  # says at once where there is no such device
    check_count("rounds", rounds)
    if jax and not shutil.which(jax):
        raise ValueError(f"jax is {jax}; expected a Python that can be run; `make peer-jax` makes one")
    return {
        "machine": [machine(device)],
        "trainings": [*measure_trainings(device, rounds, jax)],
        "solved": [*measure_solving()],
        "mazes": [*measure_mazes()],
        "plain": [*measure_plain(rounds)],
    }


def markdown(results: dict[str, list[dict]]) -> str:
    """The tables of figures/BENCH.md."""
    (made_on,) = results["machine"]
    lines = [f"Measured on: {', '.join(f'{name} {value}' for name, value in made_on.items())}."]
    for name, caption in CAPTIONS.items():
        rows = [{column: _worded(cell) for column, cell in row.items()} for row in results.get(name, [])]
        lines += [caption, markdown_table(rows)] if rows else []
    sooner = [row for row in results["trainings"] if (row[RATIO] or 1) < 1]
    words = [f"{row['agent']} {row['members']:,} x {row['updates']:,} ({row[RATIO]:.2f})" for row in sooner]
    return "\n\n".join(lines + [f"JAX is sooner, members x updates: {', '.join(words)}."] * bool(words))


def _worded(cell: str | float | None) -> str:
    if isinstance(cell, float):
        return f"{cell:.2g}" if cell < 0.1 else f"{cell:.2f}" if cell < 10 else f"{cell:.0f}"
    return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
