"""CQL: its penalty against NumPy in float64, the facts that the paper states about it, and DQN as its limit."""

import numpy as np
import pytest
import torch
from helpers import STATES, assert_same_bits, draw, draw_actions, leading, picked, random_batch, seeds, tensors, trained
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from rlkit_mini.agents import CQL, DQN
from rlkit_mini.agents.cql import cql_penalty

# The penalty ----------------------------------------------------------------------------------------------------------


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


# The agent ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0, 0.0, [0.0]])
def test_cql_with_alpha_zero_is_dqn_to_the_bit(alpha, data):
    assert_same_bits(trained(CQL(alpha=alpha, seeds=2), data, 30), trained(DQN(seeds=2), data, 30))


def test_cql_with_some_alpha_is_not_dqn(data):
    cql, dqn = trained(CQL(alpha=0.5), data), trained(DQN(), data)
    assert not torch.allclose(cql.q_values(STATES), dqn.q_values(STATES), atol=0.01)


def test_cqls_loss_is_dqns_plus_alpha_times_the_penalty():
    agent = CQL(alpha=[0.5, 3.0], temperature=2.0)
    batch = random_batch(agent)
    q_values = agent.critic(batch.observations)
    penalties = 2 * torch.logsumexp(q_values / 2, dim=-1) - q_values.gather(-1, batch.actions.unsqueeze(-1)).squeeze(-1)
    expected = DQN.loss(agent, batch, q_values) + torch.tensor([[0.5], [3.0]]) * penalties
    torch.testing.assert_close(agent.loss(batch, q_values), expected)


def test_a_given_penalty_is_the_one_that_trains(data):
    def none(q_values, actions, temperature):
        return torch.zeros_like(q_values[..., 0])

    def twice(q_values, actions, temperature):
        assert temperature == 0.5
        return 2 * (
            temperature * (q_values / temperature).logsumexp(-1) - q_values.gather(-1, actions[..., None])[..., 0]
        )

    assert_same_bits(trained(CQL(alpha=1.0, penalty=none), data), trained(DQN(), data))
    settings = {"temperature": 0.5, "seeds": 2}
    given, own = trained(CQL(alpha=1, penalty=twice, **settings), data), trained(CQL(alpha=2.0, **settings), data)
    torch.testing.assert_close(given.q_values(STATES), own.q_values(STATES), rtol=0, atol=1e-4)


def test_a_penalty_for_one_temperature_is_given_each_members_own(data):
    def natural(q_values, actions, temperature):
        temperature = float(temperature)
        soft = temperature * torch.logsumexp(q_values / temperature, dim=-1)
        return soft - q_values.gather(-1, actions[..., None])[..., 0]

    grid = {"alpha": [0.5, 1.0], "temperature": [5.0, 0.2, 1.0], "seeds": 2}
    own, package = trained(CQL(**grid, penalty=natural), data), trained(CQL(**grid), data)
    torch.testing.assert_close(own.q_values(STATES), package.q_values(STATES), rtol=0, atol=1e-4)
