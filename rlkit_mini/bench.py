"""How fast, and against what: `python -m rlkit_mini bench`. Ratios are of one run, on one machine, side by side."""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from unittest import mock

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rlkit_mini.agents import AWAC, CQL, DQN, IQL
from rlkit_mini.data import Batch, Transitions, load_dataset
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.replay import Replay
from rlkit_mini.sweeps import Sweep
from rlkit_mini.training import train_offline
from rlkit_mini.views import SweepFigure
from rlkit_mini.widgets import live_trainer

AGENTS = {"DQN": DQN, "CQL": CQL, "AWAC": AWAC, "IQL": IQL}
CONFIGURATIONS = {
    "course": {"features": "position", "batch_size": 128, "target_period": 300},
    "default": {},
}
MEMBERS = (1, 8, 32, 128)
SOLVED = {"easy": "easy-rnd", "medium": "medium-rnd", "hard": "hard-near-expert"}


def rate(step: Callable[[], object], seconds: float, a_call: float = 1.0) -> float:
    """How much `step` does a second, each call doing `a_call`: over `seconds`, after a tenth of it to warm up."""

    def count(duration: float) -> float:
        calls, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < duration:
            step()
            calls += 1
        return calls / elapsed

    count(seconds / 10)
    return a_call * count(seconds)


def matrix_product_rate(seconds: float) -> float:
    """Floating-point operations a second of the machine's float32 matrix product, 1,024 x 1,024."""
    left, right = torch.rand(2, 1024, 1024)
    return rate(lambda: left @ right, seconds, a_call=2 * 1024**3)


def throughput(agent: DQN, data: Transitions, seconds: float) -> dict:
    """Member-updates a second, and the floating-point operations of one."""
    minibatches = Replay(agent, data).minibatches(10**9)
    with FlopCounterMode(display=False) as counter:
        agent.update(next(minibatches))
    speed = rate(lambda: agent.update(next(minibatches)), seconds, a_call=agent.members)
    return {"member-updates a second": speed, "operations": counter.get_total_flops() / agent.members}


class PlainLoop:
    """One agent in the usual style: a module of linear layers, NumPy arrays, a metric read after every update."""

    def __init__(self, name: str, data: Transitions, batch_size: int = 128, target_period: int = 300) -> None:
        self.name, self.batch_size, self.target_period, self.updates = name, batch_size, target_period, 0
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
            loss = loss + 0.1 * (torch.logsumexp(q_values, dim=-1) - taken).mean()
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
            return {"seconds": seconds, "updates": updates}
    return {"seconds": None, "updates": limit}


def measure_training(seconds: float) -> list[dict]:
    """Member-updates a second of every agent and population, beside the plain loop and the matrix product's rate."""
    data, peak = load_dataset("pointmass/medium-rnd-v0"), matrix_product_rate(seconds)
    rows = []
    for name, make_agent in AGENTS.items():
        plain = rate(PlainLoop(name, data).update, seconds)
        for (configuration, settings), members in itertools.product(CONFIGURATIONS.items(), MEMBERS):
            found = throughput(make_agent(seeds=members, **settings), data, seconds)
            speed = found["member-updates a second"]
            rows.append(
                {
                    "agent": name,
                    "configuration": configuration,
                    "members": members,
                    "member-updates a second": round(speed),
                    "times the plain loop": round(speed / plain, 1),
                    "share of the matrix product's rate": round(speed * found["operations"] / peak, 3),
                }
            )
    return rows


def measure_solving() -> list[dict]:
    """Seconds until every one of 8 seeds is within 10% of J*; and one plain agent with the course's settings."""
    rows = []
    for maze, name in SOLVED.items():
        data, oracle = load_dataset(f"pointmass/{name}-v0"), Oracle(MAZES[maze])
        alpha = 1.0 if "expert" in name else 0.1
        agent = CQL(alpha=alpha, seeds=8)

        def train(updates: int, agent=agent, data=data) -> None:
            train_offline(agent, data, updates, progress=False)

        def returns(agent=agent, oracle=oracle) -> np.ndarray:
            return oracle.evaluate(agent.policy(oracle.observations).numpy()).episode_return

        found = until_solved(train, returns, oracle.optimal_return, limit=20_000, step=250)
        rows.append({"maze": maze, "data": name, "who": f"8 seeds of CQL, α {alpha:g}"} | found)
    data, oracle = load_dataset("pointmass/medium-rnd-v0"), Oracle(MAZES["medium"])
    torch.manual_seed(0)
    loop = PlainLoop("CQL", data)

    def train_plainly(updates: int) -> None:
        for _ in range(updates):
            loop.update()

    found = until_solved(
        train_plainly,
        lambda: oracle.evaluate(loop.policy(oracle.observations)).episode_return[None],
        oracle.optimal_return,
        limit=60_000,
        step=500,
    )
    return [*rows, {"maze": "medium", "data": "medium-rnd", "who": "1 seed of the plain loop, course"} | found]


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


def run_benchmark(seconds: float = 1.0) -> dict[str, list[dict]]:
    """All tables, ready for JSON; `seconds` a measured rate."""
    return {
        "training": measure_training(seconds),
        "until solved": measure_solving(),
        "the rest": [*measure_the_rest(seconds), *measure_live()],
    }


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
