"""Real rollouts, and what is known of an agent that never acted, against hand-made numbers and plain loops."""

import dataclasses

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import AWAC, CQL, DQN, IQL
from rlkit_mini.evaluation.choosing import fitted_q_evaluation, td_error
from rlkit_mini.evaluation.rollouts import rollout_returns

# Rollouts -------------------------------------------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match=r"policy gives \(1,\); expected probabilities \(..., 1, 5\)"):
        fitted_q_evaluation(broad, lambda places: np.zeros(len(places)))


@pytest.mark.parametrize("settings", [{"updates": 0}, {"batch_size": 0}, {"target_period": 0}, {"transitions": 0}])
def test_fitted_q_evaluation_needs_at_least_one_of_everything(settings, broad):
    data = broad[: settings.pop("transitions", 100)]
    with pytest.raises(ValueError, match=r"is 0; expected|data sets of \[0\] transitions; expected"):
        fitted_q_evaluation(data, DQN().policy, **settings)


def test_an_interrupted_fitted_q_evaluation_gives_its_estimate_so_far(broad, capsys):
    calls = []

    def impatient(places):
        calls.append(places)
        if len(calls) == 21:
            raise KeyboardInterrupt
        return np.full((len(places), 5), 0.2)

    assert -20 < fitted_q_evaluation(broad, impatient, updates=100) < 0
    assert "interrupted after 19 of 100 updates" in capsys.readouterr().out


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
