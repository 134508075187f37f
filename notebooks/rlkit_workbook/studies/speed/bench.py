"""How fast, and against what: `python -m rlkit_workbook bench`. Ratios are of one run, on one machine, side by side."""

from __future__ import annotations

import itertools
import json
import math
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from rlkit_mini.agents import AWAC, CQL, DQN, IQL
from rlkit_mini.data.replay import Replay
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Batch, Transitions
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.tables import markdown_table
from rlkit_mini.training import train_offline
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.sweeps import Sweep
from rlkit_workbook.widgets import live_trainer

AGENTS = {"DQN": DQN, "CQL": CQL, "AWAC": AWAC, "IQL": IQL}
CONFIGURATIONS = {
    "course": {"features": "raw", "batch_size": 128, "target_period": 300},
    "default": {},
}
SHARE = "share of the matrix product's rate"
MEMBERS = {"cpu": (1, 8, 32, 128), "cuda": (1, 32, 256, 1024, 4096)}
# What solves medium soonest with seeds 100 to 107 (reported are 0 to 7), of DQN and CQL (α 0.1), each with target
# periods 50 and 25, and with 25 also: batches of 32; one hidden layer; a learning rate of 2e-3 with batches of 32, 64,
# 128, and with layers of 128
FAST = {"hidden": (64,), "target_period": 25}
SOLVED = (  # data, who, agent, settings
    ("easy-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8}),
    ("medium-rnd", "8 seeds of CQL, α 0.1", CQL, {"seeds": 8}),
    ("medium-rnd", "8 seeds of DQN", DQN, {"seeds": 8}),
    ("medium-rnd", "8 seeds of DQN, one hidden layer, target period 25", DQN, {"seeds": 8} | FAST),
    ("medium-rnd", "1 seed of CQL, α 0.1, as trained live", CQL, {"seeds": 1}),
    ("hard-near-expert", "8 seeds of CQL, α 1", CQL, {"seeds": 8, "alpha": 1.0}),
)
PLAINLY_SOLVED = {"easy-rnd": 0.1, "medium-rnd": 0.1, "hard-near-expert": 1.0}  # data -> α
PEER_LIMIT = {"course": 20_000, "default": 10_000}  # updates
GROWTH = {  # what grows -> each size, and the settings that make it
    "members": {str(members): {"seeds": members} for members in (1, 8, 32, 128)},
    "transitions": {f"{size:,}": {"data": f"medium-rnd-{size}"} for size in (1000, 10_000, 20_000)},
    "width of two layers": {str(width): {"hidden": (width, width)} for width in (32, 64, 128, 256)},
    "batch": {str(size): {"batch_size": size} for size in (32, 64, 128, 256)},
    "maze": {maze: {"data": f"{maze}-rnd"} for maze in ("easy", "medium", "hard")},
}
PARTS = {  # of an update, by the operations that torch's profiler sees
    "matrix products": ("aten::bmm", "aten::baddbmm", "aten::addbmm"),
    "sine, sigmoid, ReLU and their slopes": (
        "aten::sin_",
        "aten::sigmoid_",
        "aten::relu_",
        "aten::clamp_min_",
        "aten::threshold_backward",
        "aten::tanh_backward",
    ),
    "Adam": ("aten::_fused_adam_",),
}


def wait(device: str) -> None:
    """Until the device has done what it was asked to."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def rate(step: Callable[[], object], seconds: float, a_call: float = 1.0, device: str = "cpu") -> float:
    """How much `step` does a second, each call doing `a_call`: over `seconds`, after a tenth of it to warm up."""

    def count(duration: float) -> float:
        wait(device)
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < duration:
            step()
            calls += 1
        wait(device)
        return calls / (time.perf_counter() - began)

    count(seconds / 10)
    return a_call * count(seconds)


def machine(device: str = "cpu") -> dict:
    """What everything was measured on."""
    names = [line.partition(":")[2].strip() for line in _processor_lines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "threads of torch": torch.get_num_threads(),
        "accelerator": "none" if device == "cpu" else torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _processor_lines() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.is_file() else []


def matrix_product_rate(seconds: float, device: str = "cpu") -> float:
    """Floating-point operations a second of the machine's float32 matrix product, 1,024 x 1,024."""
    left, right = torch.rand(2, 1024, 1024, device=device)
    return rate(lambda: left @ right, seconds, a_call=2 * 1024**3, device=device)


def throughput(agent: DQN, data: Transitions, seconds: float) -> dict:
    """Member-updates a second, and the floating-point operations of one."""
    minibatches = Replay(agent, data).minibatches(10**9)
    with FlopCounterMode(display=False) as counter:
        agent.update(next(minibatches))
    speed = rate(lambda: agent.update(next(minibatches)), seconds, agent.members, agent.device.type)
    return {"member-updates a second": speed, "operations": counter.get_total_flops() / agent.members}


class PlainLoop:
    """One agent in the usual style: a module of linear layers, NumPy arrays, a metric read after every update."""

    def __init__(
        self, name: str, data: Transitions, batch_size: int = 128, target_period: int = 300, alpha: float = 0.1
    ) -> None:
        self.name, self.alpha, self.batch_size, self.target_period, self.updates = (
            name,
            alpha,
            batch_size,
            target_period,
            0,
        )
        self.columns = [getattr(data, field).numpy() for field in Batch._fields]
        self.columns[-1] = self.columns[-1].astype(np.float32)
        self.critic, self.target = self._network(5), self._network(5)
        self.value, self.actor = self._network(1), self._network(5)
        self.optimizers = [torch.optim.Adam(net.parameters(), lr=1e-3) for net in (self.critic, self.value, self.actor)]
        self.losses: list[float] = []
        self.rng = np.random.default_rng(0)

    @staticmethod
    def _network(outputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))

    def _descend(self, number: int, loss: torch.Tensor) -> None:
        self.optimizers[number].zero_grad()
        loss.backward()
        self.optimizers[number].step()
        self.losses.append(loss.item())

    def update(self) -> None:
        picks = self.rng.integers(len(self.columns[0]), size=self.batch_size)
        observations, actions, rewards, after, ended = (torch.from_numpy(column[picks]) for column in self.columns)
        rows = torch.arange(self.batch_size)
        with torch.no_grad():
            if self.name == "AWAC":
                following = (torch.softmax(self.actor(after), dim=-1) * self.target(after)).sum(dim=-1)
            elif self.name == "IQL":
                following = self.value(after)[:, 0]
            else:
                following = self.target(after)[rows, self.critic(after).argmax(dim=-1)]
            y = rewards + 0.95 * (1 - ended) * following
        if self.name == "IQL":
            with torch.no_grad():
                data_values = self.target(observations)[rows, actions]
            difference = data_values - self.value(observations)[:, 0]
            self._descend(1, (torch.where(difference < 0, 0.1, 0.9) * difference**2).mean())
        q_values = self.critic(observations)
        taken = q_values[rows, actions]
        loss = ((taken - y) ** 2).mean()
        if self.name == "CQL":
            loss = loss + self.alpha * (torch.logsumexp(q_values, dim=-1) - taken).mean()
        self._descend(0, loss)
        if self.name in ("AWAC", "IQL"):
            with torch.no_grad():
                if self.name == "IQL":
                    advantages = data_values - self.value(observations)[:, 0]
                else:
                    q_values = self.critic(observations)
                    baseline = (torch.softmax(self.actor(observations), dim=-1) * q_values).sum(dim=-1)
                    advantages = q_values[rows, actions] - baseline
                weights = torch.exp(advantages / 0.3).clamp(max=100)
            likelihood = torch.log_softmax(self.actor(observations), dim=-1)[rows, actions]
            self._descend(2, -(weights * likelihood).mean())
        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target.load_state_dict(self.critic.state_dict())

    def policy(self, observations: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.eye(5)[self.critic(torch.from_numpy(observations)).argmax(dim=-1).numpy()]


def until_solved(train: Callable[[int], None], returns: Callable[[], np.ndarray], best: float, limit: int, step: int):
    """Seconds of training and updates until every member is within a tenth of the best return; None beyond `limit`."""
    seconds = 0.0
    for updates in range(step, limit + 1, step):
        began = time.perf_counter()
        train(step)
        seconds += time.perf_counter() - began
        if (returns() > 1.1 * best).all():
            return {"seconds": round(seconds, 2), "updates": updates, "updates a second": round(updates / seconds)}
    return {"seconds": None, "updates": limit, "updates a second": round(limit / seconds)}


def measure_training(seconds: float, device: str = "cpu") -> list[dict]:
    """Member-updates a second of every agent and population, beside the plain loop and the matrix product's rate."""
    data, peak = load_dataset("pointmass/medium-rnd-v0"), matrix_product_rate(seconds, device)
    members_tried = MEMBERS[torch.device(device).type]
    rows = []
    for name, make_agent in AGENTS.items():
        plain = rate(PlainLoop(name, data).update, seconds)
        for (configuration, settings), members in itertools.product(CONFIGURATIONS.items(), members_tried):
            found = throughput(make_agent(seeds=members, device=device, **settings), data, seconds)
            speed = found["member-updates a second"]
            rows.append(
                {
                    "agent": name,
                    "configuration": configuration,
                    "members": members,
                    "member-updates a second": round(speed),
                    "plain loop, updates a second": round(plain),
                    "times the plain loop": round(speed / plain, 1),
                    SHARE: round(speed * found["operations"] / peak, 3),
                    "times at most": round(peak / found["operations"] / plain, 1),
                }
            )
    return rows


def measure_parts(updates: int = 100) -> list[dict]:
    """Where an update of CQL spends its time, as shares, at 1 and at 32 members."""
    data, rows = load_dataset("pointmass/medium-rnd-v0"), []
    for (configuration, settings), members in itertools.product(CONFIGURATIONS.items(), (1, 32)):
        agent = CQL(seeds=members, **settings)
        minibatches = Replay(agent, data).minibatches(2 * updates)
        for _ in range(updates):
            agent.update(next(minibatches))
        with profile() as profiler:
            for _ in range(updates):
                agent.update(next(minibatches))
        times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
        total = sum(times.values())
        shares = {part: sum(times.get(key, 0) for key in keys) / total for part, keys in PARTS.items()}
        shares["other operations, and calling all of them"] = 1 - sum(shares.values())
        row = {"configuration": configuration, "members": members}
        rows.append(row | {part: round(share, 2) for part, share in shares.items()})
    return rows


def measure_growth(seconds: float) -> list[dict]:
    """How an update and an exact evaluation of CQL grow, from 8 members with the default settings."""
    peak, rows = matrix_product_rate(seconds), []
    for what, sizes in GROWTH.items():
        for size, changed in sizes.items():
            settings = {"seeds": 8, "data": "medium-rnd"} | changed
            data = load_dataset(f"pointmass/{settings.pop('data')}-v0")
            agent, oracle = CQL(**settings), Oracle(data.maze)
            found = throughput(agent, data, seconds)
            speed = found["member-updates a second"]
            policy = agent.policy(oracle.observations).numpy()
            evaluations = rate(lambda oracle=oracle, policy=policy: oracle.evaluate(policy), seconds / 2)
            rows.append(
                {
                    "what grows": what,
                    "to": size,
                    "ms an update": round(1000 * agent.members / speed, 2),
                    "member-updates a second": round(speed),
                    SHARE: round(speed * found["operations"] / peak, 3),
                    "ms an exact evaluation": round(1000 / evaluations, 1),
                    "places it is exact on": len(oracle.observations),
                }
            )
    return rows


def solve(agent: DQN, data: Transitions, oracle: Oracle, limit: int = 20_000, step: int = 250) -> dict:
    """`until_solved` of a population."""
    return until_solved(
        lambda updates: train_offline(agent, data, updates, progress=False),
        lambda: oracle.evaluate(agent.policy).episode_return,
        oracle.optimal_return,
        limit,
        step,
    )


def measure_solving() -> list[dict]:
    """Seconds of training until every seed is within 10% of J*; and one plain agent with the course's settings."""
    rows = []
    for name, who, make_agent, settings in SOLVED:
        data = load_dataset(f"pointmass/{name}-v0")
        rows.append({"data": name, "who": who} | solve(make_agent(**settings), data, Oracle(data.maze)))
    for name, alpha in PLAINLY_SOLVED.items():
        data = load_dataset(f"pointmass/{name}-v0")
        oracle = Oracle(data.maze)
        torch.manual_seed(0)
        loop = PlainLoop("CQL", data, alpha=alpha)

        def train(updates: int, loop=loop) -> None:
            for _ in range(updates):
                loop.update()

        def returns(loop=loop, oracle=oracle) -> np.ndarray:
            return oracle.evaluate(loop.policy).episode_return[None]

        found = until_solved(train, returns, oracle.optimal_return, limit=30_000, step=500)
        rows.append({"data": name, "who": f"1 seed of the plain loop, CQL, α {alpha:g}, course"} | found)
    return rows


class Peer:
    """d3rlpy, in an environment of its own, on our transitions with our network and settings (see `bench_peer.py`).

    Random Fourier features, which it does not have, are computed for it beforehand.

    Args:
        python: of that environment.
        agent: of one member, whose settings and features the peer takes.
        data: what to learn from.
        places: (n, 2) observations to act at.
    """

    def __init__(self, python: Path, agent: DQN, data: Transitions, places: np.ndarray) -> None:
        encode = agent.critic[0] if agent.features == "fourier" else nn.Identity()
        columns = {name: getattr(data, name) for name in ("actions", "rewards", "terminations", "truncations")}
        columns |= {
            name: encode(agent.as_inputs(at))[0]
            for name, at in (("observations", data.observations), ("places", places))
        }
        settings = {name: getattr(agent, name) for name in ("hidden", "batch_size", "target_period", "learning_rate")}
        settings |= {"discount": agent.discount, "alpha": getattr(agent, "alpha", None)}
        settings["activation"] = {"fourier": "relu", "raw": "tanh"}[agent.features]
        with tempfile.TemporaryDirectory() as folder:
            np.savez(f"{folder}/request.npz", **{name: column.numpy() for name, column in columns.items()})
            self.process = subprocess.Popen(
                [python, Path(__file__).with_name("bench_peer.py"), f"{folder}/request.npz", json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.actions = self._answer()  # before any training

    def _answer(self) -> np.ndarray:
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"the peer ended with code {self.process.returncode}; what it said is above")
        return np.array(json.loads(line))

    def train(self, updates: int) -> None:
        """That many more updates; `actions` (n,) are then its greedy ones."""
        print(updates, file=self.process.stdin, flush=True)
        self.actions = self._answer()

    def close(self) -> None:
        self.process.communicate()  # nothing more is asked, so it ends


def measure_peer(python: Path) -> list[dict]:
    """The peer beside one of our agents and eight of them: updates a second, and seconds until solved, on medium."""
    data = load_dataset("pointmass/medium-rnd-v0")
    oracle, rows = Oracle(data.maze), []
    for name, (configuration, settings) in itertools.product(("DQN", "CQL"), CONFIGURATIONS.items()):
        limit = PEER_LIMIT[configuration]
        peer = Peer(python, AGENTS[name](**settings), data, oracle.points)
        try:
            peer.train(100)  # to warm up; these count as updates, but not as seconds
            found = until_solved(
                peer.train,
                lambda peer=peer: oracle.evaluate(np.eye(5)[peer.actions]).episode_return[None],
                oracle.optimal_return,
                limit,
                step=500,
            )
        finally:
            peer.close()
        rows.append({"agent": name, "configuration": configuration, "who": "d3rlpy, 1 seed"} | found)
        for seeds in (1, 8):
            found = solve(AGENTS[name](seeds=seeds, **settings), data, oracle, limit, step=500)
            who = f"rlkit_mini, {seeds} seed{'s' * (seeds > 1)}"
            rows.append({"agent": name, "configuration": configuration, "who": who} | found)
    return rows


def measure_the_rest(seconds: float) -> list[dict]:
    """Environments, oracle, slider, memory."""
    single = gymnasium.make("rlkit_mini/PointmassMedium-v0")
    single.reset(seed=0)

    def step_single() -> None:
        *_, terminated, truncated, _ = single.step(single.action_space.sample())
        if terminated or truncated:
            single.reset()

    vector = gymnasium.make_vec("rlkit_mini/PointmassMedium-v0", num_envs=1024)
    vector.reset(seed=0)
    actions = np.random.default_rng(0).integers(5, size=1024)
    rows = [
        {"what": "environment, single", "value": rate(step_single, seconds), "unit": "steps/s"},
        {
            "what": "environment, 1,024 copies",
            "value": rate(lambda: vector.step(actions), seconds, a_call=1024),
            "unit": "steps/s",
        },
    ]
    for maze in MAZES.values():
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", RLKIT_MINI_CACHE=folder):
            for what in ("built", "loaded"):
                began = time.perf_counter()
                oracle = Oracle(maze)
                taken = time.perf_counter() - began
                rows.append({"what": f"oracle of {maze.name}, {what}", "value": taken, "unit": "s"})
        policies = np.random.default_rng(0).dirichlet(np.ones(5), size=(32, len(oracle.observations)))
        greedy = np.eye(5)[policies.argmax(axis=-1)]
        took = 1 / rate(lambda oracle=oracle, greedy=greedy: oracle.evaluate(greedy), seconds)
        rows.append({"what": f"oracle of {maze.name}, 32 greedy policies", "value": took, "unit": "s"})
    oracle, data = Oracle(MAZES["medium"]), load_dataset("pointmass/medium-near-expert-v0")
    agent = CQL(alpha=[0.0, 0.1, 1.0], seeds=8)
    view = SweepFigure(Sweep.of(agent, train_offline(agent, data, 30, oracle, 3, progress=False), oracle))
    moves = []
    for alpha in (0.1, 1.0, 0.0) * 8:
        began = time.perf_counter()
        view.show({"alpha": alpha})
        view.to_png()
        moves.append(time.perf_counter() - began)
    rows.append({"what": "slider, a move (median of 24)", "value": 1000 * statistics.median(moves), "unit": "ms"})
    if sys.platform != "win32":
        import resource

        unit = 1024**2 if sys.platform == "darwin" else 1024  # of a MiB
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        rows.append({"what": "peak memory of this benchmark", "value": peak, "unit": "MiB"})
    return rows


def measure_live(pictures: int = 40) -> list[dict]:
    """The live trainer, without a browser: pictures a second while it trains, and how soon it says that it stopped."""
    panel, drawn, enough, stopped = live_trainer("CQL", updates=20_000), [], threading.Event(), threading.Event()

    def count(_change) -> None:
        drawn.append(time.perf_counter())
        if len(drawn) > pictures:
            enough.set()

    panel.picture.observe(count, "value")
    panel.status.observe(lambda _: stopped.set() if panel.status.words.startswith("Stopped") else None, "value")
    panel.train()
    enough.wait(60)
    asked = time.perf_counter()
    panel.stop()
    stopped.wait(60)
    answered = time.perf_counter() - asked
    panel.training.join()
    return [
        {
            "what": "live trainer, while it trains",
            "value": (len(drawn) - 1) / (drawn[-1] - drawn[0]),
            "unit": "pictures/s",
        },
        {"what": "live trainer, until it has stopped", "value": answered, "unit": "s"},
    ]


def run_benchmark(seconds: float = 1.0, device: str = "cpu", peer: Path | None = None) -> dict[str, list[dict]]:
    """All tables, ready for JSON; `seconds` a measured rate, `peer` the Python of an environment with d3rlpy."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds is {seconds}; expected more than 0")
    if peer and not shutil.which(peer):
        raise ValueError(f"peer is {peer}; expected a Python that can be run; `make bench-peer` makes one")
    return {
        "machine": [machine(device)],
        "training": measure_training(seconds, device),
        "where an update's time goes": measure_parts(),
        "growth": measure_growth(seconds),
        "until solved": measure_solving(),
        "peer": measure_peer(peer) if peer else [],
        "the rest": [*measure_the_rest(seconds), *measure_live()],
    }


def markdown(results: dict[str, list[dict]]) -> str:
    """The tables of figures/BENCH.md."""
    (made_on,), training = results["machine"], results["training"]
    populations = sorted({row["members"] for row in training})
    rates = [
        {"agent": rows[0]["agent"], "configuration": rows[0]["configuration"]}
        | {"plain loop": f"{rows[0]['plain loop, updates a second']:,}"}
        | {
            f"{row['members']:,}": f"{row['member-updates a second']:,} ({row['times the plain loop']:g}x)"
            for row in rows
        }
        | {f"share of the matrix product's rate at {rows[-1]['members']:,}": f"{rows[-1][SHARE]:.0%}"}
        | {"at that rate it would be": f"{rows[-1]['times at most']:g}x"}
        for rows in zip(*(training[start :: len(populations)] for start in range(len(populations))), strict=True)
    ]
    parts = [
        {name: f"{cell:.0%}" if isinstance(cell, float) else str(cell) for name, cell in row.items()}
        for row in results["where an update's time goes"]
    ]
    growth = [
        {name: f"{cell:.0%}" if name == SHARE else _worded(cell) for name, cell in row.items()}
        for row in results["growth"]
    ]
    where = ", ".join(f"{name} {value}" for name, value in made_on.items())
    sections = {
        "**Updates.** Member-updates a second by members, and how many times the plain loop's. "
        f"Measured on: {where}.": rates,
        "**Where an update's time goes**, CQL, as torch's profiler sees it, which makes small operations look "
        "larger.": parts,
        "**How the cost grows**, CQL, from 8 members with the default settings.": growth,
        "**Seconds of training until every seed's exact return is within 10% of J\\***, looked at every 250 updates "
        "(the plain loop: 500).": [_solved(row) for row in results["until solved"]],
        "**Beside a peer**: medium-rnd, the same transitions, network, batch and settings, looked at every 500 "
        "updates.": [_solved(row) for row in results["peer"]],
        "**The rest.**": [
            {"what": row["what"], "value": f"{row['value']:,.{0 if row['value'] > 100 else 3}f} {row['unit']}"}
            for row in results["the rest"]
        ],
    }
    figure = "![Throughput against members, and seconds until solved beside a peer](bench_speed.png)\n\n"
    return figure + "\n\n".join(f"{caption}\n\n{markdown_table(rows)}" for caption, rows in sections.items() if rows)


def _worded(cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}"


def _solved(row: dict) -> dict[str, str]:
    seconds = "not within" if row["seconds"] is None else f"{row['seconds']:.1f}"
    return {name: _worded(cell) for name, cell in (row | {"seconds": seconds}).items()}
