"""AWAC: its equations against NumPy in float64, what each update learns from, and which part acts."""

import numpy as np
import pytest
import torch
from helpers import (
    STATES,
    array,
    assert_learnt,
    assert_same_bits,
    draw,
    each_kind,
    leading,
    one_update,
    picked,
    seeds,
    tensors,
    trained,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from rlkit_mini.agents import AWAC, BC, DQN, IQL
from rlkit_mini.agents.awac import advantage_weights, expected_value
from rlkit_mini.agents.dqn import td_target

# Equations ------------------------------------------------------------------------------------------------------------


@given(seeds, leading)
def test_the_expected_value_weighs_each_actions_value_by_its_probability(seed, shape):
    q_values, probabilities = draw(seed, (*shape, 5)), softmax(draw(seed + 1, (*shape, 5)), axis=-1)
    expected = sum(probabilities[..., action] * q_values[..., action] for action in range(5))
    np.testing.assert_allclose(expected_value(*tensors(q_values, probabilities)), expected, rtol=1e-9, atol=1e-9)


@given(seeds, st.floats(-3, 9), st.sampled_from([0.5, 20.0, 100.0]))
@each_kind
def test_advantage_weights_are_exponential_and_clipped_for_advantages_of_any_size(dtype, seed, exponent, max_weight):
    advantages = np.concatenate([[-1e4, 0, 1e4], draw(seed, 50)])
    temperatures = np.array([[10**exponent], [1e-3], [1], [1e9]])  # one a member
    expected = np.exp(np.minimum(advantages / temperatures, np.log(max_weight)))
    found = advantage_weights(*tensors(advantages, temperatures, dtype=dtype), max_weight)
    np.testing.assert_allclose(found, expected, rtol=1e-9 if dtype == torch.float64 else 1e-4, atol=1e-36)
    np.testing.assert_allclose(advantage_weights(*tensors(advantages), 1.0).max(), 100)


# The agent ------------------------------------------------------------------------------------------------------------


def test_awac_evaluates_its_actor_and_clones_by_the_advantage_over_it():
    before, agent, batch, losses, ((*_, targets), (*_, cloning)) = one_update(
        AWAC, (td_target, advantage_weights), target_period=4
    )
    next_policy, policy = (softmax(array(before.actor(o)), -1) for o in (batch.next_observations, batch.observations))
    next_values = (next_policy * array(before.target_critic(batch.next_observations))).sum(axis=-1)
    q_values = array(agent.critic(batch.observations))  # after the critic's step
    advantages = picked(q_values, batch.actions.numpy()) - (policy * q_values).sum(axis=-1)
    assert_learnt(before, agent, batch, losses, targets, cloning, next_values, advantages)


def test_an_actor_whose_weights_are_all_one_is_bc_to_the_bit(data):
    ones = {"advantage_weights": lambda advantages, temperature, max_weight: torch.ones_like(advantages)}
    clone = trained(BC(seeds=2), data, 30)
    for kind, settings in [(AWAC, {"temperature": 1e9}), (AWAC, ones), (IQL, ones)]:
        assert_same_bits(trained(kind(**settings, seeds=2), data, 30).actor, clone.actor)


def test_a_critic_that_values_the_best_action_is_dqns_without_double_q_learning(data):
    greedy = AWAC(expected_value=lambda q_values, probabilities: q_values.amax(dim=-1))
    assert_same_bits(trained(greedy, data).critic, trained(DQN(double=False), data).critic)


@pytest.mark.parametrize(("kind", "settings"), [(AWAC, {"actor_hidden": (16, 8)}), (IQL, {"expectile": [0.7, 0.9]})])
def test_the_actor_acts_and_not_the_critic_and_a_saved_agent_comes_back_to_the_bit(kind, settings, tmp_path, data):
    agent = trained(kind(**settings, temperature=[0.1, 1.0], max_weight=20.0, seeds=[5, 2]), data)
    logits = array(agent.actor(agent.as_inputs(STATES)))
    np.testing.assert_allclose(agent.policy(STATES, greedy=False), softmax(logits, axis=-1), rtol=1e-5)
    assert agent.policy(STATES).tolist() == np.eye(5)[logits.argmax(axis=-1)].tolist()
    assert (agent.policy(STATES).argmax(dim=-1) != agent.q_values(STATES).argmax(dim=-1)).any()
    agent.save(tmp_path / "mine.safetensors")
    loaded = kind.load(tmp_path / "mine.safetensors")
    assert_same_bits(agent, loaded)
    assert torch.equal(agent.policy(STATES, greedy=False), loaded.policy(STATES, greedy=False))
    assert (loaded.settings, loaded.grid, loaded.max_weight) == (agent.settings, agent.grid, agent.max_weight)
