"""A sweep over many populations: the same wherever it trains and in whatever order; what fails costs only itself."""

import dataclasses
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import numpy as np
import pytest

from rlkit_mini import Oracle, load_dataset, train_offline
from rlkit_mini.agents import ALGORITHMS, BC, CQL
from rlkit_mini.agents.agent import TrainingDivergedError
from rlkit_mini.experiments import EXPERIMENTS
from rlkit_workbook.__main__ import main
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.studies import sweeping
from rlkit_workbook.studies.ablations import data_by_name
from rlkit_workbook.studies.parts import processes
from rlkit_workbook.studies.sweeping import MEMBERS, Block, cut, grid_of, sweep
from rlkit_workbook.sweeps import BY_SETTING

NAME = "pointmass_medium_cql"
DATA = ["pointmass/medium-lazy-v0", "walked/medium-0.1"]
GRID = {"updates": [6, 12], "alpha": [0, 1], "dataset": DATA}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The grid trained in this process."""
    return sweep(NAME, GRID, 2, folder=tmp_path_factory.mktemp("here"), evaluations=3)


def assert_same_bits(one, other):
    assert one.grid == other.grid
    for name in ("seeds", "updates", *BY_SETTING):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_every_setting_is_in_exactly_one_block_and_keeps_its_seeds_together():
    grid = {"alpha": list(range(10)), "temperature": [0.5, 1, 2], "batch_size": [32, 64], "dataset": DATA}
    for seeds in (1, 8, 100):
        taken = np.zeros((10, 3, 2, 2), dtype=int)
        for block in cut(EXPERIMENTS[NAME], grid, seeds):
            taken[block.where] += 1
            settings = block.experiment.settings
            assert len(settings["alpha"]) * len(settings["temperature"]) * seeds <= max(MEMBERS, seeds)
            assert len(block.seeds) == seeds
            assert block.experiment.dataset == DATA[block.where[3].start]
            assert settings["batch_size"] == grid["batch_size"][block.where[2].start]
        assert (taken == 1).all()
    assert len(cut(EXPERIMENTS[NAME], {"alpha": [0, 1, 2]}, 8)) == 1, "what can train together does"


def test_a_block_carries_no_data():
    for block in cut(EXPERIMENTS[NAME], GRID, 2):
        assert len(pickle.dumps(block)) < 2000


@pytest.mark.parametrize(("updates", "alpha"), list(itertools.product(GRID["updates"], GRID["alpha"])))
def test_members_are_those_that_train_alone(here, updates, alpha):
    data = load_dataset(DATA[0])
    oracle = Oracle(data.maze)
    agent = CQL(alpha=float(alpha), seeds=2)
    history = train_offline(agent, data, updates, oracle, evaluations=3, progress=False)
    at = here.index({"updates": updates, "alpha": alpha, "dataset": DATA[0]})
    assert here.updates_at(at).tolist() == history.updates.tolist()
    np.testing.assert_allclose(here.returns[:, *at], history.returns, rtol=0.02)
    policy = agent.policy(oracle.observations).numpy()
    believed = (policy * agent.q_values(oracle.observations).numpy()).sum(-1) @ oracle.start_weights
    np.testing.assert_allclose(here.believed_start[at], believed, rtol=1e-3)


def test_each_seed_learns_from_the_walk_of_its_own(tmp_path):
    grid = {"dataset": ["walked/medium-0.3", "walked/medium-0.3-seed1"]}
    row = dataclasses.replace(EXPERIMENTS[NAME], agent="BC", settings={}, updates=12)
    both = sweep(row, grid, [1, 0], folder=tmp_path, evaluations=3)
    assert both.returns[:, 0, 0].tolist() == both.returns[:, 1, 0].tolist()
    assert both.true_start[0, 1] != both.true_start[1, 1]


def test_who_learns_no_values_believes_nothing(tmp_path):
    row = dataclasses.replace(EXPERIMENTS[NAME], agent="BC", settings={}, updates=4)
    clones = sweep(row, {"dataset": DATA}, 1, folder=tmp_path, evaluations=3)
    assert np.isnan(clones.believed_start).all()
    assert np.isnan(clones.overestimation).all()
    for name, policy, values in zip(DATA, clones.policy, clones.values, strict=True):
        agent = BC(seeds=1)
        train_offline(agent, data_by_name(name, (0,)), 4, progress=False)
        truth = clones.judge.evaluate(agent.policy).q_values[0]
        np.testing.assert_allclose(values, (policy * truth).sum(axis=-1), atol=1e-4)
    assert "It learns no values" in SweepFigure(clones).message


def test_the_sliders_figure_shows_each_settings_own_updates(here):
    figure = SweepFigure(here, here.settings[0])
    assert figure.line.get_xdata().tolist() == [2, 4, 6]
    figure.show(here.settings[-1])
    assert figure.line.get_xdata().tolist() == [4, 8, 12]
    assert figure.figure.axes[3].get_xlim()[1] > 12


class Backwards(Executor):
    """Runs what it was given when the last one is there, the last one first."""

    def __init__(self, calls):
        self.calls, self.given = calls, []

    def submit(self, call, *args):
        self.given.append((Future(), call, args))
        if len(self.given) == self.calls:
            threading.Thread(target=self.run).start()
        return self.given[-1][0]

    def run(self):
        for future, call, args in reversed(self.given):
            future.set_running_or_notify_cancel()
            future.set_result(call(*args))


def test_the_order_in_which_parts_finish_does_not_matter(here, tmp_path):
    parts = len(cut(EXPERIMENTS[NAME], GRID, 2))
    assert parts == 4
    assert_same_bits(sweep(NAME, GRID, 2, Backwards(parts), folder=tmp_path, evaluations=3), here)


def test_a_second_call_trains_only_what_is_missing_or_damaged(here, tmp_path, monkeypatch):
    sweep(NAME, GRID, 2, folder=tmp_path, evaluations=3)
    lost, damaged, *kept = sorted(tmp_path.iterdir())
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:1000])
    written = [file.stat().st_mtime_ns for file in kept]
    trained, train = [], Block.train
    monkeypatch.setattr(Block, "train", lambda block: trained.append(block.file()) or train(block))
    assert_same_bits(sweep(NAME, GRID, 2, folder=tmp_path, evaluations=3), here)
    assert sorted(trained) == [lost.name, damaged.name]
    assert [file.stat().st_mtime_ns for file in kept] == written


def test_a_finished_block_is_known_by_all_its_settings_and_its_data(monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "Other", ALGORITHMS["CQL"])

    def file(row=EXPERIMENTS[NAME], seeds=2, evaluations=3, **grid):
        return cut(row, {"alpha": [1]} | grid, seeds, evaluations)[0].file()

    changed = [
        file(alpha=[2]),
        file(seeds=[0, 2]),
        file(evaluations=4),
        file(updates=[5]),
        file(dataset=DATA[:1]),
        file(learning_rate=[0.1]),
        file(EXPERIMENTS[NAME].changed(agent="Other")),
    ]
    assert len({file(), *changed}) == 1 + len(changed)
    assert file() == file(learning_rate=[1e-3]), "a default is a setting as well"
    before = file()
    monkeypatch.setattr(sweeping, "checksum", lambda *name: "collected anew")
    assert file() != before


DIVERGES = {"learning_rate": [1e30, 1e-3], "alpha": [0, 1]}


@pytest.mark.parametrize("workers", [None, 1])
def test_a_failing_part_is_named_and_the_rest_is_kept(tmp_path, workers, capsys):
    row = EXPERIMENTS[NAME].changed(updates=6)
    with processes(workers) as executor, pytest.raises(RuntimeError) as error:
        sweep(row, DIVERGES, 2, executor, folder=tmp_path, evaluations=3)
    first, second = str(error.value).splitlines()
    assert first.startswith("1 of 2 parts failed; the others are kept in")
    assert "learning_rate 1e+30" in second
    assert "diverged before update" in second
    (kept,) = tmp_path.iterdir()
    assert kept.name in {block.file() for block in cut(row, DIVERGES, 2, 3)}


def test_an_error_of_training_crosses_from_process_to_process():
    again = pickle.loads(pickle.dumps(TrainingDivergedError("member 3 diverged", "the history")))
    assert (str(again), again.history) == ("member 3 diverged", "the history")


def test_a_block_that_was_interrupted_ends_the_sweep_and_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(agent, data, updates, *rest, **more):
        return train_offline(agent, data, updates // 2, *rest, **more)

    monkeypatch.setattr(sweeping, "train_offline", interrupted)
    with pytest.raises(KeyboardInterrupt, match="interrupted before 6 updates: CQL, dataset pointmass/medium-lazy-v0"):
        sweep(NAME, GRID, 1, folder=tmp_path, evaluations=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "grid", "words"),
    [
        (NAME, {}, "nothing to sweep"),
        (NAME, {"alhpa": [1]}, "no setting 'alhpa'; did you mean 'alpha'"),
        (NAME, {"alpha": [-1, 1]}, r"alpha is -1.0; expected a finite number in \[0, inf\)"),
        (NAME, {"alpha": []}, r"alpha cannot be swept over \[\]"),
        (NAME, {"alpha": [1, 1.0]}, "distinct values"),
        (NAME, {"discount": [0.9]}, "judged at one discount"),
        (NAME, {"updates": [0]}, "updates is 0.0; expected a whole number, at least 1"),
        (NAME, {"agent": ["CQL", "DQN"]}, r"agent cannot be swept over \['CQL', 'DQN'\]; expected a setting"),
        (NAME, {"dataset": ["pointmass/medium-lasy-v0"]}, "did you mean 'pointmass/medium-lazy-v0'"),
        (NAME, {"dataset": ["walked/medium"]}, "expected such as walked/medium-0.1"),
        (NAME, {"dataset": ["drawn/medium-0.1-1.5"]}, "expected such as walked/medium-0.1"),
        (NAME, {"dataset": ["walked/huge-0.1"]}, "unknown maze 'huge'"),
        (NAME, {"dataset": ["walked/medium-0", "walked/hard-0"]}, "of the mazes hard, medium; expected one"),
        ("pointmass_medium_rnd", {"epsilon": [0.1]}, "a sweep needs one that `train` runs"),
        ("pointmass_medium_sql", {"alpha": [1]}, "did you mean .*'pointmass_medium_cql'"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is(name, grid, words, tmp_path):
    with pytest.raises((KeyError, ValueError), match=words) as error:
        sweep(name, grid, 2, folder=tmp_path)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_grid_in_words():
    assert grid_of(["alpha=0,1e-1", "dataset=a,b-1"]) == {"alpha": [0.0, 0.1], "dataset": ["a", "b-1"]}
    assert grid_of(["steps=5,10"]) == grid_of(["updates=5,10"]) == {"updates": [5.0, 10.0]}
    for bad in (["alpha"], ["alpha="], ["=1"], ["alpha=1", "alpha=2"], ["steps=1", "updates=2"]):
        with pytest.raises(ValueError, match="is no axis of a grid; expected"):
            grid_of(bad)


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", *words])
    main()


def test_the_command_line_writes_returns_figure_and_sweep_beside_a_trainings(here, monkeypatch, tmp_path, capsys):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "result.json").write_text("of a training")
    axes = ("--grid", "steps=6,12", "--grid", "alpha=0,1", "--grid", f"dataset={','.join(DATA)}")
    run(monkeypatch, "sweep", NAME, *axes, "--seeds", "2", "--out", str(tmp_path))
    assert (tmp_path / NAME / "result.json").read_text() == "of a training"
    folder = tmp_path / f"sweep-{NAME}"
    assert sorted(path.name for path in folder.iterdir()) == ["figure.png", "result.json", "sweep.npz"]
    again = sweeping.Sweep.load(folder / "sweep.npz")
    assert again.grid == here.grid
    np.testing.assert_array_equal(again.returns[-1], here.returns[-1])
    told = capsys.readouterr().out
    assert told.count("walked/medium-0.1") == 4
    assert max(len(line) for line in told.splitlines() if str(tmp_path) not in line) <= 80


def test_another_process_gives_the_same_bits(here, tmp_path):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        assert_same_bits(sweep(NAME, GRID, 2, executor, folder=tmp_path, evaluations=3), here)


def test_a_worker_of_a_cluster_killed_in_the_middle_costs_time_but_no_result(tmp_path):
    """On a real cluster: two workers, processes of their own, and a scheduler that is spoken to on a port."""
    distributed = pytest.importorskip("distributed")
    grid = {"target_period": [40, 50, 60, 70], "alpha": [0, 1]}
    row = EXPERIMENTS[NAME].changed(updates=100)
    expected = sweep(row, grid, 2, folder=tmp_path / "alone", evaluations=3)
    killed = []

    def kill(client):
        while not killed:
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            if busy:
                killed.append(client.run(os.getpid, workers=busy[:1])[busy[0]])
                os.kill(killed[0], signal.SIGKILL)
            time.sleep(0.05)

    place = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **place) as cluster,
        distributed.Client(cluster) as client,
    ):
        killer = threading.Thread(target=kill, args=(client,))
        killer.start()
        executor = client.get_executor(retries=2)
        assert_same_bits(sweep(row, grid, 2, executor, folder=tmp_path / "cluster", evaluations=3), expected)
        killer.join()
    assert killed
