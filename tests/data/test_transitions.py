"""Transitions: slices, episodes, positions, and episodes that are held out."""

import re

import numpy as np
import pytest
import torch

from rlkit_mini import load_dataset

COLUMNS = ["observations", "actions", "rewards", "next_observations", "terminations", "truncations"]


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")


def test_a_slice_is_a_stretch_of_steps(data):
    part = data[10:60]
    assert len(part) == 50
    assert part.maze is data.maze
    for column in COLUMNS:
        assert torch.equal(getattr(part, column), getattr(data, column)[10:60])
    assert len(data[:0]) == 0
    with pytest.raises(TypeError, match=re.escape("take a slice such as data[:1000], got 3")):
        data[3]


def test_episodes_are_cut_where_they_end(data):
    ends = [i for i in range(len(data)) if data.terminations[i] or data.truncations[i]]
    starts = [0, *(end + 1 for end in ends)]
    cut = data[: ends[2] - 3]  # three episodes, the last unfinished
    assert [len(episode) for episode in cut.episodes] == [ends[0] + 1, ends[1] - ends[0], ends[2] - 3 - starts[2]]
    assert data[:0].episodes == []


def test_positions_are_all_that_was_visited_the_ends_of_episodes_too(data):
    expected = []
    for episode in data[:200].episodes:
        expected += [*episode.observations.tolist(), episode.next_observations[-1].tolist()]
    np.testing.assert_allclose(data[:200].positions, np.array(expected) * data.maze.shape, rtol=1e-12)


def test_the_returns_of_episodes_leave_an_unfinished_one_out(data):
    cut = data[:220]
    expected = [e.rewards.sum().item() for e in cut.episodes if e.terminations[-1] or e.truncations[-1]]
    assert len(expected) == len(cut.episodes) - 1
    assert cut.episode_returns.tolist() == expected


def test_every_fifth_episode_is_held_out_and_nothing_is_lost():
    data = load_dataset("pointmass/medium-near-expert-v0")
    train, held_out = data.split(every=5)
    assert len(train) + len(held_out) == len(data)
    lengths = [len(episode) for episode in data.episodes]
    assert [len(episode) for episode in held_out.episodes] == lengths[4::5]
    assert torch.equal(held_out.episodes[1].observations, data.episodes[9].observations)
    assert torch.equal(train.episodes[4].actions, data.episodes[5].actions)
    assert train.maze is held_out.maze is data.maze


@pytest.mark.parametrize("every", [1, 0, 10_000])
def test_a_split_needs_two_parts(every):
    with pytest.raises(ValueError, match=f"every is {every}; expected 2 to"):
        load_dataset("pointmass/medium-near-expert-v0").split(every=every)
