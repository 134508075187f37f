"""BC: the likelihood against NumPy in float64, and a clone that does what the data does."""

import numpy as np
import pytest
import torch
from helpers import STATES, draw, draw_actions, leading, picked, random_batch, seeds, tensors
from hypothesis import given
from scipy.special import logsumexp

from rlkit_mini.agents import BC
from rlkit_mini.agents.bc import log_likelihood


@given(seeds, leading)
def test_the_log_likelihood_is_that_of_the_softmax(seed, shape):
    logits, actions = draw(seed, (*shape, 5)), draw_actions(seed, shape)
    expected = picked(logits - logsumexp(logits, axis=-1, keepdims=True), actions)
    np.testing.assert_allclose(log_likelihood(*tensors(logits, actions)), expected, atol=1e-9)


@given(seeds)
def test_the_likelihoods_of_all_actions_add_up_to_one(seed):
    logits = torch.as_tensor(draw(seed, 5)).expand(5, 5)
    assert log_likelihood(logits, torch.arange(5)).exp().sum().item() == pytest.approx(1)


def test_bc_clones_the_datas_action():
    agent = BC(learning_rate=0.01)
    batch = random_batch(agent)._replace(actions=torch.full((1, agent.batch_size), 3))
    losses = [agent.update(batch).item() for _ in range(100)]
    assert losses[0] == pytest.approx(np.log(5), abs=0.2)
    assert losses[-1] < 0.01
    assert agent.policy(batch.observations)[..., 3].all()


def test_bc_acts_by_its_softmax_and_greedily_by_its_likeliest_action():
    agent = BC(seeds=3)
    logits = agent.actor(agent.as_inputs(STATES)).detach().double().numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(agent.policy(STATES, greedy=False), expected, rtol=1e-5)
    assert agent.policy(STATES).tolist() == np.eye(5)[logits.argmax(axis=-1)].tolist()
