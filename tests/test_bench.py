"""The benchmark measures what it says; how fast anything is, no test asks."""

import numpy as np
import pytest

from rlkit_mini import MAZES, bench, load_dataset
from rlkit_mini.agents import DQN


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")


def test_a_rate_counts_calls_a_second(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock[0])

    def step():
        clock[0] += 0.25

    assert bench.rate(step, seconds=2.0, a_call=10) == pytest.approx(40)


def test_operations_are_those_of_the_layers(data):
    """Three forward passes (s, s' online, s' target); backward twice the first, but not into the observations."""
    agent = DQN(seeds=3, features="position", batch_size=16)
    layers = [2 * 16 * n_in * n_out for n_in, n_out in ((2, 64), (64, 64), (64, 5))]
    expected = 3 * sum(layers) + 2 * sum(layers) - layers[0]
    assert bench.throughput(agent, data, seconds=0.01)["operations"] == expected


@pytest.mark.parametrize("name", bench.AGENTS)
def test_the_plain_loop_learns(name, data):
    loop = bench.PlainLoop(name, data, batch_size=64, target_period=20)
    before = loop.policy(data.observations[:5].numpy())
    for _ in range(150):
        loop.update()
    assert before.shape == (5, 5)
    assert (before.sum(axis=1) == 1).all()
    assert np.isfinite(loop.losses).all()
    critic = np.array(loop.losses).reshape(150, -1)[:, {"IQL": 1}.get(name, 0)]
    assert critic[5:20].mean() < critic[0]  # before the target moves


def test_solved_means_every_member_near_the_best():
    trained, returns = [], iter([[-30, -20], [-21, -23], [-21, -21.5]])
    found = bench.until_solved(trained.append, lambda: np.array(next(returns)), best=-20, limit=5000, step=100)
    assert trained == [100, 100, 100]
    assert found["updates"] == 300
    never = bench.until_solved(trained.append, lambda: np.array([-99.0]), best=-20, limit=200, step=100)
    assert never == {"seconds": None, "updates": 200}


def test_every_population_is_measured_beside_the_plain_loop(monkeypatch):
    monkeypatch.setattr(bench, "MEMBERS", (1, 2))
    rows = bench.measure_training(seconds=0.01)
    assert len(rows) == 4 * 2 * 2
    for row in rows:
        assert row["member-updates a second"] > 0
        assert 0 < row["share of the matrix product's rate"] < 1.5


def test_the_rest_is_measured_in_its_units(monkeypatch):
    monkeypatch.setattr(bench, "MAZES", {name: MAZES[name] for name in ("easy", "medium")})
    rows = {row["what"]: row for row in bench.measure_the_rest(seconds=0.01)}
    assert {row["unit"] for row in rows.values()} == {"steps/s", "s", "ms", "MiB"}
    assert {"oracle of easy, built", "oracle of easy, loaded"} <= rows.keys()
    assert all(row["value"] > 0 for row in rows.values())


def test_the_live_trainer_is_measured_until_it_has_stopped():
    shown, stopped = bench.measure_live(pictures=3)
    assert (shown["unit"], stopped["unit"]) == ("pictures/s", "s")
    assert shown["value"] > 0
    assert stopped["value"] > 0
