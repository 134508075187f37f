"""Saved agents come back, also those of older files, and loading a file never executes anything."""

import json
import pickle
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from helpers import STATES, assert_same_bits, trained

from rlkit_mini import MAZES, explore
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND, RandomAgent


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (BC, {"hidden": [8], "features": "raw"}),
        (DQN, {"discount": [0.9, 0.95], "double": False}),
        (CQL, {"alpha": [0.0, 0.5], "temperature": 2, "hidden": (16, 8)}),
        (RND, {"epsilon": 0.1, "rnd_hidden": (8,), "rnd_features": 3}),
        (RandomAgent, {}),
    ],
)
def test_an_agent_of_these_settings_comes_back_to_the_bit(kind, settings, tmp_path, data):
    agent = kind(**settings, seeds=[5, 2])
    if kind is RND:
        explore(agent, MAZES["easy"], agent.batch_size + 19, progress=False)
    elif kind is not RandomAgent:
        trained(agent, data)
    agent.save(tmp_path / "agents" / "mine.safetensors")
    loaded = kind.load(tmp_path / "agents" / "mine.safetensors")
    assert_same_bits(agent, loaded)
    for greedy in (True, False):
        assert torch.equal(agent.policy(STATES, greedy), loaded.policy(STATES, greedy))
    if hasattr(agent, "q_values"):
        assert torch.equal(agent.q_values(STATES), loaded.q_values(STATES))
    assert (loaded.settings, loaded.grid, loaded.seeds.tolist()) == (agent.settings, agent.grid, agent.seeds.tolist())
    assert [path.name for path in (tmp_path / "agents").iterdir()] == ["mine.safetensors"]


def test_saving_again_replaces_the_file_and_failing_to_keeps_it(tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    DQN(seeds=1).save(path)
    DQN(seeds=2).save(path)
    assert DQN.load(path).members == 2

    def full_disk(tensors, part, metadata):
        Path(part).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full_disk)
    with pytest.raises(OSError, match="no space left"):
        DQN(seeds=3).save(path)
    assert DQN.load(path).members == 2
    assert list(tmp_path.iterdir()) == [path]


class Trap:
    """Creates a file when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def write(path, tensors=None, agent="DQN", **configuration):
    """A well-formed file with these parts."""
    tensors = DQN(hidden=(8,)).state_dict() if tensors is None else tensors
    safetensors.torch.save_file(tensors, path, metadata={agent: json.dumps(configuration)})


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not an agent"),
    "truncated": lambda path: (DQN().save(path), path.write_bytes(path.read_bytes()[:-100])),
    "pickled": lambda path: path.write_bytes(pickle.dumps(Trap(path.with_name("marker")))),
    "pickled by torch": lambda path: torch.save(Trap(path.with_name("marker")), path),
    "of another class": lambda path: CQL().save(path),
    "of another architecture": lambda path: write(path, hidden=[16]),
    "without settings": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path),
    "without tensors": lambda path: write(path, {}, hidden=[8]),
    "of another seed count": lambda path: write(path, hidden=[8], seeds=[0, 1]),
    "with an unknown setting": lambda path: write(path, hidden=[8], magic=1),
    "with a negative discount": lambda path: write(path, hidden=[8], discount=-1),
    "without layers": lambda path: write(path, hidden=None),
    "with other JSON": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"DQN": "[1]"}),
    "with broken JSON": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"DQN": "{"}),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_such_agent_is_refused_and_nothing_of_it_executed(kind, tmp_path):
    path = tmp_path / "mine.safetensors"
    FOREIGN[kind](path)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        DQN.load(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "marker").exists()


def test_a_simpler_agents_file_is_no_special_case_of_another(tmp_path):
    DQN().save(tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match="holds DQN; expected CQL"):
        CQL.load(tmp_path / "mine.safetensors")


def test_the_well_formed_file_itself_is_taken(tmp_path):
    write(tmp_path / "mine.safetensors", hidden=[8])
    assert_same_bits(DQN.load(tmp_path / "mine.safetensors"), DQN(hidden=(8,)))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for path in (tmp_path / "mine.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match=re.escape(f"no saved agent at {path}")):
            DQN.load(path)


@pytest.mark.parametrize("kind", [AWAC, IQL])
def test_a_file_of_before_features_were_raw_and_double_was_dqns_alone_still_loads(kind, tmp_path):
    agent, path = kind(features="raw", hidden=(8,), actor_hidden=(8,)), tmp_path / "mine.safetensors"
    older = agent.configuration | {"features": "position", "double": True}
    write(path, agent.state_dict(), kind.__name__, **older)
    assert_same_bits(kind.load(path), agent)
    with pytest.raises(ValueError, match="features is 'position'; expected 'fourier' or 'raw'"):
        kind(features="position")
    with pytest.raises(TypeError, match="has no setting 'double'"):
        kind(double=True)
    write(path, DQN(hidden=(8,), double=False).state_dict(), hidden=[8], double=False)
    assert DQN.load(path).double is False
