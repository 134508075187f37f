"""Processes killed at any moment, full and read-only disks, damaged and malicious files: all survived."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from rlkit_mini import MAZES, load_dataset
from rlkit_mini.agents import DQN
from rlkit_mini.data.sets import list_datasets, save_dataset
from rlkit_mini.files import whole_file
from rlkit_mini.plots.style import save_figure
from rlkit_workbook.sweeps import Sweep

ID = "pointmass/mine-v0"
tried, survived = Counter(), Counter()


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    folder.mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
    return folder


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/medium-lazy-v0")[:200]


def save(data, dataset_id=ID, **options):
    texts = {"algorithm": "none", "description": "none", "reference_returns": (-150, -20)}
    save_dataset(dataset_id, data, **texts, **options)


# Killed -------------------------------------------------------------------------------------------------------------

KILLED = """
import contextlib, os, random, signal, sys, threading, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from tqdm import tqdm
tqdm.set_lock(threading.RLock())  # a killed process would keep the one that it shares with this
from matplotlib.figure import Figure
from PIL import Image
from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_workbook.studies import collecting
from rlkit_mini.agents import CQL, RandomAgent
from rlkit_mini.data.sets import list_datasets, save_dataset
from rlkit_mini.data.transitions import Batch
from rlkit_mini.plots.style import save_figure
from rlkit_workbook.sweeps import Sweep

kind, folder, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
data = load_dataset("pointmass/medium-lazy-v0")[:200]
datasets = folder / "datasets"
datasets.mkdir()
agent, oracle = CQL(alpha=[0.0, 1.0], hidden=(256, 256)), Oracle(MAZES["medium"], resolution=2)
sweep = Sweep.of(agent, train_offline(agent, data, 1, oracle, progress=False), oracle)
figure = Figure()
figure.add_subplot().plot([1, 2])
ids = [f"pointmass/mine-{number}-v0" for number in range(200)]
collecting._behaviours = lambda oracle: {name: (RandomAgent(), {"": 150}, "") for name in ("one", "two", "three")}
steps = {"cartpole/noisy-v0": 5_000, "cartpole/random-v0": 10_000}


def checkpoints():
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.safetensors"))


def train(updates, keep):
    done = (checkpoints() or [0])[-1] if keep else 0
    agent = CQL.load(folder / f"{done}.safetensors") if done else CQL(alpha=[0.0, 1.0])
    save = lambda history: agent.save(folder / f"{done + history.updates[-1]}.safetensors")
    train_offline(agent, data, updates, evaluations=updates // 3, on_evaluation=save if keep else None, progress=False)
    return agent


def write(once=False):
    if kind == "data sets":
        for name in [name for name in ids if name not in list_datasets(datasets)][: 1 if once else None]:
            save_dataset(
                name, data, algorithm="none", description="none", reference_returns=(-150, -20), folder=datasets
            )
    elif kind == "collecting":
        collecting.collect_datasets(folder=datasets)
    elif kind == "training":
        train(3 if once else 3000, keep=True)
    elif kind == "agents":
        agent.save(folder / "file.safetensors")
    elif kind == "sweeps":
        sweep.save(folder / "file.npz")
    else:
        save_figure(figure, "file", folder)


def check():
    for name in list_datasets(datasets):
        assert len(load_dataset(name, datasets)) == steps.get(name, 150 if kind == "collecting" else 200)
    for path in folder.glob("[!.]*.safetensors"):
        CQL.load(path)
    for path in folder.glob("[!.]*.npz"):
        Sweep.load(path)
    for path in folder.glob("[!.]*.png"):
        Image.open(path).load()


def finished():
    places = [datasets / name / "data" / "main_data.hdf5" for name in list_datasets(datasets)]
    return {path: path.stat().st_mtime_ns for path in [*places, *folder.glob("[0-9]*.safetensors")]}


random.seed(0)
with contextlib.redirect_stdout(None):
    began = time.monotonic()
    if kind == "collecting":
        collecting.collect_datasets(folder=folder / "undisturbed")
    else:
        write(once=True)  # so that there is something to lose
    usual = max(0.02, (time.monotonic() - began) / (11 if kind == "collecting" else 1))  # of one data set of eleven
    kept = finished()
    for _ in range(kills):
        pid = os.fork()
        if not pid:
            while True:
                write()
        time.sleep(random.uniform(0, 3 * usual))
        os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        check()
        now = finished()
        assert kept.items() <= now.items(), "what was finished was made again"
        kept = now
    if kind == "collecting":  # the last run, to its end
        collecting.collect_datasets(folder=datasets)
        killed, undisturbed = (  # what a reader finds: a kill can leave a hidden folder behind
            {name: load_dataset(name, place) for name in list_datasets(place)}
            for place in (datasets, folder / "undisturbed")
        )
        assert killed.keys() == undisturbed.keys()
        assert len(killed) == 11
        for name, data in killed.items():
            for column in Batch._fields:
                assert torch.equal(getattr(data, column), getattr(undisturbed[name], column))
    if kind == "training":
        first = CQL.load(folder / "3.safetensors").state_dict()
        assert all(torch.equal(first[name], values) for name, values in train(3, keep=False).state_dict().items())
print("survived", kills)
"""


@pytest.mark.parametrize("kind", ["data sets", "collecting", "training", "agents", "sweeps", "figures"])
def test_a_killed_process_leaves_whole_files_and_the_next_one_goes_on(kind, tmp_path):
    tried["killed"] += 8
    command = [sys.executable, "-c", KILLED, kind, str(tmp_path), "8"]
    outcome = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert outcome.stdout.split() == ["survived", "8"], outcome.stderr
    survived["killed"] += 8


REPORT = """
import sys
from pathlib import Path
from rlkit_workbook.studies import report
if __name__ == "__main__":
    every = {part[1]: part for part in report.parts(2)}
    report.parts = lambda steps: [every[name] for name in ("medium-lazy: BC", "medium-lazy: DQN")]
    report.run_report(Path(sys.argv[1]), seeds=1, steps=2, jobs=1)
"""


def test_a_killed_report_keeps_its_finished_parts_and_runs_the_missing_ones(tmp_path):
    script, parts = tmp_path / "run.py", tmp_path / "out" / "parts"
    script.write_text(REPORT)
    command = [sys.executable, str(script), str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    tried["killed"] += 1
    while not list(parts.glob("[!.]*.json")):
        assert process.poll() is None, "it ended without a part"
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("[!.]*.json")}
    assert all(json.loads(path.read_text()) for path in kept)
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    assert len(list(parts.glob("[!.]*.json"))) == 2
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    survived["killed"] += 1


INTERRUPTED = REPORT.replace('"medium-lazy: DQN")', '"medium-lazy: DQN", "choosing: medium-lazy")')
INTERRUPTED = INTERRUPTED.replace("steps=2", "steps=int(sys.argv[2])").replace("parts(2)", "parts(int(sys.argv[2]))")


def test_an_interrupted_report_ends_at_once_and_keeps_no_half_part(tmp_path):
    script, parts = tmp_path / "run.py", tmp_path / "out" / "parts"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(tmp_path / "out"), "6000"]
    tried["interrupted"] += 1
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
    while len(list(parts.glob("[!.]*.json"))) < 2:
        assert process.poll() is None, "it ended without its parts"
        time.sleep(0.001)
    time.sleep(0.7)  # into the first training of the third part
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C: to the process and its workers
    said, told = process.communicate()
    assert told.count("Traceback") == 1, told  # this script's own
    assert "what was learnt is kept" not in said  # no worker takes it as a wish to go on with what comes next
    assert len(list(parts.iterdir())) == 2
    survived["interrupted"] += 1


# A full or read-only disk -------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """A file system of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        outcome = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no small file system to be had: {error}")
    if outcome.returncode:
        pytest.skip(f"no small file system to be had: {outcome.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def write_text(text, path):
    with whole_file(path) as part:
        part.write_text(text)


def large_figure(folder):
    figure = Figure(figsize=(20, 20), dpi=100)
    figure.add_subplot().imshow(np.random.default_rng(0).random((2000, 2000)))
    save_figure(figure, "file", folder)


WRITERS = {
    "agent": lambda place: DQN(hidden=(512, 512)).save(place / "file.safetensors"),
    "text": lambda place: write_text("x" * 10**6, place / "file.json"),
    "figure": large_figure,
}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_or_read_only_disk_keeps_the_old_file(kind, full, disk, capsys):
    for name in ("file.safetensors", "file.json", "file.png", "file.svg"):
        (disk / name).write_text("old")
    before = {path.name: path.read_bytes() for path in disk.iterdir()}
    if not full:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    tried["disk"] += 1
    if kind == "figure":  # a lesson goes on: it is shown all the same
        WRITERS[kind](disk)
        assert "shown but not saved" in capsys.readouterr().out
    else:
        with pytest.raises(OSError, match=r"space|Read-only") as caught:
            WRITERS[kind](disk)
        assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in disk.iterdir()} == before
    survived["disk"] += 1


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_no_file_is_never_replaced(kind, tmp_path, capsys):
    names = ("file.safetensors", "file.json", "file.png")
    for name in names:
        os.mkfifo(tmp_path / name)  # as /dev/null is none either
    if kind == "figure":
        WRITERS[kind](tmp_path)
        assert "shown but not saved (something that is no file is there" in capsys.readouterr().out
    else:
        with pytest.raises(OSError, match="something that is no file is there; expected a file or nothing"):
            WRITERS[kind](tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_fifo()) == sorted(names)
    assert len(list(tmp_path.iterdir())) == len(names)


SAVED = """
from rlkit_mini import load_dataset
from rlkit_mini.data.sets import save_dataset
import sys
data = load_dataset("pointmass/medium-lazy-v0")[:200]
texts = {"algorithm": "none", "description": "none", "reference_returns": (-150, -20)}
try:
    save_dataset("pointmass/mine-v0", data, **texts, folder=sys.argv[1])
except (OSError, RuntimeError) as error:  # HDF5 has its own words for a full disk
    print("refused", *str(error).split())
"""


@pytest.mark.parametrize("full", [True, False])
def test_a_data_set_on_a_full_or_read_only_disk_is_not_there(full, disk):
    if full:
        (disk / "filler").write_bytes(bytes(240 * 1024))
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    tried["disk"] += 1
    outcome = subprocess.run([sys.executable, "-c", SAVED, str(disk)], capture_output=True, text=True)
    assert outcome.stdout.startswith("refused"), outcome.stderr
    assert "No space left" in outcome.stdout or "Read-only" in outcome.stdout
    assert list_datasets(disk) == []
    survived["disk"] += 1


# Damaged and malicious files ----------------------------------------------------------------------------------------


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def damaged(whole, flips):
    """The bytes cut at many lengths, and `flips` times with some of them flipped."""
    rng = random.Random(0)
    for length in sorted({0, 1, 8, *(rng.randrange(len(whole)) for _ in range(40)), len(whole) - 1}):
        yield "cut", whole[:length]
    for _ in range(flips):
        changed = bytearray(whole)
        # half of the flips in the first kilobyte, where a format's own facts stand
        for _ in range(rng.choice([1, 4])):
            changed[rng.randrange(min(len(whole), rng.choice([1024, len(whole)])))] ^= 1 << rng.randrange(8)
        yield "flipped", bytes(changed)


def saved_files(kind, tmp_path, root, data):
    """The file to damage, and what reads it."""
    if kind == "data set":
        save(data)
        return root / ID / "data" / "main_data.hdf5", lambda: load_dataset(ID)
    if kind == "agent":
        DQN(hidden=(8,)).save(tmp_path / "file.safetensors")
        return tmp_path / "file.safetensors", lambda: DQN.load(tmp_path / "file.safetensors")
    from rlkit_mini import MAZES, Oracle, train_offline

    agent, oracle = DQN(discount=[0.95]), Oracle(MAZES["medium"], resolution=1)
    Sweep.of(agent, train_offline(agent, data, 1, oracle, progress=False), oracle).save(tmp_path / "file.npz")
    return tmp_path / "file.npz", lambda: Sweep.load(tmp_path / "file.npz")


@pytest.mark.parametrize("kind", ["data set", "agent", "sweep"])
def test_a_cut_file_is_refused_and_a_flipped_one_refused_or_well_formed(kind, tmp_path, root, data):
    path, read = saved_files(kind, tmp_path, root, data)
    read()
    for damage, content in damaged(path.read_bytes(), flips=60):
        path.write_bytes(content)
        tried[damage] += 1
        try:
            read()
        except ValueError as error:
            message = str(error)
        else:
            message = None
            assert damage == "flipped", f"a {kind} cut to {len(content)} bytes was read"
            assert kind != "data set", "a flipped byte was not seen"
        assert message is None or (str(tmp_path) in message and "\n" not in message)
        survived[damage] += 1


def test_a_pickle_is_never_opened(tmp_path, root, data):
    canary = tmp_path / "canary"
    evil = pickle.dumps(Canary(canary))
    for kind in ("data set", "agent", "sweep"):
        path, read = saved_files(kind, tmp_path, root, data)
        contents = [lambda path=path: path.write_bytes(evil), lambda path=path: torch.save(Canary(canary), path)]
        if kind == "sweep":
            facts = np.array([Canary(canary)], dtype=object)
            contents.append(lambda path=path, facts=facts: np.savez(path, facts=facts))
        for write in contents:
            write()
            tried["malicious"] += 1
            with pytest.raises(ValueError, match=r"damaged|no saved"):
                read()
            assert not canary.exists()
            survived["malicious"] += 1


def test_a_foreign_entry_point_is_not_imported(tmp_path, root, data, monkeypatch):
    canary = tmp_path / "canary"
    (tmp_path / "foreign_maze.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    save(data)
    path = root / ID / "data" / "metadata.json"
    whole = json.loads(path.read_text())
    for key in ("env_spec", "eval_env_spec"):
        spec = json.loads(whole[key]) | {"entry_point": "foreign_maze:make"}
        path.write_text(json.dumps(whole | {key: json.dumps(spec)}))
        tried["malicious"] += 1
        assert load_dataset(ID).maze is MAZES["medium"]  # our own of that id, whatever the file would have run
        assert not canary.exists()
        survived["malicious"] += 1


@pytest.mark.parametrize("shape", [[2**62, 2], [1, 2**40, 2**40], [-1, 2], [10**30]])
def test_an_absurd_shape_is_refused(shape, tmp_path):
    header = {"weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 8]}, "__metadata__": {"agent": "DQN"}}
    text = json.dumps(header).encode()
    (tmp_path / "file.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    tried["absurd"] += 1
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        DQN.load(tmp_path / "file.safetensors")
    survived["absurd"] += 1


def test_a_configuration_larger_than_any_memory_is_refused(tmp_path):
    agent, path = DQN(hidden=(8,)), tmp_path / "file.safetensors"
    agent.configuration["hidden"] = [10**6, 10**6]
    agent.save(path)
    tried["absurd"] += 1
    with pytest.raises(ValueError, match="does not fit DQN"):
        DQN.load(path)
    survived["absurd"] += 1
    with pytest.raises(ValueError, match="device is 'cuda:99'"):
        DQN.load(path, device="cuda:99")


def test_all_faults_that_were_tried_were_survived():
    print(f"\nfaults tried: {dict(tried)}")
    assert survived == tried
