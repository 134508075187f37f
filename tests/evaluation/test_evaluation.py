"""Measures against hand-made numbers and plain loops."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import AWAC, CQL, DQN, IQL
from rlkit_mini.data.transitions import episode_returns
from rlkit_mini.evaluation.choosing import fitted_q_evaluation, td_error
from rlkit_mini.evaluation.measures import (
    behaviour_policy,
    bootstrap_interval,
    coverage,
    cumulative_regret,
    discounted_return,
    interquartile_mean,
    steps_to_go,
)
from rlkit_mini.evaluation.rollouts import rollout_returns

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


@pytest.mark.parametrize(("action", "returns"), [(0, -50.0), (4, -50.0)])
def test_who_never_arrives_returns_minus_the_horizon(action, returns):
    def policy(observations):
        return np.eye(5)[np.full(len(observations), action)]

    assert (rollout_returns(policy, MAZES["easy"], episodes=20) == returns).mean() > 0.9


def test_rollouts_depend_on_the_seed_alone():
    def policy(observations):
        assert observations.shape == (30, 2)
        assert observations.dtype == np.float32
        return np.tile([0.0, 0.1, 0.4, 0.1, 0.4], (30, 1))

    one, again, other = (rollout_returns(policy, MAZES["easy"], 30, seed=seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()
    assert one.shape == (30,)
    assert (one >= -50).all()
    assert np.array_equal(one, one.round())


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


# Choosing without acting --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broad():
    return load_dataset("pointmass/medium-rnd-v0")


@pytest.fixture(scope="module")
def oracle():
    return Oracle(MAZES["medium"])


def optimal_but(oracle, share):
    """The optimal policy with a share of uniform actions: a function of observations, and its exact start value."""
    table = (1 - share) * oracle.optimal_policy + share / 5
    values = (table * oracle.evaluate(table).q_values).sum(axis=-1) @ oracle.start_weights
    return table, values


def test_fitted_q_evaluation_finds_the_start_value_on_broad_data(broad, oracle):
    tables, true = zip(*(optimal_but(oracle, share) for share in (0.0, 0.5, 0.9)), strict=True)
    estimates = fitted_q_evaluation(broad, lambda places: np.stack(tables)[:, oracle.sub_cells(places.numpy())])
    assert estimates.shape == (3,)
    np.testing.assert_allclose(estimates, true, atol=1.5)
    assert estimates[0] > estimates[1] + 1 > estimates[2] + 1.5


def test_fitted_q_evaluation_of_one_policy_is_that_among_others(broad, oracle):
    tables = np.stack([optimal_but(oracle, share)[0] for share in (0.0, 0.5)])
    together = fitted_q_evaluation(broad, lambda p: tables[:, oracle.sub_cells(p.numpy())], updates=40)
    alone = fitted_q_evaluation(broad, lambda p: tables[1][oracle.sub_cells(p.numpy())], updates=40)
    assert alone.shape == ()
    assert alone == pytest.approx(together[1], rel=1e-3)


def test_fitted_q_evaluation_without_a_future_is_the_mean_reward(broad):
    uniform = lambda places: np.full((len(places), 5), 0.2)  # noqa: E731
    data = dataclasses.replace(broad, rewards=torch.full_like(broad.rewards, -0.7))
    assert fitted_q_evaluation(data, uniform, discount=0.0, updates=600) == pytest.approx(-0.7, abs=0.03)
    ended = dataclasses.replace(data, terminations=torch.ones_like(data.terminations))
    assert fitted_q_evaluation(ended, uniform, updates=600) == pytest.approx(-0.7, abs=0.03)


def test_fitted_q_evaluation_stays_within_what_rewards_can_add_up_to(broad):
    """On 60 transitions a critic would otherwise run away: all rewards are -1 or 0."""
    agent = DQN(seeds=2)
    estimates = fitted_q_evaluation(broad[:60], agent.policy, updates=400)
    assert ((estimates >= -21) & (estimates <= 1)).all()


def test_fitted_q_evaluation_takes_a_population_and_repeats_itself(broad):
    agent = DQN(seeds=3)
    first, again = (fitted_q_evaluation(broad, agent.policy, updates=30) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert fitted_q_evaluation(broad, agent.policy, updates=30, seed=1).tolist() != first.tolist()


def test_fitted_q_evaluation_refuses_what_is_no_policy(broad):
    with pytest.raises(ValueError, match=r"policy gives \(10000,\); expected probabilities \(..., 10000, 5\)"):
        fitted_q_evaluation(broad, lambda places: np.zeros(len(places)))


@pytest.mark.parametrize("settings", [{"updates": 0}, {"batch_size": 0}, {"target_period": 0}, {"transitions": 0}])
def test_fitted_q_evaluation_needs_at_least_one_of_everything(settings, broad):
    data = broad[: settings.pop("transitions", 100)]
    with pytest.raises(ValueError, match="expected at least 1 of each"):
        fitted_q_evaluation(data, DQN().policy, **settings)


def test_td_error_is_that_of_a_loop_over_members_and_transitions(broad):
    data, agent = broad[:50], CQL(alpha=[0.0, 5.0], seeds=2)
    train_offline(agent, data, updates=30, progress=False)
    online, after = (agent.q_values(places).double() for places in (data.observations, data.next_observations))
    target = agent.target_critic(agent.as_inputs(data.next_observations)).double()
    expected = np.zeros(4)
    for member in range(4):
        for step in range(50):
            bootstrap = target[member, step, after[member, step].argmax()] * (not data.terminations[step])
            y = data.rewards[step] + 0.95 * bootstrap
            expected[member] += float(online[member, step, data.actions[step]] - y) ** 2 / 50
    np.testing.assert_allclose(td_error(data, agent), expected, rtol=1e-4)  # without the penalty, whatever alpha


@pytest.mark.parametrize("kind", [AWAC, IQL])
def test_td_error_is_by_the_agents_own_target(kind, broad):
    agent = kind(seeds=2)
    data = broad[:40]
    with torch.no_grad():
        values = agent.next_values(agent.as_inputs(data.next_observations))
        y = data.rewards + 0.95 * (~data.terminations).float() * values
        taken = agent.q_values(data.observations)[:, torch.arange(40), data.actions]
    np.testing.assert_allclose(td_error(data, agent), ((taken - y) ** 2).mean(dim=-1), rtol=1e-5)
