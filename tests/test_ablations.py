"""The two knobs of a data set turn independently, and the committed results are whole and what the code gives."""

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, ablations
from rlkit_mini.ablations import KNOBS, SEEDS, SHARES, independent_steps, read_results, trained_returns, walks
from rlkit_mini.pointmass import at_goal
from rlkit_mini.tabular import half_cells


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
    assert [len(member) for member in members] == [1000] * SEEDS
    assert len({tuple(member.actions.tolist()) for member in members}) == SEEDS


def test_the_committed_results_are_whole():
    rows = read_results("ablations")
    settings = {(row["kind"], *row["setting"], row["agent"]) for row in rows}
    assert len(settings) == len(rows)
    for name in ablations.AGENTS:
        assert {("walked", share, name) for share in SHARES} <= settings
        assert {("independent", p, a, name) for p in KNOBS for a in KNOBS} <= settings
    for row in rows:
        shape = (SEEDS, SEEDS) if row["kind"] == "crossed" else (SEEDS,)
        assert np.shape(row["returns"]) == shape
        assert np.min(row["returns"]) >= -150
        assert np.max(row["returns"]) <= -20.4


def test_a_row_is_made_as_it_says(monkeypatch):
    monkeypatch.setattr(ablations, "UPDATES", 20)
    assert np.shape(trained_returns("walked", "BC", 0.1)) == (SEEDS,)
    assert np.shape(trained_returns("independent", "BC", 0.0, 1.0)) == (SEEDS,)
    monkeypatch.setattr(ablations, "walks", lambda oracle, share: walks(oracle, share)[:2])
    assert np.shape(trained_returns("crossed", "BC", 0.1)) == (2, SEEDS)
