"""How long training takes on this machine, alone or beside JAX: `python -m rlkit_workbook bench`."""

from __future__ import annotations

import functools
import itertools
import math
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import gymnasium
import numpy as np
import torch
from torch import nn

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import CQL, DQN, offline
from rlkit_mini.data.transitions import Batch, Transitions
from rlkit_mini.tables import markdown_table

MEMBERS = {"cpu": (1, 8, 32, 128), "cuda": (1, 32, 256, 1024, 4096)}
UPDATES, FURTHER_UPDATES = 4000, (1000, 20_000, 100_000)
IN_JAX, RATIO = ("DQN", "CQL", "AWAC", "IQL"), "JAX's time over ours"
SOLVED = (  # data, who, agent, settings
    ("easy-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8, "alpha": 0.1}),
    ("medium-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8, "alpha": 0.1}),
    ("medium-rnd", "1 seed of CQL, α 0.1, as trained live", CQL, {"seeds": 1, "alpha": 0.1}),
    ("medium-rnd", "8 seeds of DQN", DQN, {"seeds": 8}),
    ("hard-near-expert", "8 seeds of CQL, α 1", CQL, {"seeds": 8, "alpha": 1.0}),
)
CAPTIONS = {
    "trainings": "**Trainings.** Seconds from the call to trained agents.",
    "solved": "**Until solved.** Seconds of training until every seed's exact return, looked at every 250 updates, is "
    "within 10% of J\\*.",
    "mazes": "**Mazes.** Steps per second of 1 and of 1,024 environments; seconds of the oracle.",
}


def seconds_of(work: Callable[[], object], device: str = "cpu") -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def rate(work: Callable[[int], object], seconds: float, device: str = "cpu") -> float:
    """Units of work per second: `work(n)` does n. A first call warms up, a second one says how many take `seconds`."""

    def measured(count: int) -> float:
        return count / seconds_of(lambda: work(count), device)

    measured(20)
    return measured(math.ceil(seconds * measured(20)))


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


class PlainLoop:
    """One CQL agent in the usual style: linear layers, NumPy arrays, a loss read after each update; course settings."""

    def __init__(self, data: Transitions, alpha: float = 0.1) -> None:
        torch.manual_seed(0)
        self.columns = [getattr(data, field).numpy() for field in Batch._fields]
        self.critic, self.target = (
            nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 5)) for _ in range(2)
        )
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)
        self.alpha, self.losses, self.rng = alpha, [], np.random.default_rng(0)

    def train(self, updates: int) -> None:
        for _ in range(updates):
            rows = self.rng.integers(len(self.columns[0]), size=128)
            observations, actions, rewards, after, ended = (torch.from_numpy(column[rows]) for column in self.columns)
            with torch.no_grad():
                best = self.critic(after).argmax(dim=-1, keepdim=True)
                targets = rewards + 0.95 * ~ended * self.target(after).gather(1, best)[:, 0]
            q_values = self.critic(observations)
            taken = q_values.gather(1, actions[:, None])[:, 0]
            loss = ((taken - targets) ** 2 + self.alpha * (q_values.logsumexp(dim=-1) - taken)).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
            if len(self.losses) % 300 == 0:
                self.target.load_state_dict(self.critic.state_dict())

    def policy(self, observations: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.eye(5)[self.critic(torch.from_numpy(observations)).argmax(dim=-1).numpy()]


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
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", **{column: getattr(data, column).numpy() for column in Batch._fields})
        options = [f"{folder}/data.npz", f"--agent={name}", f"--members={members}", f"--updates={updates}"]
        peer = [python, Path(__file__).with_name("peer_jax.py"), *options]
        outcome = subprocess.run(peer, stdout=subprocess.PIPE, text=True)
    if outcome.returncode:
        raise RuntimeError(f"the peer ended with code {outcome.returncode}; what it said is above")
    return float(outcome.stdout)


def measure_trainings(device: str = "cpu", rounds: int = 1, jax: Path | None = None) -> Iterator[dict]:
    """Medians of each algorithm's trainings, and of a plain loop's; with JAX in turn, and CQL's growth over updates."""
    data, populations = load_dataset("pointmass/medium-rnd-v0"), MEMBERS[torch.device(device).type]
    growth = itertools.product(["CQL"], populations[:3], FURTHER_UPDATES) if jax else ()
    for name, members, updates in [*itertools.product(offline(), populations, [UPDATES]), *growth]:
        work, beside = (data, name, members, updates), jax if name in IN_JAX else None
        turns = [(our_seconds(*work, device), jax_seconds(jax, *work) if beside else 0) for _ in range(rounds)]
        ours, theirs = map(statistics.median, zip(*turns, strict=True))
        row = {"agent": name, "members": members, "updates": updates, "threads": threads_for(members), "seconds": ours}
        row["member-updates per second"] = round(members * updates / ours)
        if jax:
            row |= {"JAX, seconds": theirs or None, RATIO: theirs / ours or None}
        yield row
    torch.set_num_threads(1)
    ours = seconds_of(lambda: PlainLoop(data).train(UPDATES))
    plain = {"agent": "CQL in a plain loop, course", "members": 1, "updates": UPDATES, "seconds": ours}
    yield dict.fromkeys(row) | plain | {"member-updates per second": round(UPDATES / ours)}


def until_solved(train: Callable[[int], object], policy: Callable, oracle: Oracle, limit: int = 20_000) -> dict:
    """Seconds and updates of training until every member is within 10% of J*; no seconds where `limit` is too few."""
    seconds, step = 0.0, 250
    for updates in range(step, limit + 1, step):
        seconds += seconds_of(lambda: train(step))
        if (oracle.evaluate(policy).episode_return > 1.1 * oracle.optimal_return).all():
            return {"seconds": seconds, "updates": updates}
    return {"seconds": None, "updates": limit}


def measure_solving() -> Iterator[dict]:
    """How soon populations solve their mazes, and a plain loop."""
    for name, who, make_agent, settings in SOLVED:
        data, agent = load_dataset(f"pointmass/{name}-v0"), make_agent(**settings)
        train = functools.partial(train_offline, agent, data, progress=False)
        yield {"data": name, "who": who} | until_solved(train, agent.policy, Oracle(data.maze))
    data = load_dataset("pointmass/medium-rnd-v0")
    loop = PlainLoop(data)
    found = until_solved(loop.train, loop.policy, Oracle(data.maze))
    yield {"data": "medium-rnd", "who": "1 seed of CQL, α 0.1, in a plain loop"} | found


def measure_mazes(seconds: float = 1.0) -> Iterator[dict]:
    """Steps per second of each maze's environments, and seconds that its oracle takes."""
    for maze in MAZES.values():
        row = {"maze": maze.name}
        for copies in (1, 1024):
            worlds = gymnasium.make_vec(maze.env_id, num_envs=copies)
            worlds.reset(seed=0)
            actions = np.random.default_rng(0).integers(5, size=copies)

            def steps(count: int, worlds=worlds, actions=actions) -> None:
                for _ in range(count):
                    worlds.step(actions)

            row[f"steps, {copies:,}"] = round(copies * rate(steps, seconds))
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", RLKIT_MINI_CACHE=folder):
            row |= {what: seconds_of(functools.partial(Oracle, maze)) for what in ("built", "loaded")}
        oracle = Oracle(maze)
        greedy = np.eye(5)[np.random.default_rng(0).integers(5, size=(32, len(oracle.observations)))]
        row["evaluating 32 policies"] = seconds_of(functools.partial(oracle.evaluate, greedy))
        yield row


def run_benchmark(device: str = "cpu", rounds: int = 1, jax: Path | None = None) -> dict[str, list[dict]]:
    """All tables, ready for JSON; `jax` is the Python of an environment that has it."""
    DQN(device=device)  # says at once where there is no such device
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; expected at least 1")
    if jax and not shutil.which(jax):
        raise ValueError(f"jax is {jax}; expected a Python that can be run; `make peer-jax` makes one")
    return {
        "machine": [machine(device)],
        "trainings": [*measure_trainings(device, rounds, jax)],
        "solved": [*measure_solving()],
        "mazes": [*measure_mazes()],
    }


def markdown(results: dict[str, list[dict]]) -> str:
    """The tables of figures/BENCH.md."""
    (made_on,) = results["machine"]
    lines = [f"Measured on: {', '.join(f'{name} {value}' for name, value in made_on.items())}."]
    for name, caption in CAPTIONS.items():
        rows = [{column: _worded(cell) for column, cell in row.items()} for row in results[name]]
        lines += [caption, markdown_table(rows)]
    sooner = [row for row in results["trainings"] if (row.get(RATIO) or 1) < 1]
    words = [f"{row['agent']} {row['members']:,} x {row['updates']:,} ({row[RATIO]:.2f})" for row in sooner]
    return "\n\n".join(lines + [f"JAX is sooner, members x updates: {', '.join(words)}."] * bool(words))


def _worded(cell: str | float | None) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}" if cell < 10 else f"{cell:.0f}"
    return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
