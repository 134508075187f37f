"""Numbers that stay finite, or stop the run in a sentence; and long runs that neither grow nor change their pace."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import theilslopes

from rlkit_mini import MAZES, explore, load_dataset, train_offline
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND
from rlkit_mini.agents.agent import TrainingDivergedError
from rlkit_mini.agents.rnd import novelty_bonus

EXTREMES = [
    (CQL, "alpha", [1e-30, 1e9, 1e30]),
    (CQL, "temperature", [1e-30, 1e-9, 1e9, 1e30]),
    (AWAC, "temperature", [1e-300, 1e-30, 1e-9, 1e9, 1e30, 1e300]),
    (AWAC, "max_weight", [1e-30, 1e30, 1e300]),
    (IQL, "temperature", [1e-300, 1e-30, 1e-9, 1e9, 1e30, 1e300]),
    (IQL, "expectile", [1e-300, 1e-9, 1 - 1e-9, 1 - 1e-16]),
    (DQN, "discount", [1e-300, 1 - 1e-9, 1 - 1e-16]),
    (DQN, "target_period", [1, 10**30]),
    (BC, "learning_rate", [1e-300, 1e-30]),
]


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/medium-near-expert-v0")


@pytest.mark.parametrize(("kind", "name", "values"), EXTREMES)
def test_extreme_hyperparameters_do_not_overflow(kind, name, values, data):
    for value in values:
        agent = kind(**{name: value})
        assert np.isfinite(train_offline(agent, data, 20, progress=False).losses).all(), value
        torch.testing.assert_close(agent.policy(data.observations, greedy=False).sum(dim=-1), torch.ones(1, len(data)))


def test_an_exploration_that_diverges_stops_names_the_member_and_keeps_what_it_collected():
    calls = []

    def breaking(predicted, target):
        calls.append(predicted)
        bonus = novelty_bonus(predicted, target)
        return bonus + torch.tensor([[0.0], [torch.nan]]) if len(calls) > 600 else bonus

    def collected(steps, **more):
        return explore(RND(rnd_weight=[0.5, 1.0], seeds=[3], **more), MAZES["easy"], steps, progress=False)

    with pytest.raises(TrainingDivergedError) as caught:
        collected(5000, bonus=breaking)
    words = r"member 1 (seed 3, rnd_weight 1) diverged before update 1000: its loss is nan; "
    assert str(caught.value).startswith(words)
    kept, undisturbed = caught.value.history, collected(600)
    assert [len(run) for run in kept] == [1000, 1000]
    for run, reference in zip(kept, undisturbed, strict=True):
        assert torch.equal(run[:600].observations, reference.observations)


def test_a_hopeless_exploration_ends_at_its_end_at_the_latest():
    with pytest.raises(TrainingDivergedError, match="diverged before update 90"):
        explore(RND(learning_rate=1e30), MAZES["easy"], 90, progress=False)


LONG = """
import gc, json, os, sys, time
import torch
from rlkit_mini import MAZES, explore, load_dataset, train_offline
from rlkit_mini.agents import IQL, RND

torch.set_num_threads(1)
kind, seen = sys.argv[1], []


def look(history=None):
    gc.collect()  # what waits for it is no leak
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    seen.append([pages * os.sysconf("SC_PAGE_SIZE"), len(gc.get_objects()), time.perf_counter()])


small = {"hidden": (8,), "batch_size": 8, "target_period": 7}
if kind == "RND":
    agent, update = RND(rnd_hidden=(8,), **small), RND.update

    def counted(batch):
        if agent.updates % 1000 == 0:
            look()
        return update(agent, batch)

    agent.update = counted
    explore(agent, MAZES["easy"], 22_000, progress=False)
else:
    data, agent = load_dataset("pointmass/easy-random-v0")[:500], IQL(**small)
    train_offline(agent, data, 22_000, evaluations=22, on_evaluation=look, progress=False)
print(json.dumps(seen))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read as Linux tells it")
@pytest.mark.parametrize("kind", ["IQL", "RND"])
def test_memory_does_not_grow_in_20000_updates(kind):
    command = [sys.executable, "-c", LONG, kind]
    outcome = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert outcome.returncode == 0, outcome.stderr
    memory, objects, seconds = np.array(json.loads(outcome.stdout))[2:22].T  # after the first looks: 20,000 updates
    slope = theilslopes(memory).slope  # a median, which a single step of the allocator does not move
    pace = np.diff(seconds)
    print(f"{kind}: {slope:.0f} bytes and {objects[-1] - objects[0]:+.0f} objects in 1,000 and in 19,000 updates")
    print(f"the last updates take {np.median(pace[-6:]) / np.median(pace[:6]):.2f} of the first ones' time")
    assert slope < 16_384, "a tensor of one float kept in each update would be half a megabyte"
    assert objects[-1] - objects[0] < 500
