"""Every equation against NumPy in float64, for any leading axes, and the facts that the papers state about it."""

import numpy as np
import pytest
import torch
from helpers import draw, each_kind, leading, picked, seeds, tensors
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from rlkit_mini.agents.bc import log_likelihood
from rlkit_mini.agents.cql import cql_penalty
from rlkit_mini.agents.dqn import double_q_value, td_target, value_of_action
from rlkit_mini.agents.rnd import epsilon_greedy, novelty_bonus


def draw_actions(seed, shape):
    return np.random.default_rng(seed + 1).integers(5, size=shape)


# Temporal differences -----------------------------------------------------------------------------------------------


@given(seeds, leading, st.floats(0, 1))
def test_the_td_target_bootstraps_unless_the_step_terminates(seed, shape, discount):
    rewards, values = draw(seed, shape), draw(seed + 1, shape)
    terminations = np.random.default_rng(seed).random(shape) < 0.3
    expected = np.where(terminations, rewards, rewards + discount * values)
    for kind in (terminations, terminations.astype(float)):
        np.testing.assert_allclose(td_target(*tensors(rewards, kind, values), discount), expected, rtol=1e-12)


def test_the_td_target_takes_one_discount_a_member():
    zeros, ones = torch.zeros(2, 3), torch.ones(2, 3)
    targets = td_target(-ones, zeros, -10 * ones, torch.tensor([[0.5], [0.9]]))
    np.testing.assert_allclose(targets, [[-6] * 3, [-10] * 3])


@given(seeds, leading)
def test_double_q_learning_chooses_with_one_network_and_judges_with_the_other(seed, shape):
    online, target = draw(seed, (*shape, 5)), draw(seed + 1, (*shape, 5))
    expected = picked(target, online.argmax(axis=-1))
    assert double_q_value(*tensors(online, target)).tolist() == expected.tolist()
    assert (double_q_value(*tensors(online, target)).numpy() <= target.max(axis=-1)).all()
    assert double_q_value(*tensors(target, target)).tolist() == target.max(axis=-1).tolist()


@given(seeds, leading)
def test_the_value_of_an_action_is_its_entry(seed, shape):
    q_values, actions = draw(seed, (*shape, 5)), draw_actions(seed, shape)
    assert value_of_action(*tensors(q_values, actions)).tolist() == picked(q_values, actions).tolist()


# CQL ----------------------------------------------------------------------------------------------------------------


@given(seeds, leading, st.floats(0.01, 100))
def test_the_cql_penalty_is_the_soft_maximum_minus_the_datas_value(seed, shape, temperature):
    q_values, actions = draw(seed, (*shape, 5)), draw_actions(seed, shape)
    expected = temperature * logsumexp(q_values / temperature, axis=-1) - picked(q_values, actions)
    penalty = cql_penalty(*tensors(q_values, actions), temperature)
    assert penalty.shape == shape
    np.testing.assert_allclose(penalty, expected, rtol=1e-9, atol=1e-9)


def test_the_cql_penalty_in_numbers():
    q_values = torch.tensor([[0.0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [-100, 0, -100, -100, -100]])
    np.testing.assert_allclose(cql_penalty(q_values, torch.tensor([3, 0, 1])), [np.log(5), np.log(1 + 4 / np.e), 0])
    np.testing.assert_allclose(cql_penalty(q_values, torch.tensor([3, 0, 0]), 2.0)[[0, 2]], [2 * np.log(5), 100])


def test_the_cql_penalty_takes_one_temperature_a_member():
    q_values, actions = tensors(draw(0, (3, 7, 5)), draw_actions(0, (3, 7)))
    temperatures = [0.1, 1.0, 10.0]
    together = cql_penalty(q_values, actions, torch.tensor(temperatures).unsqueeze(-1))
    alone = [cql_penalty(q, a, t) for q, a, t in zip(q_values, actions, temperatures, strict=True)]
    np.testing.assert_allclose(together, torch.stack(alone), rtol=1e-6)


@given(seeds, st.floats(-1000, 1000), st.floats(0.1, 10))
def test_the_cql_penalty_is_unchanged_when_a_constant_is_added_to_q(seed, constant, temperature):
    q_values, actions = tensors(draw(seed, (7, 5)), draw_actions(seed, 7))
    shifted = cql_penalty(q_values + constant, actions, temperature)
    np.testing.assert_allclose(shifted, cql_penalty(q_values, actions, temperature), atol=1e-9)


@given(seeds, st.floats(1e-3, 10), st.floats(0, 20))
def test_the_cql_penalty_is_not_negative_even_in_single_precision(seed, temperature, scale):
    q_values, actions = draw(seed, (50, 5), scale), draw_actions(seed, 50)
    q_values[:25, 0], actions[:25] = 20 + 5 * scale, 0  # the data's action is the best by far
    assert (cql_penalty(*tensors(q_values, actions, dtype=torch.float32), temperature) >= -1e-5).all()


@given(seeds)
def test_the_cold_cql_penalty_is_the_gap_to_the_best_action(seed):
    q_values, actions = draw(seed, (7, 5)), draw_actions(seed, 7)
    gap = q_values.max(axis=-1) - picked(q_values, actions)
    penalty = cql_penalty(*tensors(q_values, actions), 1e-3)
    np.testing.assert_allclose(penalty, gap, atol=1e-3 * np.log(5) + 1e-9)


@given(seeds, st.floats(0.1, 10))
def test_the_cql_penalty_pushes_down_what_the_soft_policy_takes_and_up_what_the_data_has(seed, temperature):
    q_values, actions = tensors(draw(seed, (3, 7, 5)), draw_actions(seed, (3, 7)))
    q_values.requires_grad_()
    cql_penalty(q_values, actions, temperature).sum().backward()
    expected = softmax(q_values.detach().numpy() / temperature, axis=-1) - np.eye(5)[actions]
    np.testing.assert_allclose(q_values.grad, expected, atol=1e-9)


# Behavioural cloning ------------------------------------------------------------------------------------------------


@given(seeds, leading)
def test_the_log_likelihood_is_that_of_the_softmax(seed, shape):
    logits, actions = draw(seed, (*shape, 5)), draw_actions(seed, shape)
    expected = picked(logits - logsumexp(logits, axis=-1, keepdims=True), actions)
    np.testing.assert_allclose(log_likelihood(*tensors(logits, actions)), expected, atol=1e-9)


@given(seeds)
def test_the_likelihoods_of_all_actions_add_up_to_one(seed):
    logits = torch.as_tensor(draw(seed, 5)).expand(5, 5)
    assert log_likelihood(logits, torch.arange(5)).exp().sum().item() == pytest.approx(1)


# Random network distillation ----------------------------------------------------------------------------------------


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
