"""The benchmark measures what it says; how fast anything is, no test asks."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rlkit_mini import MAZES, Oracle, load_dataset
from rlkit_mini.agents import CQL, DQN
from rlkit_workbook.__main__ import published
from rlkit_workbook.studies.speed import bench
from rlkit_workbook.studies.speed.bench_figures import draw_speed

RESULTS = Path(__file__).parents[2] / "figures" / "bench.json"
STUB = '''
"""Stands in for d3rlpy: before training it answers with the data's own actions, then with how often it was updated."""
import sys
from types import ModuleType, SimpleNamespace

import numpy as np


class Agent:
    def __init__(self, **settings):
        self.settings, self.updates = settings, None

    def create(self, device):
        return self

    def build_with_dataset(self, data):
        self.data = data

    def fit(self, data, n_steps, **options):
        self.updates = n_steps

    def predict(self, places):
        rows = [np.abs(self.data.observations - place).sum(axis=1).argmin() for place in places]
        return self.data.actions[rows] if self.updates is None else np.full(len(places), self.updates)


algos = SimpleNamespace(DoubleDQNConfig=Agent, DiscreteCQLConfig=Agent)
models = SimpleNamespace(VectorEncoderFactory=lambda hidden, activation: (hidden, activation))
dataset = SimpleNamespace(MDPDataset=SimpleNamespace)
ActionSpace = SimpleNamespace(DISCRETE=0)
seed = int
sys.modules["d3rlpy.logging"] = ModuleType("d3rlpy.logging")
sys.modules["d3rlpy.logging"].NoopAdapterFactory = object
sys.modules["structlog"] = SimpleNamespace(configure=dict, make_filtering_bound_logger=int)
'''


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
    agent = DQN(seeds=3, features="raw", batch_size=16)
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
    assert never["seconds"] is None
    assert never["updates"] == 200


def test_every_population_is_measured_beside_the_plain_loop(monkeypatch):
    monkeypatch.setattr(bench, "MEMBERS", {"cpu": (1, 2)})
    rows = bench.measure_training(seconds=0.01)
    assert len(rows) == 4 * 2 * 2
    for row in rows:
        assert row["member-updates a second"] > 0
        assert 0 < row[bench.SHARE] < 1.5
        assert row["times at most"] * row[bench.SHARE] == pytest.approx(row["times the plain loop"], rel=0.2, abs=0.1)


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


def test_shares_of_an_update_add_up_to_all_of_it():
    for row in bench.measure_parts(updates=2):
        shares = [cell for cell in row.values() if isinstance(cell, float)]
        assert len(shares) == len(bench.PARTS) + 1
        assert sum(shares) == pytest.approx(1, abs=0.03)
        assert row["matrix products"] > 0


def test_what_grows_is_measured_at_each_size(monkeypatch):
    sizes = {"members": {"2": {"seeds": 2}}, "maze": {"easy": {"data": "easy-rnd"}}}
    monkeypatch.setattr(bench, "GROWTH", sizes)
    two, easy = bench.measure_growth(seconds=0.01)
    assert (two["what grows"], two["to"], easy["to"]) == ("members", "2", "easy")
    assert easy["places it is exact on"] == len(Oracle(MAZES["easy"]).observations)


@pytest.mark.parametrize("features", ["fourier", "raw"])
def test_the_peer_gets_each_observation_with_its_action(features, data, tmp_path, monkeypatch):
    (tmp_path / "d3rlpy.py").write_text(STUB)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    places, index = np.unique(data.observations.numpy(), axis=0, return_index=True)
    peer = bench.Peer(Path(sys.executable), CQL(features=features), data, places[:50])
    try:
        assert peer.actions.tolist() == data.actions[index[:50]].tolist()
        peer.train(7)
        assert peer.actions.tolist() == [7] * 50
    finally:
        peer.close()


def test_a_peer_that_does_not_start_is_told(data):
    with pytest.raises(RuntimeError, match="the peer ended with code"):
        bench.Peer(Path(sys.executable), DQN(), data, data.observations[:5].numpy())  # there is no d3rlpy here


@pytest.mark.skipif(not RESULTS.is_file(), reason="no committed benchmark: make bench-peer")
def test_page_and_figure_hold_the_committed_benchmark():
    results = json.loads(RESULTS.read_text())
    assert published("bench")[1].strip() == bench.markdown(results).strip()
    assert all(ax.get_title(loc="left") for ax in draw_speed(results).axes)
