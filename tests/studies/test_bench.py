"""The benchmark measures what it says; how fast anything is, no test asks."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, agents, load_dataset
from rlkit_mini.pointmass import transition
from rlkit_workbook import __main__ as command_line
from rlkit_workbook.results import RESULTS
from rlkit_workbook.studies.speed import bench
from rlkit_workbook.studies.speed.plain import plain_returns, plain_step, plain_transitions

MEDIUM = SimpleNamespace(optimal_return=-20.0, evaluate=lambda policy: SimpleNamespace(episode_return=policy()))


@pytest.mark.parametrize("name", bench.PEERS)
def test_the_plain_agent_is_trained(name):
    data = load_dataset("pointmass/easy-rnd-v0")
    plain = bench.PlainAgent(name, data)
    before = [parameter.clone() for parameter in plain.agent.critic.parameters()]
    plain.train(30)
    plain.train(10)
    assert not any(torch.equal(*pair) for pair in zip(before, plain.agent.critic.parameters(), strict=True))
    policy = plain.policy(data.observations[:50].numpy())
    assert policy.argmax(axis=1).tolist() == plain.agent.act(data.observations[:50]).tolist()
    assert plain.agent.updates == plain.done == 40


def test_solved_means_every_member_near_the_best():
    trained, returns = [], iter([[-30, -20], [-21, -23], [-21, -21.5]])
    found = bench.until_solved(trained.append, lambda: np.array(next(returns)), MEDIUM, limit=5000)
    assert trained == [250, 250, 250]
    assert found["updates"] == 750
    never = bench.until_solved(trained.append, lambda: np.array([-99.0]), MEDIUM, limit=500)
    assert never == {"seconds": None, "updates": 500}


def test_the_plain_versions_compute_the_same():
    oracle, rng = Oracle(MAZES["medium"], resolution=2), np.random.default_rng(0)
    policies = rng.dirichlet(np.ones(5), size=(3, len(oracle.cells)))
    np.testing.assert_allclose(plain_returns(oracle, policies), oracle.evaluate(policies).episode_return, rtol=1e-9)
    starts = oracle.maze.positions(oracle.observations)
    step = oracle.maze, starts, rng.integers(5, size=len(starts)), 2 * rng.standard_normal(starts.shape)
    np.testing.assert_allclose(plain_step(*step), transition(*step)[0], atol=1e-12)
    difference = plain_transitions(oracle) - oracle._transitions
    assert np.abs(difference.toarray()).max() < 0.5  # of 64 draws each
    assert np.abs(difference.mean(axis=0)).max() < 0.01


@pytest.fixture
def small(monkeypatch):
    """A benchmark of seconds, in as many threads as there are."""
    monkeypatch.setattr(bench, "MEMBERS", {"cpu": (1, 2, 3)})
    monkeypatch.setattr(bench, "UPDATES", 3)
    monkeypatch.setattr(bench, "FURTHER_UPDATES", (6,))
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda threads: None)


def test_everything_is_measured_and_has_its_table(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "MAZES", {"easy": MAZES["easy"]})
    monkeypatch.setattr(bench, "until_solved", lambda *_: {"seconds": None, "updates": 7})
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "bench", "--out", str(tmp_path)])
    command_line.main()
    results = json.loads((tmp_path / "bench.json").read_text())
    assert [(row["agent"], row["members"]) for row in results["trainings"]] == [
        (agent, members) for agent in ("BC", "DQN", "CQL", "AWAC", "IQL") for members in (1, 2, 3)
    ]
    for row in results["trainings"]:
        assert row["seconds"] > 0
        assert (row[bench.PLAIN] is None) == (row["agent"] == "BC" or row["members"] > 1)
    (easy,) = results["mazes"]
    assert all(value > 0 for name, value in easy.items() if name != "maze")
    assert bench.markdown(results) in capsys.readouterr().out


def test_jax_trains_the_same_in_turn(small, tmp_path):
    """A stand-in for its Python notes what it is asked for, and says 1,000 seconds, of CQL a thousandth."""
    peer = tmp_path / "python"
    peer.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase "$*" in *CQL*) echo 0.001;; *) echo 1000;; esac\n')
    peer.chmod(0o755)
    rows = [row for row in bench.measure_trainings(rounds=2, jax=peer) if row[bench.RATIO]]
    asked = [line.split(maxsplit=2)[2] for line in (tmp_path / "asked").read_text().splitlines()]
    told = [
        f"{row['agent']} {json.dumps(getattr(agents, row['agent'])().configuration)} {row['members']} {row['updates']}"
        for row in rows
        for _ in range(2 if row["updates"] == 3 else 1)  # the longer ones are measured once
    ]
    assert asked == told
    assert {row["agent"] for row in rows} == set(bench.PEERS)
    assert [row["members"] for row in rows if row["updates"] == 6] == [1, 2, 3]
    for row in rows:
        assert row[bench.RATIO] == pytest.approx(row[bench.JAX] / row["seconds"])
    tables = bench.markdown({"machine": [{}], "trainings": rows, "solved": rows, "mazes": rows})
    assert "JAX is sooner, members x updates: CQL 1 x 3 (" in tables


def test_a_peer_without_jax_is_told():
    with pytest.raises(RuntimeError, match="the peer ended with code 1"):
        bench.jax_seconds(Path(sys.executable), load_dataset("pointmass/medium-rnd-1000-v0"), "DQN", 1, 1)


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
