"""The agents in one file: each gives the numbers of a member of the population, and runs by itself."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rlkit_mini import load_dataset
from rlkit_mini.agents import AWAC, CQL, DQN, IQL, RND
from rlkit_mini.data import Batch

FOLDER = Path(__file__).parents[1] / "notebooks" / "standalone"
MEMBER = 1  # of a population of two


def standalone(name):
    spec = importlib.util.spec_from_file_location(f"standalone_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def linear_layers(network):
    return [layer for layer in network if isinstance(layer, torch.nn.Linear)]


def hand_over(population, network) -> None:
    """A member's weights to a network of `nn.Linear` layers."""
    state = {name.rpartition(".")[2]: values[MEMBER] for name, values in population.state_dict().items()}
    if "frequencies" in state:  # kept twice, for the sine and for the cosine
        network[0].frequencies.copy_(state["frequencies"][: len(state["frequencies"]) // 2].T)
    with torch.no_grad():
        for number, layer in enumerate(linear_layers(network)):
            layer.weight.copy_(state[f"weight{number}"])
            layer.bias.copy_(state[f"bias{number}"][:, 0])


def difference(population, network) -> float:
    """The largest difference between a member's parameters and a network's."""
    state = {name.rpartition(".")[2]: values[MEMBER] for name, values in population.state_dict().items()}
    pairs = [
        pair
        for number, layer in enumerate(linear_layers(network))
        for pair in ((state[f"weight{number}"], layer.weight), (state[f"bias{number}"][:, 0], layer.bias))
    ]
    return max((one - other).abs().max().item() for one, other in pairs)


@pytest.fixture(scope="module")
def batches():
    data, rng = load_dataset("pointmass/medium-rnd-v0").as_batch(), np.random.default_rng(0)
    chosen = [torch.from_numpy(rng.integers(data.rewards.shape[1], size=(2, 64))) for _ in range(20)]
    return [Batch(*(column[0][each] for column in data)) for each in chosen]  # (2, 64, ...)


OFFLINE = {  # the networks that both have, by the same names; the population's settings
    "dqn": (DQN, {"critic": "critic", "target_critic": "target_critic"}, {}),
    "cql": (CQL, {"critic": "critic", "target_critic": "target_critic"}, {}),
    "awac": (AWAC, {"critic": "critic", "target_critic": "target_critic", "actor": "actor.network"}, {}),
    "iql": (IQL, {name: name for name in ("critic", "target_critic", "value")} | {"actor": "actor.network"}, {}),
}


@pytest.mark.parametrize("name", OFFLINE)
def test_one_agent_in_a_file_learns_what_a_member_learns(name, batches):
    kind, networks, settings = OFFLINE[name]
    population = kind(seeds=2, target_period=7, **settings)
    torch.manual_seed(0)
    agent = getattr(standalone(name), name.upper())(observation_size=2, action_count=5, target_period=7)
    for own, theirs in networks.items():
        hand_over(population.get_submodule(theirs), getattr(agent, own))
    for batch in batches:
        losses = population.update(batch)
        loss = agent.update([column[MEMBER] for column in batch])
        assert loss.item() == pytest.approx(losses[MEMBER].item(), abs=1e-5, rel=1e-5)
    for own, theirs in networks.items():
        assert difference(population.get_submodule(theirs), getattr(agent, own)) < 1e-5, own


def test_rnd_in_a_file_explores_as_a_member_does(batches):
    population, start = RND(seeds=2, target_period=7), torch.tensor([0.1, 0.1])
    population.begin(start)
    torch.manual_seed(0)
    agent = standalone("rnd").RND(start, action_count=5, target_period=7)
    names = ("critic", "target_critic", "predictor", "random_network")
    for name in names:
        hand_over(population.get_submodule(name), getattr(agent, name))
    for batch in batches:
        losses = population.update(batch)
        one = [column[MEMBER] for column in batch]
        loss = agent.update(one)
        assert loss.item() == pytest.approx(losses[MEMBER].item(), abs=1e-5, rel=1e-4)
    for name in names:
        assert difference(population.get_submodule(name), getattr(agent, name)) < 1e-5, name
    assert agent.mean_square.item() == pytest.approx(population.mean_square[MEMBER].item(), rel=1e-4)


@pytest.mark.parametrize("name", OFFLINE)
def test_each_file_trains_by_itself_on_arrays(name, tmp_path):
    data = load_dataset("pointmass/medium-near-expert-v0")
    columns = ("observations", "actions", "rewards", "next_observations", "terminations")
    np.savez(tmp_path / "data.npz", **{column: getattr(data, column).numpy() for column in columns})
    module = standalone(name)
    columns, losses = module.load(tmp_path / "data.npz"), []
    agent = getattr(module, name.upper())(observation_size=2, action_count=5)
    before = agent.update(columns)
    module.train(agent, columns, updates=300)
    for _ in range(2):
        losses.append(agent.update(columns))
    assert losses[-1].isfinite()
    assert losses[-1] != before
    likeliest = np.bincount(data.actions).max() / len(data)
    if name != "dqn":  # whose greedy actions leave the data
        assert (agent.act(columns[0]) == columns[1]).float().mean() > likeliest


def test_the_files_run_as_commands(tmp_path):
    data = load_dataset("pointmass/medium-near-expert-v0")[:200]
    columns = ("observations", "actions", "rewards", "next_observations", "terminations")
    np.savez(tmp_path / "data.npz", **{column: getattr(data, column).numpy() for column in columns})
    done = subprocess.run(
        [sys.executable, FOLDER / "cql.py", tmp_path / "data.npz"], capture_output=True, text=True, check=True
    )
    assert "the greedy action is the data's at" in done.stdout


def test_each_file_is_short_and_needs_only_torch_and_numpy():
    for path in FOLDER.glob("*.py"):
        lines = path.read_text().splitlines()
        assert len(lines) <= 120, path.name
        imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
        assert imported <= {"copy", "itertools", "math", "sys", "numpy", "torch"}, path.name
