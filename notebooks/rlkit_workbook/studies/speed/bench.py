"""How long training takes on this machine: `python -m rlkit_workbook bench`."""

from __future__ import annotations

import functools
import math
import platform
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
UPDATES = (1000, 4000, 10_000)
SOLVED = (  # data, who, agent, settings
    ("easy-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8, "alpha": 0.1}),
    ("medium-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8, "alpha": 0.1}),
    ("medium-rnd", "1 seed of CQL, α 0.1, as trained live", CQL, {"seeds": 1, "alpha": 0.1}),
    ("medium-rnd", "8 seeds of DQN", DQN, {"seeds": 8}),
    ("hard-near-expert", "8 seeds of CQL, α 1", CQL, {"seeds": 8, "alpha": 1.0}),
)
CAPTIONS = {
    "updates": "**Updates.** Member-updates per second, by members.",
    "growth": "**Trainings.** Seconds from the call to trained and exactly evaluated agents, CQL, by members.",
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
        "threads of torch": torch.get_num_threads(),
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


def measure_updates(seconds: float, device: str) -> Iterator[dict]:
    """Member-updates per second of every algorithm's populations with default settings, and of the plain loop."""
    data = load_dataset("pointmass/medium-rnd-v0")
    for name, algorithm in offline().items():
        row = {"agent": name}
        for members in MEMBERS[torch.device(device).type]:
            agent = algorithm.load()(seeds=members, device=device)
            train = functools.partial(train_offline, agent, data, progress=False)
            row[f"{members:,}"] = round(members * rate(train, seconds, device))
        yield row
    yield dict.fromkeys(row) | {"agent": "CQL in a plain loop", "1": round(rate(PlainLoop(data).train, seconds))}


def measure_growth(device: str) -> Iterator[dict]:
    """Seconds of CQL's trainings, by members and updates."""
    data = load_dataset("pointmass/medium-rnd-v0")
    oracle = Oracle(data.maze)

    def train(members: int, updates: int) -> None:
        train_offline(CQL(seeds=members, device=device), data, updates, oracle, evaluations=1, progress=False)

    for members in MEMBERS[torch.device(device).type]:
        taken = {f"{n:,} updates": seconds_of(functools.partial(train, members, n), device) for n in UPDATES}
        yield {"members": members} | taken


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


def measure_mazes(seconds: float) -> Iterator[dict]:
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


def run_benchmark(seconds: float = 1.0, device: str = "cpu") -> dict[str, list[dict]]:
    """All tables, ready for JSON; `seconds` per measured rate."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds is {seconds}; expected more than 0")
    DQN(device=device)  # says at once where there is no such device
    return {
        "machine": [machine(device)],
        "updates": [*measure_updates(seconds, device)],
        "growth": [*measure_growth(device)],
        "solved": [*measure_solving()],
        "mazes": [*measure_mazes(seconds)],
    }


def markdown(results: dict[str, list[dict]]) -> str:
    """The tables of figures/BENCH.md."""
    (made_on,) = results["machine"]
    tables = [
        f"{caption}\n\n{markdown_table([{name: _worded(cell) for name, cell in row.items()} for row in results[name]])}"
        for name, caption in CAPTIONS.items()
    ]
    return "\n\n".join([f"Measured on: {', '.join(f'{name} {value}' for name, value in made_on.items())}.", *tables])


def _worded(cell: str | float | None) -> str:
    if isinstance(cell, float):
        return f"{cell:.1f}" if cell > 1 else f"{cell:.3f}"
    return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
