"""What minibatches are drawn from, and by which indices."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers import replay_of

from rlkit_mini import MAZES, load_dataset
from rlkit_mini.agents import DQN
from rlkit_mini.data.replay import symmetric_indices, uniform_indices

EASY = MAZES["easy"]


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")[:1000]


def test_a_replay_of_one_data_set_is_shared_and_one_with_capacity_is_each_members_own(data):
    agent = DQN(seeds=3)
    assert len(replay_of(agent, data).columns["actions"]) == 1
    assert len(replay_of(agent, [data] * 3).columns["actions"]) == 3
    assert replay_of(agent, data, capacity=5).columns["observations"].shape == (3, 1005, 2)


@pytest.mark.parametrize("several", [False, True])
def test_minibatches_are_the_same_transitions_however_many_are_asked_for(data, several):
    given = [data, dataclasses.replace(data, rewards=data.rewards - 1)] if several else data
    at_once, one_by_one = (replay_of(DQN(seeds=2, batch_size=300), given) for _ in range(2))
    uniforms = DQN(seeds=2).minibatches
    for batch in at_once.minibatches(150):  # more than are gathered at a time
        indices = (uniforms.draw(300) * len(data)).astype(int)
        for name, column, other in zip(batch._fields, batch, next(one_by_one.minibatches(1)), strict=True):
            expected = torch.stack([getattr(data, name)[row] for row in indices]).to(column.dtype)
            if several and name == "rewards":
                expected[1] -= 1
            assert torch.equal(column, expected)
            assert torch.equal(other, expected)


def test_a_replay_gives_back_what_it_was_given(data):
    several = [data, dataclasses.replace(data, actions=4 - data.actions)]
    for given, back in zip(several, replay_of(DQN(seeds=2), several).transitions(EASY), strict=True):
        for field in dataclasses.fields(given):
            one, other = getattr(given, field.name), getattr(back, field.name)
            assert one is other if field.name == "maze" else torch.equal(one, other)


@pytest.mark.parametrize(("indices", "share"), [(uniform_indices, 0.25), (symmetric_indices, 0.5)])
def test_indices_have_the_share_of_collected_transitions_that_they_promise(indices, share):
    uniforms = np.random.default_rng(0).random((3, 4000))
    chosen = indices(uniforms, 300, 100)
    assert (chosen.min(), chosen.max()) == (0, 399)
    np.testing.assert_allclose((chosen >= 300).mean(axis=1), share, atol=0.03)
    counts = np.bincount(chosen.ravel(), minlength=400)
    for kind in (counts[:300], counts[300:]):  # within a kind all are alike
        assert abs(kind - kind.mean()).max() < 6 * np.sqrt(kind.mean())


def test_symmetric_indices_take_what_there_is():
    uniforms = np.array([[0.0, 0.5, 0.99]])
    assert symmetric_indices(uniforms, 10, 0).tolist() == [[0, 5, 9]]
    assert symmetric_indices(uniforms, 0, 10).tolist() == [[0, 5, 9]]
    assert symmetric_indices(uniforms, 10, 2).tolist() == [[0, 11, 11]]
