"""AWAC and IQL: their equations against NumPy in float64, what each update learns from, and which part acts."""

import copy
import functools

import numpy as np
import pytest
import torch
from helpers import (
    STATES,
    assert_same_bits,
    draw,
    each_kind,
    leading,
    picked,
    random_batch,
    seeds,
    tensors,
    trained,
    weights,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from rlkit_mini import load_dataset
from rlkit_mini.agents import AWAC, BC, DQN, IQL
from rlkit_mini.agents.awac import advantage_weights, expected_value
from rlkit_mini.agents.dqn import td_target, value_of_action
from rlkit_mini.agents.iql import expectile_loss

DATA = load_dataset("pointmass/medium-near-expert-v0")

# Equations ----------------------------------------------------------------------------------------------------------


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


# What an update learns from -----------------------------------------------------------------------------------------


def array(tensor):
    return tensor.detach().double().numpy()


def one_update(kind, **settings):
    """The agent before and after its sixth update; the batch, the losses, and the calls of its functions."""
    agent = kind(temperature=[0.05, 1.0], max_weight=3.0, **settings, seeds=2, learning_rate=0.01)
    for step in range(5):
        agent.update(random_batch(agent, step))
    before, batch, calls = copy.deepcopy(agent), random_batch(agent, 5), []
    for function in (td_target, advantage_weights, *([expectile_loss] if kind is IQL else [])):
        spy = functools.partial(lambda f, *given: calls.append((*given, f(*given))) or calls[-1][-1], function)
        setattr(agent, function.__name__, spy)
    return before, agent, batch, agent.update(batch), calls


def assert_followed(optimizer, previous, loss):
    """What the update added to the mean of gradients is this loss's gradient, and no other's."""
    after, before = (one.param_groups[0]["params"] for one in (optimizer, previous))
    gradients = torch.autograd.grad(loss.mean(dim=-1).sum(), before)
    for new, old, gradient in zip(after, before, gradients, strict=True):
        mean, old_mean = optimizer.state[new]["exp_avg"], previous.state[old]["exp_avg"]
        torch.testing.assert_close((mean - 0.9 * old_mean) / 0.1, gradient, rtol=1e-3, atol=1e-4)


def assert_learnt(before, agent, batch, losses, targets, cloning, next_values, advantages):
    """The critic from the value of the next states (float64), the actor from the advantages."""
    expected = array(batch.rewards) + 0.95 * (1 - array(batch.terminations)) * next_values
    np.testing.assert_allclose(targets, expected, atol=1e-5)
    squares = (value_of_action(before.critic(batch.observations), batch.actions) - torch.tensor(expected).float()) ** 2
    np.testing.assert_allclose(losses, squares.detach().mean(dim=-1), rtol=1e-4)
    assert_followed(agent.optimizer, before.optimizer, squares)
    expected = np.minimum(np.exp(advantages / np.array([[0.05], [0.05], [1], [1]])), 3)
    np.testing.assert_allclose(cloning, expected, rtol=1e-3)
    assert 0.1 < (expected == 3).mean() < 0.9
    assert [tensor.requires_grad for tensor in (targets, cloning)] == [False, False]
    before.actor.improve(batch, torch.tensor(expected).float())
    for name, tensor in before.actor.state_dict().items():
        torch.testing.assert_close(agent.actor.state_dict()[name], tensor, rtol=0, atol=1e-5)


def test_awac_evaluates_its_actor_and_clones_by_the_advantage_over_it():
    before, agent, batch, losses, ((*_, targets), (*_, cloning)) = one_update(AWAC, target_period=4)
    next_policy, policy = (softmax(array(before.actor(o)), -1) for o in (batch.next_observations, batch.observations))
    next_values = (next_policy * array(before.target_critic(batch.next_observations))).sum(axis=-1)
    q_values = array(agent.critic(batch.observations))  # after the critic's step
    advantages = picked(q_values, batch.actions.numpy()) - (policy * q_values).sum(axis=-1)
    assert_learnt(before, agent, batch, losses, targets, cloning, next_values, advantages)


def test_iql_updates_v_then_q_then_the_actor_with_the_new_v_and_the_old_target_network():
    before, agent, batch, losses, calls = one_update(IQL, expectile=0.8, target_period=6)  # it ends in a copy
    (differences, *_), (*_, targets), (*_, cloning) = calls
    data_values = value_of_action(before.target_critic(batch.observations), batch.actions)
    old, new = (either.value(batch.observations).squeeze(-1) for either in (before, agent))
    next_values = agent.value(batch.next_observations).squeeze(-1)  # the new V, of no target network
    assert (new - old).abs().mean() > 1e-3
    torch.testing.assert_close(differences, data_values - old, rtol=0, atol=1e-5)
    assert_followed(agent.value_optimizer, before.value_optimizer, expectile_loss(data_values - old, 0.8))
    assert_learnt(before, agent, batch, losses, targets, cloning, array(next_values), array(data_values - new))


# Limits, a learner's functions, members, files ----------------------------------------------------------------------


def test_an_actor_whose_weights_are_all_one_is_bc_to_the_bit():
    ones = {"advantage_weights": lambda advantages, temperature, max_weight: torch.ones_like(advantages)}
    clone = trained(BC(seeds=2), DATA, 30)
    for kind, settings in [(AWAC, {"temperature": 1e9}), (AWAC, ones), (IQL, ones)]:
        assert_same_bits(trained(kind(**settings, seeds=2), DATA, 30).actor, clone.actor)


def test_given_functions_are_the_ones_that_train():
    greedy = AWAC(expected_value=lambda q_values, probabilities: q_values.amax(dim=-1))
    assert_same_bits(trained(greedy, DATA).critic, trained(DQN(double=False), DATA).critic)
    half = IQL(expectile_loss=lambda differences, expectile: differences**2 / 2)
    assert_same_bits(trained(half, DATA), trained(IQL(expectile=0.5), DATA))


@pytest.mark.parametrize(("kind", "settings"), [(AWAC, {}), (IQL, {"expectile": [0.1, 0.9]})])
def test_a_member_learns_alone_what_it_learns_in_a_sweep(kind, settings):
    among = trained(kind(**settings, temperature=[1.0, 0.05], seeds=[3, 8]), DATA)
    alone = trained(kind(**{name: 0.9 for name in settings}, temperature=0.05, seeds=[8]), DATA)
    for name, tensor in weights(alone).items():
        np.testing.assert_allclose(weights(among)[name][-1], tensor[0], atol=1e-5, err_msg=name)
    if kind is IQL:  # V and Q learn without the actor, so its temperature changes nothing
        assert torch.allclose(among.q_values(STATES)[:2], among.q_values(STATES)[2:4], atol=1e-4)
    assert not torch.allclose(among.policy(STATES, greedy=False)[-1], among.policy(STATES, greedy=False)[-3], atol=1e-4)


@pytest.mark.parametrize(("kind", "settings"), [(AWAC, {"actor_hidden": (16, 8)}), (IQL, {"expectile": [0.7, 0.9]})])
def test_the_actor_acts_and_not_the_critic_and_a_saved_agent_comes_back_to_the_bit(kind, settings, tmp_path):
    agent = trained(kind(**settings, temperature=[0.1, 1.0], max_weight=20.0, seeds=[5, 2]), DATA)
    logits = array(agent.actor(agent.as_inputs(STATES)))
    np.testing.assert_allclose(agent.policy(STATES, greedy=False), softmax(logits, axis=-1), rtol=1e-5)
    assert agent.policy(STATES).tolist() == np.eye(5)[logits.argmax(axis=-1)].tolist()
    assert (agent.policy(STATES).argmax(dim=-1) != agent.q_values(STATES).argmax(dim=-1)).any()
    agent.save(tmp_path / "mine.safetensors")
    loaded = kind.load(tmp_path / "mine.safetensors")
    assert_same_bits(agent, loaded)
    assert torch.equal(agent.policy(STATES, greedy=False), loaded.policy(STATES, greedy=False))
    assert (loaded.settings, loaded.grid, loaded.max_weight) == (agent.settings, agent.grid, agent.max_weight)


@pytest.mark.parametrize(("kind", "name"), [(AWAC, "temperature"), (IQL, "temperature"), (IQL, "expectile")])
def test_a_setting_outside_its_range_is_refused_in_one_line(kind, name):
    for bad in (0, -0.5, np.nan, np.inf if name == "temperature" else 1):
        for given_value in (bad, [0.5, bad]):
            with pytest.raises(ValueError, match=rf"^{name} is {bad!r}; expected a finite number in \(0, .*\Z"):
                kind(**{name: given_value})
