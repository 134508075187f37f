"""d3rlpy's weights in our agents: what they then compute, beside the same in NumPy."""

import itertools

import numpy as np
import pytest

from rlkit_mini.data.sets import load_dataset
from rlkit_workbook.studies.returns import peers


@pytest.fixture(scope="module")
def data():
    return load_dataset("cartpole/noisy-v0")


def layers(label, seeds):
    rng, sizes = np.random.default_rng(0), (4, 8, 2)
    return {
        f"{seed} before {number} {kind}": rng.normal(size=(n_out, n_in) if kind == "weight" else n_out) * 0.3
        for seed in range(seeds)
        for number, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
        for kind in ("weight", "bias")
    }


def outputs(weights, seed, observations):
    first, second = (
        (weights[f"{seed} before {number} weight"], weights[f"{seed} before {number} bias"]) for number in (0, 1)
    )
    return np.tanh(observations @ first[0].T + first[1]) @ second[0].T + second[1]


@pytest.mark.parametrize("label", ["BC", "DQN", "CQL"])
def test_losses_of_given_weights_are_those_of_numpy(data, label):
    make_agent, settings = peers.AGENTS[label]
    agent = make_agent(seeds=2, features="raw", hidden=[8], **settings, **data.sizes)
    weights = layers(label, 2)
    peers.take_over(agent, {name: value.astype(np.float32) for name, value in weights.items()}, "before")
    steps = data[: peers.FIRST]
    here, after = (np.asarray(each) for each in (steps.observations, steps.next_observations))
    chosen = np.arange(len(steps)), np.asarray(steps.actions)
    expected = []
    for seed in range(2):
        q = outputs(weights, seed, here)
        log_sum = np.log(np.exp(q).sum(axis=1))
        if label == "BC":
            expected.append((log_sum - q[chosen]).mean())
            continue
        target = 0.1 + 0.99 * (1 - np.asarray(steps.terminations)) * outputs(weights, seed, after).max(axis=1)
        penalty = log_sum - q[chosen] if label == "CQL" else 0.0
        expected.append(((q[chosen] - target) ** 2 + penalty).mean())
    assert np.allclose(peers.first_losses(agent, data), expected, rtol=1e-5)
