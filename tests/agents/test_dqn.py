"""DQN: its equations against NumPy in float64, its loss against a loop, its target network."""

import numpy as np
import pytest
import torch
from helpers import STATES, assert_same_bits, draw, draw_actions, leading, picked, random_batch, seeds, tensors, trained
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini.agents import CQL, DQN, RND
from rlkit_mini.agents.dqn import double_q_value, td_target, value_of_action

# Equations ------------------------------------------------------------------------------------------------------------


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


# The agent ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [True, False])
def test_dqns_loss_is_the_mean_squared_distance_to_the_target(double):
    agent = DQN(seeds=2, discount=[0.5, 0.9], double=double, target_period=1000)
    for step in range(5):  # until critic and target network differ
        agent.update(random_batch(agent, step))
    batch = random_batch(agent, 5)
    q_values = agent.q_values(batch.observations).double().numpy()
    next_q = agent.q_values(batch.next_observations).double().numpy()
    target_q = agent.target_critic(batch.next_observations).double().numpy()
    expected = np.zeros(4)
    for member, discount in enumerate([0.5, 0.5, 0.9, 0.9]):
        for i in range(agent.batch_size):
            best = (next_q if double else target_q)[member, i].argmax()
            bootstrap = (1 - batch.terminations[member, i].item()) * target_q[member, i, best]
            target = batch.rewards[member, i].item() + discount * bootstrap
            expected[member] += (q_values[member, i, batch.actions[member, i]] - target) ** 2 / agent.batch_size
    np.testing.assert_allclose(agent.update(batch), expected, rtol=1e-4)


def test_the_target_network_is_copied_exactly_every_target_period_updates():
    agent = DQN(seeds=2, target_period=3)
    target = {name: tensor.clone() for name, tensor in agent.critic.state_dict().items()}
    for update in range(1, 8):
        agent.update(random_batch(agent, update))
        if update % 3 == 0:
            target = {name: tensor.clone() for name, tensor in agent.critic.state_dict().items()}
        else:
            assert not torch.equal(agent.critic.state_dict()["1.weight0"], target["1.weight0"])
        for name, tensor in agent.target_critic.state_dict().items():
            assert torch.equal(tensor, target[name])


@pytest.mark.parametrize("kind", [DQN, CQL, RND])
def test_the_greedy_policy_takes_the_highest_q_value(kind):
    agent = kind(seeds=3)
    best = np.eye(5)[agent.q_values(STATES).numpy().argmax(axis=-1)]
    assert agent.policy(STATES).tolist() == best.tolist()
    if kind is not RND:
        assert agent.policy(STATES, greedy=False).tolist() == best.tolist()


def test_equal_seeds_under_different_settings_see_the_same_minibatches(data):
    seen = []

    def spy(rewards, terminations, next_values, discount):
        seen.append(torch.stack([rewards, terminations]))
        return td_target(rewards, terminations, next_values, discount)

    trained(DQN(discount=[0.5, 0.95], seeds=2, td_target=spy), data)
    batches = torch.stack(seen)  # (updates, 2, members, batch)
    assert torch.equal(batches[:, :, :2], batches[:, :, 2:])
    assert not torch.equal(batches[:, :, 0], batches[:, :, 1])


# A learner's function in place of the paper's -------------------------------------------------------------------------


def test_a_given_td_target_is_the_one_that_trains(data):
    def myopic(rewards, terminations, next_values, discount):
        return rewards

    assert_same_bits(trained(DQN(td_target=myopic), data), trained(DQN(discount=0), data))


def test_a_given_double_q_value_is_the_one_that_trains_double_q_learning(data):
    def ignores_the_online_network(online_q, target_q):
        return target_q.amax(dim=-1)

    given = {"double_q_value": ignores_the_online_network, "seeds": 2}
    assert_same_bits(trained(DQN(**given), data, 60), trained(DQN(double=False, seeds=2), data, 60))
    assert not torch.equal(
        trained(DQN(**given), data, 60).q_values(STATES), trained(DQN(seeds=2), data, 60).q_values(STATES)
    )
    assert_same_bits(trained(DQN(double=False, **given), data), trained(DQN(double=False, seeds=2), data))
