"""IQL: its equations against NumPy in float64, its tabular fixed points, and the order of an update."""

import numpy as np
import torch
from helpers import (
    STATES,
    array,
    assert_followed,
    assert_learnt,
    assert_same_bits,
    draw,
    one_update,
    seeds,
    tensors,
    trained,
)
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini.agents import IQL
from rlkit_mini.agents.awac import advantage_weights
from rlkit_mini.agents.dqn import td_target, value_of_action
from rlkit_mini.agents.iql import expectile_loss

# Equations ------------------------------------------------------------------------------------------------------------


@given(seeds, st.floats(0.01, 0.99))
def test_the_expectile_loss_weighs_squares_by_their_sign(seed, expectile):
    differences, expectiles = draw(seed, (2, 7)), np.array([[expectile], [0.5]])  # one a member
    u = torch.tensor(differences, requires_grad=True)
    expected = np.abs(expectiles - (differences < 0)) * differences**2
    losses = expectile_loss(u, torch.tensor(expectiles))
    np.testing.assert_allclose(losses.detach(), expected, rtol=1e-9)
    np.testing.assert_allclose(losses[1].detach(), differences[1] ** 2 / 2, rtol=1e-9)
    np.testing.assert_allclose(expectile_loss(u.detach()[0], expectile), expected[0], rtol=1e-9)
    losses.sum().backward()
    np.testing.assert_allclose(u.grad, 2 * np.abs(expectiles - (differences < 0)) * differences, rtol=1e-9)


def tabular_iql(expectile, states, actions, rewards, terminations, next_states):
    """V (states,), Q (states, actions) that equations 5 and 6 settle at on a table, and how often each pair is seen."""
    counts = torch.zeros(4, 3).double().index_put_((states, actions), torch.ones(len(states)).double(), True)
    values, q_values = torch.full((4,), -20.0).double().requires_grad_(), torch.zeros_like(counts)
    for _ in range(1000):
        losses = expectile_loss(q_values[states, actions] - values[states], expectile)
        (gradient,) = torch.autograd.grad((losses / counts.sum(dim=1)[states]).sum(), values)
        values = (values - 0.5 * gradient).detach().requires_grad_()
        targets = td_target(rewards, terminations, values.detach()[next_states], 0.9)
        q_values = torch.zeros_like(counts).index_put_((states, actions), targets, True) / counts.clamp(min=1)
    return values.detach().numpy(), q_values.numpy(), counts.numpy()


def test_tabular_iql_goes_from_the_behaviours_values_to_the_best_within_the_data():
    rng = np.random.default_rng(0)
    pairs = np.array([(s, a) for s in range(4) for a in range(3) if (s, a) not in [(0, 0), (3, 1)]])  # two never seen
    states, actions = pairs[rng.integers(len(pairs), size=300)].T
    next_states, terminations = (states + actions * rng.integers(2, size=300)) % 4, rng.random(300) < 0.1
    rewards, mean_rewards, model = rng.random(300) - actions, np.zeros((4, 3)), np.zeros((4, 3, 4))
    columns = tensors(states, actions, rewards, terminations, next_states)
    _, q_values, counts = tabular_iql(0.5, *columns)
    np.add.at(mean_rewards, (states, actions), rewards / counts[states, actions])
    np.add.at(model, (states, actions, next_states), (1 - terminations) / counts[states, actions])
    behaviour = counts / counts.sum(axis=1, keepdims=True)
    chain = np.einsum("sax,xb->saxb", model, behaviour).reshape(12, 12)
    expected = np.linalg.solve(np.eye(12) - 0.9 * chain, mean_rewards.ravel()).reshape(4, 3)
    np.testing.assert_allclose(q_values, expected, atol=1e-9)
    for _ in range(500):  # value iteration over the actions that the data has
        best = np.where(counts > 0, expected, -np.inf).max(axis=1)
        expected = mean_rewards + 0.9 * model @ best
    np.testing.assert_allclose(tabular_iql(1 - 1e-6, *columns)[0], best, atol=1e-3)


# The agent ------------------------------------------------------------------------------------------------------------


def test_iql_updates_v_then_q_then_the_actor_with_the_new_v_and_the_old_target_network():
    before, agent, batch, losses, calls = one_update(
        IQL, (expectile_loss, td_target, advantage_weights), expectile=0.8, target_period=6
    )  # it ends in a copy
    (differences, *_), (*_, targets), (*_, cloning) = calls
    data_values = value_of_action(before.target_critic(batch.observations), batch.actions)
    old, new = (either.value(batch.observations).squeeze(-1) for either in (before, agent))
    next_values = agent.value(batch.next_observations).squeeze(-1)  # the new V, of no target network
    assert (new - old).abs().mean() > 1e-3
    torch.testing.assert_close(differences, data_values - old, rtol=0, atol=1e-5)
    assert_followed(agent.value_optimizer, before.value_optimizer, expectile_loss(data_values - old, 0.8))
    assert_learnt(before, agent, batch, losses, targets, cloning, array(next_values), array(data_values - new))


def test_half_the_square_is_the_loss_of_the_middle_expectile(data):
    half = IQL(expectile_loss=lambda differences, expectile: differences**2 / 2)
    assert_same_bits(trained(half, data), trained(IQL(expectile=0.5), data))


def test_v_and_q_learn_without_the_actor_so_its_temperature_changes_its_policy_alone(data):
    agent = trained(IQL(temperature=[1.0, 0.05], seeds=[3, 8]), data)
    assert torch.allclose(agent.q_values(STATES)[:2], agent.q_values(STATES)[2:], atol=1e-4)
    acting = agent.policy(STATES, greedy=False)
    assert not torch.allclose(acting[:2], acting[2:], atol=1e-4)
