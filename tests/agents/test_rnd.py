"""RND: bonus and exploration against NumPy in float64, and the return that goes on after an episode."""

import re

import numpy as np
import pytest
import torch
from helpers import STATES, assert_same_bits, draw, each_kind, leading, random_batch, seeds, tensors, trained, weights
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini import MAZES, explore
from rlkit_mini.agents import RND
from rlkit_mini.agents.dqn import td_target
from rlkit_mini.agents.rnd import epsilon_greedy, novelty_bonus


def explored(agent, updates=20):
    """An agent that has learnt `updates` times from its own steps, and its data."""
    return agent, explore(agent, MAZES["easy"], agent.batch_size - 1 + updates, progress=False)


# Equations ------------------------------------------------------------------------------------------------------------


@given(seeds, leading, st.integers(1, 6))
def test_the_bonus_is_the_squared_distance_of_each_transition(seed, shape, features):
    predicted, target = draw(seed, (*shape, features)), draw(seed + 1, (*shape, features))
    bonus = novelty_bonus(*tensors(predicted, target))
    assert bonus.shape == shape
    np.testing.assert_allclose(bonus, np.linalg.norm(predicted - target, axis=-1) ** 2, rtol=1e-9)


@given(seeds, leading, st.floats(0, 1))
@each_kind
def test_epsilon_greedy_spreads_epsilon_over_all_actions(dtype, seed, shape, epsilon):
    q_values = draw(seed, (*shape, 5))
    expected = np.full((*shape, 5), epsilon / 5)
    expected[(*np.indices(shape), q_values.argmax(axis=-1))] += 1 - epsilon
    probabilities = epsilon_greedy(*tensors(q_values, dtype=dtype), epsilon)
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_epsilon_greedy_takes_one_epsilon_a_member():
    q_values = torch.tensor([[0.0, 3, 1, 2, -1]]).expand(2, 4, 5)
    probabilities = epsilon_greedy(q_values, torch.tensor([[0.0], [0.5]]))
    np.testing.assert_allclose(probabilities[0], [[0, 1, 0, 0, 0]] * 4)
    np.testing.assert_allclose(probabilities[1], [[0.1, 0.6, 0.1, 0.1, 0.1]] * 4, rtol=1e-6)


def test_an_epsilon_greedy_for_one_epsilon_is_given_each_members_own():
    def filled(q_values, epsilon):
        probabilities = torch.full_like(q_values, epsilon / q_values.shape[-1])
        best = q_values.argmax(dim=-1, keepdim=True)
        return probabilities.scatter_add(-1, best, torch.full(best.shape, 1 - epsilon))

    grid = {"rnd_weight": [0.0, 1.0], "epsilon": [0.6, 0.1, 0.3], "seeds": 2}
    own, package = RND(**grid, epsilon_greedy=filled), RND(**grid)
    torch.testing.assert_close(own.policy(STATES, greedy=False), package.policy(STATES, greedy=False))
    assert len(own.policy(STATES, greedy=False)[:, 0].max(dim=-1).values.unique()) == 3


# The agent ------------------------------------------------------------------------------------------------------------


def prepared_rnd(**settings):
    agent = RND(seeds=2, discount=0.9, target_period=1000, **settings)
    agent.begin(torch.tensor([0.1, 0.2]))
    for step in range(5):
        agent.update(random_batch(agent, step))
    return agent


@pytest.mark.parametrize("extrinsic", [False, True])
@pytest.mark.parametrize("normalise", [False, True])
def test_rnds_target_goes_on_from_the_start_after_a_termination(extrinsic, normalise):
    agent = prepared_rnd(
        rnd_weight=[0.5, 2.0],
        extrinsic=extrinsic,
        normalise=normalise,
        bonus=lambda predicted, target: 1e-3 * novelty_bonus(predicted, target),  # the scale follows small ones too
    )
    batch = random_batch(agent, 5)
    predicted, features = (
        network(batch.next_observations).detach().double().numpy()
        for network in (agent.predictor, agent.random_network)
    )
    bonus = 1e-3 * ((predicted - features) ** 2).sum(axis=-1)
    before = agent.mean_square.double().numpy()
    scale = np.sqrt(before + ((bonus**2).mean(axis=1, keepdims=True) - before) / 6)  # the mean of six minibatches
    expected_rewards = np.array([[0.5], [0.5], [2], [2]]) * bonus / (scale if normalise else 1)
    if extrinsic:
        expected_rewards += batch.rewards.numpy()
    ended = batch.terminations.bool().numpy()
    next_states = np.where(ended[..., None], [0.1, 0.2], batch.next_observations.numpy())
    choices = agent.q_values(next_states).argmax(dim=-1).numpy()
    target_q = agent.target_critic(agent.as_inputs(next_states)).numpy()
    expected_values = np.take_along_axis(target_q, choices[..., None], axis=-1)[..., 0]
    seen = []
    agent.td_target = lambda *arguments: seen.append(arguments) or td_target(*arguments)
    agent.update(batch)
    ((rewards, terminations, next_values, discount),) = seen
    np.testing.assert_allclose(rewards, expected_rewards, rtol=1e-3)
    np.testing.assert_allclose(next_values, expected_values, rtol=1e-4)
    assert ended.any()
    assert not terminations.any()
    assert discount == 0.9


def test_rnds_random_network_never_changes_and_its_predictor_approaches_it():
    agent = prepared_rnd()
    before = {name: tensor.copy() for name, tensor in weights(agent).items() if name.startswith("random_network")}
    states = random_batch(agent).next_observations
    novelty = agent.novelty(states).mean(dim=-1)
    for _ in range(100):
        agent.update(random_batch(agent))
    assert all(np.array_equal(weights(agent)[name], tensor) for name, tensor in before.items())
    assert (agent.novelty(states).mean(dim=-1) < 0.5 * novelty).all()


def test_a_bonus_that_vanishes_leaves_no_reward_rather_than_nan():
    agent = RND(bonus=lambda predicted, target: 0 * novelty_bonus(predicted, target))
    explored(agent)
    assert agent.q_values(STATES).isfinite().all()


def test_rnd_says_where_it_learns(data):
    with pytest.raises(RuntimeError, match=re.escape("it learns in explore(agent, maze)")):
        trained(RND(), data)


def test_rnd_acts_epsilon_greedily():
    agent = RND(epsilon=[0.0, 0.5])
    greedy, acting = agent.policy(STATES), agent.policy(STATES, greedy=False)
    np.testing.assert_allclose(acting[0], greedy[0])
    np.testing.assert_allclose(acting[1], 0.1 + 0.5 * greedy[1])


def test_a_member_explores_and_learns_alone_what_it_does_among_others():
    among, all_data = explored(RND(seeds=[3, 8, 5], epsilon=[0.1, 0.3]))
    alone, (data,) = explored(RND(seeds=[8], epsilon=0.3))
    assert all_data[4].observations.tolist() == data.observations.tolist()
    for name, tensor in weights(alone).items():
        np.testing.assert_allclose(weights(among)[name][4], tensor[0], atol=1e-4, err_msg=name)


def test_a_given_bonus_is_the_one_that_explores():
    calls = []

    def bonus(predicted, target):
        calls.append(predicted.shape)
        return novelty_bonus(predicted, target)

    own, given = RND(seeds=2), RND(seeds=2, bonus=bonus)
    explored(own, updates=3), explored(given, updates=3)
    assert_same_bits(own, given)
    assert calls == [(2, own.batch_size, 5)] * 3
