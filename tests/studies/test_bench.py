"""The benchmark measures what it says; how fast anything is, no test asks."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, load_dataset
from rlkit_workbook import __main__ as command_line
from rlkit_workbook.results import RESULTS
from rlkit_workbook.studies.speed import bench

MEDIUM = SimpleNamespace(optimal_return=-20.0, evaluate=lambda policy: SimpleNamespace(episode_return=policy()))


def test_a_rate_is_what_is_done_per_second(monkeypatch):
    clock, done = [0.0], []
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock[0])

    def work(count):
        clock[0] += count / 40
        done.append(count)

    assert bench.rate(work, seconds=2.0) == pytest.approx(40)
    assert done[-1] == 80, "two seconds are measured"


def test_the_plain_loop_learns():
    data = load_dataset("pointmass/easy-rnd-v0")
    loop = bench.PlainLoop(data)
    policy = loop.policy(data.observations[:5].numpy())
    loop.train(290)
    assert policy.shape == (5, 5)
    assert (policy.sum(axis=1) == 1).all()
    assert np.mean(loop.losses[-20:]) < np.mean(loop.losses[:5]), "before the target moves"


def test_solved_means_every_member_near_the_best():
    trained, returns = [], iter([[-30, -20], [-21, -23], [-21, -21.5]])
    found = bench.until_solved(trained.append, lambda: np.array(next(returns)), MEDIUM, limit=5000)
    assert trained == [250, 250, 250]
    assert found["updates"] == 750
    never = bench.until_solved(trained.append, lambda: np.array([-99.0]), MEDIUM, limit=500)
    assert never == {"seconds": None, "updates": 500}


def test_everything_is_measured_and_has_its_table(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "MEMBERS", {"cpu": (1, 2)})
    monkeypatch.setattr(bench, "UPDATES", (3, 6))
    monkeypatch.setattr(bench, "MAZES", {"easy": MAZES["easy"]})
    monkeypatch.setattr(bench, "until_solved", lambda *_: {"seconds": None, "updates": 7})
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "bench", "--seconds", "0.01", "--out", str(tmp_path)])
    command_line.main()
    results = json.loads((tmp_path / "bench.json").read_text())
    *populations, plain = results["updates"]
    assert [row["agent"] for row in populations] == ["BC", "DQN", "CQL", "AWAC", "IQL"]
    assert all(row["1"] > 0 and row["2"] > 0 for row in populations)
    assert (plain["agent"], plain["2"]) == ("CQL in a plain loop", None)
    assert [row["members"] for row in results["growth"]] == [1, 2]
    assert all(row["3 updates"] > 0 and row["6 updates"] > 0 for row in results["growth"])
    (easy,) = results["mazes"]
    assert all(value > 0 for name, value in easy.items() if name != "maze")
    assert bench.markdown(results) in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_told_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "bench", "--device", "cuda", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        command_line.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: device is 'cuda'")


def test_the_page_holds_the_committed_benchmark():
    results = json.loads((RESULTS / "bench.json").read_text())
    assert command_line.published("bench")[1].strip() == bench.markdown(results).strip()
