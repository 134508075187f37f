"""Believed against true: held against a dense linear system, in float64, from loops over sub-cells and their points."""

import numpy as np
import pytest
import torch
from helpers import tiny_data, tiny_population, trained

from rlkit_mini import MAZES, Oracle, train_offline
from rlkit_mini.agents import AWAC, BC, CQL
from rlkit_mini.evaluation.judging import MOST, Judgement, median_member


def exact_q(oracle, at_points):
    """Q^pi (sub-cells, 5) of one policy, given at the oracle's points: V by elimination, Q by one step more."""
    count, steps = len(oracle.cells), oracle._transitions.toarray().reshape(-1, 5, len(oracle.cells))
    leads = np.zeros((count, count))
    for cell in range(count):
        for point in range(4 * cell, 4 * cell + 4):
            leads[cell] += at_points[point].astype(np.float64) @ steps[point] / 4
    values = np.linalg.solve(np.eye(count) - oracle.discount * leads, -leads.sum(axis=1))
    q_values = np.empty((count, 5))
    for cell in range(count):
        for action in range(5):
            landing = steps[4 * cell : 4 * cell + 4, action]
            q_values[cell, action] = np.mean(oracle.discount * landing @ values - landing.sum(axis=1))
    return q_values


@pytest.fixture(scope="module")
def oracle():
    return Oracle(MAZES["medium"], resolution=4)  # small enough to be solved by elimination


@pytest.fixture(scope="module")
def actor():
    return trained(AWAC(seeds=[3, 5, 8]), tiny_data(), 60)


@pytest.mark.parametrize("greedy", [True, False])
def test_beliefs_and_truth_are_those_of_an_independent_computation(oracle, actor, greedy):
    judged = Judgement.of(actor, oracle, greedy)
    q_values = actor.q_values(oracle.observations).double().numpy()
    for member in range(3):
        policy, at_points = (
            actor.policy(o, greedy=greedy)[member].numpy() for o in (oracle.observations, oracle.points)
        )
        truth = exact_q(oracle, at_points)
        np.testing.assert_allclose(judged.true_q[member], truth, atol=1e-5)
        believed, true = np.zeros(len(policy)), np.zeros(len(policy))
        for cell, probabilities in enumerate(policy):
            for action, probability in enumerate(probabilities):
                believed[cell] += float(probability) * q_values[member, cell, action]
                true[cell] += float(probability) * truth[cell, action]
        np.testing.assert_allclose(judged.believed[member], believed, atol=1e-5)
        np.testing.assert_allclose(judged.true[member], true, atol=1e-5)
        np.testing.assert_allclose(judged.overestimation[member], believed - true, atol=2e-5)
        around = np.abs(oracle.maze.positions(oracle.observations) - oracle.maze.start).max(axis=1) < 0.5 / 4 + 1e-6
        assert around.sum() == 4, "the start is where four sub-cells meet"
        assert judged.believed_start[member] == pytest.approx(believed[around].mean(), abs=1e-5)
        assert judged.true_start[member] == pytest.approx(true[around].mean(), abs=1e-5)


def test_returns_are_those_that_training_reports():
    agent, history, oracle = tiny_population()
    np.testing.assert_array_equal(Judgement.of(agent, oracle).returns, history.returns[-1])


def test_the_median_member_is_the_lower_one_of_an_even_number():
    assert median_member(np.array([3.0, 1.0, 2.0])) == 2
    assert median_member(np.array([4.0, 1.0, 3.0, 2.0])) == 3
    assert median_member(np.array([1.0, 1.0])) == 0, "of equals the first"
    rng = np.random.default_rng(0)
    for returns in rng.integers(4, size=(50, 6)).astype(float):
        chosen = median_member(returns)
        assert (returns < returns[chosen]).sum() <= 2
        assert (returns > returns[chosen]).sum() <= 3
    np.testing.assert_array_equal(median_member(np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])), [2, 1])


def test_one_members_view_is_what_the_population_holds_of_it(oracle, actor):
    judged = Judgement.of(actor, oracle)
    alone, pair = judged[1], judged[[2, 0]]
    for name in ("policy", "q_values", "at_points", "true_q", "believed", "overestimation"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(judged, name)[1])
        np.testing.assert_array_equal(getattr(pair, name), getattr(judged, name)[[2, 0]])
    assert alone.returns == judged.returns[1]
    assert alone.true_start == pytest.approx(judged.true_start[1])
    assert judged.median == sorted(range(3), key=lambda member: judged.returns[member])[1]


def test_what_is_known_of_the_population_is_not_evaluated_again_for_a_member(oracle, actor, monkeypatch):
    judged = Judgement.of(actor, oracle)
    before, returns = judged[[2, 0]], judged.returns
    monkeypatch.setattr(type(oracle), "evaluate", None)
    after = judged[[2, 0]]
    np.testing.assert_array_equal(after.returns, returns[[2, 0]])
    assert judged[1].returns == returns[1]
    assert judged[1].truth.q_values.shape == judged[1].q_values.shape
    monkeypatch.undo()
    for name in ("returns", "true_q", "true_start"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    np.testing.assert_array_equal(after.truth.visitation, before.truth.visitation)


def test_a_judgement_stays_what_it_was_while_the_agent_learns_on(oracle):
    """Also: kept at evaluations during training, it is that of agents trained for so long."""
    agent, kept = CQL(seeds=2), []
    train_offline(
        agent,
        tiny_data(),
        40,
        evaluations=2,
        on_evaluation=lambda history: kept.append(Judgement.of(agent, oracle)),
        progress=False,
    )
    half = Judgement.of(trained(CQL(seeds=2), tiny_data(), 20), oracle)
    for judged, expected in zip(kept, (half, Judgement.of(agent, oracle)), strict=True):
        np.testing.assert_array_equal(judged.q_values, expected.q_values)
        np.testing.assert_array_equal(judged.true_q, expected.true_q)
    assert abs(kept[0].q_values - kept[1].q_values).max() > 0.1


def test_a_clone_believes_nothing_and_is_true_all_the_same(oracle):
    clone = trained(BC(seeds=2), tiny_data())
    judged = Judgement.of(clone, oracle)
    assert judged.q_values is None
    assert np.isnan(judged.believed).all()
    assert np.isnan(judged.overestimation).all()
    assert np.isnan(judged.believed_start).all()
    np.testing.assert_allclose(judged[0].true_q, exact_q(oracle, judged.at_points[0]), atol=1e-5)


def test_at_the_centres_beliefs_are_the_same_and_the_policy_is_the_same_all_over_a_sub_cell(oracle, actor):
    judged, rough = Judgement.of(actor, oracle), Judgement.at_centres(actor, oracle)
    np.testing.assert_array_equal(rough.believed, judged.believed)
    np.testing.assert_array_equal(rough.policy, judged.policy)
    spread = np.vstack([rough.policy[0].repeat(4, axis=0), np.full((1, 5), 0.2)])  # the start has no part in Q
    np.testing.assert_allclose(rough.true_q[0], exact_q(oracle, spread), atol=1e-5)


def test_beliefs_that_left_the_earth_stay_finite(oracle):
    agent = CQL(seeds=1)
    for parameter in agent.critic.parameters():
        torch.nn.init.constant_(parameter, 1e6)
    assert abs(Judgement.of(agent, oracle).q_values).max() == MOST


def test_other_discounts_than_the_oracles_are_refused_in_one_line(oracle):
    for agent in (CQL(discount=0.9), CQL(discount=[0.9, 0.95])):
        with pytest.raises(ValueError, match=r"the agent's discount is 0\.9; expected the oracle's 0\.95"):
            Judgement.of(agent, oracle)
    Judgement.of(CQL(discount=0.9), Oracle(MAZES["medium"], 0.9, 2))
