"""Measures against hand-made numbers and plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini.data.transitions import episode_returns
from rlkit_mini.evaluation.measures import (
    behaviour_policy,
    bootstrap_interval,
    coverage,
    cumulative_regret,
    discounted_return,
    interquartile_mean,
    steps_to_go,
)

seeds = st.integers(0, 2**32 - 1)


# Coverage -----------------------------------------------------------------------------------------------------------


def test_coverage_is_the_share_of_free_half_cells():
    walls = np.array([[False, True], [False, False]])  # 12 free half-cells
    assert coverage(np.empty((0, 2)), walls) == 0
    assert coverage(np.array([[0.1, 0.1]]), walls) == 1 / 12
    assert coverage(np.array([[0.1, 0.1], [0.4, 0.4]]), walls) == 1 / 12
    assert coverage(np.array([[0.1, 0.1], [0.5, 0.4], [1.6, 1.4]]), walls) == 3 / 12
    assert coverage(np.array([[2.0, 2.0], [1.7, 1.7]]), walls) == 1 / 12  # the far border belongs to the last half-cell


def test_coverage_of_every_free_half_cell_is_one(maze):
    centres = np.argwhere(~maze.walls.repeat(2, axis=0).repeat(2, axis=1)) / 2 + 0.25
    assert coverage(centres, maze.walls) == 1
    assert coverage(centres[::2], maze.walls) == pytest.approx(0.5, abs=1 / len(centres))


# Returns ------------------------------------------------------------------------------------------------------------


@given(seeds, st.floats(0, 1))
def test_the_discounted_return_is_horners_sum(seed, discount):
    rewards = np.random.default_rng(seed).standard_normal((2, 3, 20))
    expected = np.zeros((2, 3))
    for step in reversed(range(20)):
        expected = rewards[..., step] + discount * expected
    np.testing.assert_allclose(discounted_return(rewards, discount), expected, rtol=1e-9, atol=1e-9)
    assert discounted_return([-1, -1, 0], 0.5) == -1.5


@given(st.integers(1, 100), st.floats(0.5, 0.99))
def test_a_value_says_in_how_many_steps_it_is_earned(steps, discount):
    value = -sum(discount**t for t in range(steps - 1))  # the last step costs nothing
    assert steps_to_go(value, discount) == pytest.approx(steps, rel=1e-3) or discount**steps < 1e-10


def test_who_never_arrives_needs_infinitely_many_steps():
    assert steps_to_go([0.0, -19.0, -20.0, -25.0], 0.95).tolist() == [1.0, pytest.approx(59.404, abs=1e-3)] + 2 * [
        math.inf
    ]


@given(seeds)
def test_episode_returns_are_those_of_a_loop_over_the_steps(seed):
    rng = np.random.default_rng(seed)
    rewards, terminations, truncations = rng.standard_normal(60), rng.random(60) < 0.1, rng.random(60) < 0.1
    expected, total = [], 0.0
    for reward, ended in zip(rewards, terminations | truncations, strict=True):
        total += reward
        if ended:
            expected.append(total)
            total = 0.0
    np.testing.assert_allclose(episode_returns(rewards, terminations, truncations), expected, atol=1e-9)


def test_no_finished_episode_has_no_return():
    assert episode_returns([-1, -1], [False, False], [False, False]).shape == (0,)


@given(seeds)
def test_cumulative_regret_is_that_of_a_loop_over_the_episodes(seed):
    returns = np.random.default_rng(seed).standard_normal((2, 3, 7))
    for place in np.ndindex(2, 3):
        lost = 0.0
        for episode in range(7):
            lost += 0.5 - returns[place][episode]
            assert cumulative_regret(returns, 0.5)[place][episode] == pytest.approx(lost)


def test_who_is_as_good_as_the_best_has_no_regret_left_after_luck_and_bad_luck():
    assert cumulative_regret([-30, -25, -28], -25).tolist() == [5, 5, 8]
    assert cumulative_regret([-20.0, -30.0], -25).tolist() == [-5, 0]
    assert cumulative_regret([], -25).shape == (0,)


# The behaviour's policy ---------------------------------------------------------------------------------------------


def test_the_behaviour_policy_is_the_relative_frequency_and_uniform_without_data():
    policy = behaviour_policy(np.array([0, 0, 0, 0, 2]), np.array([1, 1, 1, 4, 3]), 3)
    assert policy.tolist() == [[0, 0.75, 0, 0, 0.25], [0.2] * 5, [0, 0, 0, 1, 0]]


# Statistics over seeds ----------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 30))
def test_the_interquartile_mean_drops_the_lowest_and_highest_quarter(seed, count):
    values = np.random.default_rng(seed).standard_normal(count)
    middle = sorted(values.tolist())[count // 4 : count - count // 4]
    assert interquartile_mean(values) == pytest.approx(math.fsum(middle) / len(middle), abs=1e-12)


def test_the_interquartile_mean_runs_along_the_last_axis():
    values = np.arange(24.0).reshape(4, 6) ** 2
    assert interquartile_mean(values[:, ::-1]).tolist() == [row[1:5].mean() for row in values]


def test_one_wild_seed_moves_the_mean_but_not_the_interquartile_mean():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    wild = np.array([1.0, 2, 3, 4, 5, 6, 7, 1e6])
    assert interquartile_mean(values) == interquartile_mean(wild) == 4.5


def test_the_bootstrap_interval_holds_the_mean_and_narrows_with_seeds():
    values = np.random.default_rng(0).standard_normal((3, 64))
    low, high = bootstrap_interval(values)
    assert low.shape == high.shape == (3,)
    assert ((low < interquartile_mean(values)) & (interquartile_mean(values) < high)).all()
    few_low, few_high = bootstrap_interval(values[:, :8])
    assert (few_high - few_low > high - low).all()
    assert bootstrap_interval(values).tolist() == bootstrap_interval(values).tolist()


def test_the_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    values = np.random.default_rng(1).standard_normal((300, 20))
    low, high = bootstrap_interval(values)
    assert 0.87 < ((low < 0) & (high > 0)).mean() < 0.99


def test_equal_seeds_have_an_interval_of_no_width():
    assert bootstrap_interval(np.full(5, -20.0)).tolist() == [-20, -20]
    assert bootstrap_interval(np.array([-20.0])).tolist() == [-20, -20]
