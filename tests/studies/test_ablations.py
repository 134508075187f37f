"""The two knobs of a data set turn independently, and a data set that is collected here is what its name says."""

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, load_dataset
from rlkit_mini.mazes import half_cells
from rlkit_mini.pointmass import at_goal
from rlkit_workbook.studies.ablations import (
    contents,
    data_by_name,
    independent_steps,
    knob_parts,
    on_pairs,
    pair_frequencies,
    walks,
    with_arrivals,
)


@pytest.fixture(scope="module")
def oracle():
    return Oracle(MAZES["medium"])


def agreement(oracle, data):
    """Share of steps with the optimal action."""
    best = oracle.optimal_q[oracle.sub_cells(data.observations.numpy())].argmax(axis=1)
    return (data.actions.numpy() == best).mean()


def test_each_knob_changes_its_own_side_only(oracle):
    corners = {(p, a): independent_steps(oracle, p, a, 2000) for p in (0.0, 1.0) for a in (0.0, 1.0)}
    for places in (0.0, 1.0):
        assert torch.equal(corners[places, 0.0].observations, corners[places, 1.0].observations)
        assert agreement(oracle, corners[places, 0.0]) == 1
        assert agreement(oracle, corners[places, 1.0]) == pytest.approx(0.2, abs=0.03)
    counts = {p: np.bincount(half_cells(oracle.maze, corners[p, 0.0].observations.numpy())) for p in (0.0, 1.0)}
    spread = {places: seen[seen > 0].std() / seen[seen > 0].mean() for places, seen in counts.items()}
    assert spread[0.0] > 1.3 * spread[1.0], "anywhere is more even than where the expert comes by"


def test_nobody_starts_a_step_in_the_goal(oracle):
    places = oracle.maze.positions(independent_steps(oracle, 1.0, 1.0, 5000).observations.numpy())
    assert at_goal(oracle.maze, places).mean() < 0.01  # none but in sub-cells on its border


def test_independent_steps_are_steps_of_the_maze(oracle):
    data = independent_steps(oracle, 0.5, 0.5, 500, seed=3)
    ends = oracle.maze.positions(data.next_observations.numpy())
    assert data.terminations.tolist() == at_goal(oracle.maze, ends).tolist()
    assert data.rewards.tolist() == [0.0 if ended else -1.0 for ended in data.terminations.tolist()]
    assert (data.truncations == ~data.terminations).all()
    assert not np.array_equal(data.actions, independent_steps(oracle, 0.5, 0.5, 500, seed=4).actions)


def test_walks_are_one_a_collection_seed(oracle):
    members = walks(oracle, 0.1)
    assert [len(member) for member in members] == [1000] * 8
    assert len({tuple(member.actions.tolist()) for member in members}) == 8


def same(one, other):
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("observations", "actions", "rewards"))


def test_a_name_says_what_was_collected(oracle):
    expected = walks(oracle, 0.3)
    members = data_by_name("walked/medium-0.3", (2, 5))
    assert [same(member, expected[seed]) for member, seed in zip(members, (2, 5), strict=True)] == [True, True]
    (shared,) = data_by_name("walked/medium-0.3-seed5", (0, 1, 2))
    assert same(shared, expected[5])
    for member, seed in zip(data_by_name("drawn/medium-0.3-1", (4, 0)), (4, 0), strict=True):
        assert same(member, independent_steps(oracle, 0.3, 1.0, 1000, seed))
    (committed,) = data_by_name("pointmass/medium-lazy-v0", (0, 1))
    assert same(committed, load_dataset("pointmass/medium-lazy-v0"))


@pytest.mark.parametrize("name", ["walked/medium", "walked/medium-2", "walked/medium-0-1", "drawn/hard-1", "drawn/"])
def test_a_name_without_its_shares_is_refused(name):
    with pytest.raises(ValueError, match=r"is no data set; expected such as walked/medium-0\.1 or drawn/"):
        data_by_name(name, (0,))


def test_contents_are_counted_by_hand():
    data = load_dataset("pointmass/medium-near-expert-v0")
    places = np.floor(2 * data.maze.positions(data.observations.numpy())).astype(int)
    pairs = {(x, y, a) for (x, y), a in zip(places.tolist(), data.actions.tolist(), strict=True)}
    free = 4 * (~data.maze.walls).sum()
    shown = contents(data)
    assert shown["pairs"] == pytest.approx(len(pairs) / free / 5)
    assert shown["half-cells"] == pytest.approx(len({pair[:2] for pair in pairs}) / free)
    assert shown["arrivals"] == data.terminations.sum()
    frequencies = pair_frequencies(data)
    assert frequencies.shape == (free * 5,)
    assert frequencies.sum() == pytest.approx(1)
    assert (frequencies > 0).sum() == len(pairs)


def test_arrivals_are_taken_away_and_taken_over():
    run = load_dataset("pointmass/medium-rnd-v0")
    assert run.terminations.any()
    without = with_arrivals(run)
    assert not without.terminations.any()
    assert len(without) == len(run) - run.terminations.sum()
    assert torch.equal(without.observations, run.observations[~run.terminations])
    other = with_arrivals(run[:100], run)
    assert torch.equal(other.observations[-int(run.terminations.sum()) :], run.observations[run.terminations])
    assert len(with_arrivals(run, run)) == len(run)


def test_the_knobs_parts_are_what_independent_steps_are_drawn_from(oracle):
    path, anywhere, best = knob_parts(oracle)
    joint = (0.7 * path + 0.3 * anywhere)[:, None] * (0.4 * best + 0.6 / 5)
    expected = on_pairs(oracle, joint)
    assert expected.sum() == pytest.approx(1)
    counted = pair_frequencies(independent_steps(oracle, 0.3, 0.6, 50_000))
    np.testing.assert_allclose(counted, expected, atol=5 * np.sqrt(expected.max() / 50_000))
