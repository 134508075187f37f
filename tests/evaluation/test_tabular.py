"""Tables: what a data set says on half-cells, and its fixed points against references that are computed otherwise."""

import numpy as np
import pytest
import scipy.optimize
import torch
from scipy.special import logsumexp

from rlkit_mini import MAZES, Oracle
from rlkit_mini.agents import BC, DQN
from rlkit_mini.agents.awac import advantage_weights
from rlkit_mini.evaluation.tabular import EmpiricalMDP, fqe_backup, half_cell_policy, share_untried, times_tried
from rlkit_mini.mazes import half_cells
from rlkit_workbook.studies.ablations import independent_steps

FLOOR = -1 / (1 - 0.9)
# Three cells in a row, the goal behind the last. Action 0 stays, 1 goes right; 2, 3 and 4 never occur.
CELLS = np.array([0, 0, 0, 1, 1, 1, 2, 2])
ACTIONS = np.array([0, 1, 1, 1, 1, 0, 1, 0])
REWARDS = np.array([-1.0, -1, -1, -1, -1, -1, 0, -1])
NEXT_CELLS = np.array([0, 1, 1, 2, 0, 1, 2, 2])  # one of two steps right from cell 1 slips back
TERMINATIONS = np.array([0, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
STEPS = (CELLS, ACTIONS, REWARDS, NEXT_CELLS, TERMINATIONS)


@pytest.fixture(scope="module")
def chain():
    return EmpiricalMDP.count(STEPS, 3, 0.9)


@pytest.fixture(scope="module")
def broad():
    return independent_steps(Oracle(MAZES["easy"]), 1.0, 1.0, 4000)


def test_counts_rewards_and_successors_are_those_of_the_steps(chain):
    assert chain.counts.tolist() == [[1, 2, 0, 0, 0], [1, 2, 0, 0, 0], [1, 1, 0, 0, 0]]
    assert chain.rewards[:, :2].tolist() == [[-1, -1], [-1, -1], [-1, 0]]
    assert chain.next_cells[1, 1].tolist() == [0.5, 0, 0.5]
    assert chain.next_cells[2, 1].sum() == 0, "what terminates leads nowhere"
    np.testing.assert_allclose(chain.behaviour.sum(axis=1), 1)


def test_the_chain_is_solved_by_hand(chain):
    # V2 = 0; V1 = -1 + 0.9 (V0 + V2) / 2 and V0 = -1 + 0.9 V1, so V1 = -1.45 / 0.595
    second = -1.45 / 0.595
    q_values = chain.solve(unseen=FLOOR)
    np.testing.assert_allclose(q_values.max(axis=1), [-1 + 0.9 * second, second, 0], atol=1e-9)
    assert q_values.argmax(axis=1).tolist() == [1, 1, 1]
    assert (q_values[:, 2:] == FLOOR).all()


def test_optimistic_pairs_without_data_are_what_a_table_goes_for(chain):
    q_values = chain.solve(unseen=0.0)
    assert (q_values[:2].argmax(axis=1) >= 2).all()
    np.testing.assert_allclose(q_values[:2, :2], [[-1, -1], [-1, -1]])


def test_what_a_value_comes_from_is_solved_by_hand(chain):
    # Right from cell 0 to 1; there the policy goes right or tries action 2, half each; in 2 it tries action 2
    first, policy = np.zeros((3, 5)), np.zeros((3, 5))
    first[0, 1] = 1
    policy[0, 1] = policy[2, 2] = 1
    policy[1, [1, 2]] = 0.5
    # 1 is visited 0.9 each time 0 is left; half the steps right slip back: x1 = 0.9 (1 + x0), x0 = x2 = 0.9 * x1 / 4
    visits = 0.9 / (1 - 0.9 * 0.9 / 4)
    weights = chain.support(first, policy)
    np.testing.assert_allclose(weights[0], [0, 1 + 0.225 * visits, 0, 0, 0])
    np.testing.assert_allclose(weights[1], [0, visits / 2, visits / 2, 0, 0])
    np.testing.assert_allclose(weights[2], [0, 0, 0.225 * visits, 0, 0])


@pytest.mark.parametrize("unseen", [0.0, -7.0])
def test_a_value_is_its_rewards_and_the_untried_values_by_these_weights(chain, unseen):
    policy = np.random.default_rng(0).dirichlet(np.ones(5), size=3)
    q_values = np.full((3, 5), unseen)  # stays where there is no data
    for _ in range(600):
        q_values = fqe_backup(q_values, *STEPS, policy, 0.9)
    for cell, action in np.ndindex(3, 5):
        first = np.zeros((3, 5))
        first[cell, action] = 1
        weights, seen = chain.support(first, policy), chain.counts > 0
        whole = (weights * chain.rewards)[seen].sum() + unseen * weights[~seen].sum()
        np.testing.assert_allclose(whole, q_values[cell, action])


def test_the_share_on_untried_actions_is_how_discounted_walks_end(chain):
    policy = np.random.default_rng(1).dirichlet(np.ones(5), size=3)
    rng, ends = np.random.default_rng(2), []
    for _ in range(20_000):
        cell, action, weight = 0, 1, 1.0
        while chain.counts[cell, action]:
            (steps,) = np.nonzero((cell == CELLS) & (action == ACTIONS))
            step, weight = rng.choice(steps), 0.9 * weight
            if TERMINATIONS[step]:
                weight = 0.0
                break
            cell = NEXT_CELLS[step]
            action = rng.choice(5, p=policy[cell])
        ends.append(weight)
    first = np.zeros((3, 5))
    first[0, 1] = 1
    assert chain.support(first, policy)[chain.counts == 0].sum() == pytest.approx(np.mean(ends), abs=0.01)


def behaviours_q(mdp):
    """Q of the behaviour policy by solving its linear equations; every cell has data."""
    shape, behaviour = mdp.counts.shape, mdp.behaviour
    pairs = np.einsum("cad,db->cadb", mdp.next_cells, behaviour).reshape(behaviour.size, behaviour.size)
    rewards = np.where(mdp.counts > 0, mdp.rewards, 0.0).ravel()
    return np.linalg.solve(np.eye(behaviour.size) - mdp.discount * pairs, rewards).reshape(shape)


def test_iql_with_expectile_one_half_is_the_behaviours_own_q(chain):
    seen = chain.counts > 0
    np.testing.assert_allclose(chain.solve_iql(0.5, FLOOR)[seen], behaviours_q(chain)[seen], atol=1e-6)


def test_iql_with_an_expectile_near_one_is_q_learning(chain):
    np.testing.assert_allclose(chain.solve_iql(1 - 1e-9, FLOOR), chain.solve(FLOOR), atol=1e-5)


def test_iql_grows_with_its_expectile_and_values_are_expectiles(chain):
    low, high = chain.solve_iql(0.6, FLOOR), chain.solve_iql(0.9, FLOOR)
    assert (low <= high + 1e-9).all()
    for q_values, weights in zip(high, chain.behaviour, strict=True):

        def loss(value, q_values=q_values, weights=weights):
            difference = q_values - value
            return (weights * np.abs(0.9 - (difference < 0)) * difference**2).sum()

        value = scipy.optimize.minimize_scalar(loss, bounds=(FLOOR, 0), method="bounded", options={"xatol": 1e-8}).x
        cell = np.flatnonzero((high == q_values).all(axis=1))[0]
        entering = chain.next_cells[..., cell] == 1  # pairs that surely lead there
        np.testing.assert_allclose(high[entering], chain.rewards[entering] + 0.9 * value, atol=1e-4)


def test_iqls_actor_is_the_behaviour_weighted_as_the_agent_weighs(chain):
    np.testing.assert_allclose(chain.iql_actor(0.7, FLOOR, temperature=1e9), chain.behaviour)
    greedy = chain.iql_actor(0.7, FLOOR, temperature=0.01, max_weight=np.inf).argmax(axis=1)
    assert greedy.tolist() == chain.solve_iql(0.7, FLOOR).argmax(axis=1).tolist()
    behaviours_values = (chain.behaviour * behaviours_q(chain)).sum(axis=1, keepdims=True)  # at expectile one half
    weights = advantage_weights(torch.tensor(behaviours_q(chain) - behaviours_values), 0.1, max_weight=1.5)
    np.testing.assert_allclose(chain.iql_actor(0.5, FLOOR, 0.1, 1.5), chain.behaviour * weights.numpy(), atol=1e-6)


def test_cql_with_alpha_zero_is_q_learning(chain):
    np.testing.assert_allclose(chain.solve_cql(0.0, FLOOR), chain.solve(FLOOR), atol=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_cql_is_the_minimum_of_its_loss(chain, alpha):
    q_values, seen = chain.solve_cql(alpha, FLOOR), chain.counts > 0
    values = np.where(seen, q_values, -np.inf).max(axis=1)
    share = chain.counts / chain.counts.sum()

    def loss(free):
        table = np.full(seen.shape, -1e9)
        table[seen] = free
        targets = chain.rewards + 0.9 * chain.next_cells @ values
        error = (share * np.where(seen, table - targets, 0) ** 2).sum()
        return error + alpha * (share * np.where(seen, logsumexp(table, axis=1)[:, None] - table, 0)).sum()

    best = scipy.optimize.minimize(loss, chain.solve(FLOOR)[seen], tol=1e-12).x
    np.testing.assert_allclose(q_values[seen], best, atol=1e-3)
    assert (q_values[~seen] <= q_values[seen].min()).all()


def test_how_often_an_action_was_tried_counts_the_steps_of_a_half_cell(broad):
    counts = times_tried(broad)
    assert counts.shape == (400, 5)
    np.testing.assert_array_equal(counts, EmpiricalMDP.of(broad).counts)
    x, y = (2 * broad.observations.double() * 10).long().T
    for cell_x, cell_y, action in ((2, 2, 0), (3, 17, 4), (19, 19, 2)):
        taken = (x == cell_x) & (y == cell_y) & (broad.actions == action)
        assert counts[20 * cell_x + cell_y, action] == taken.sum()


def test_what_is_untried_is_the_data_s_share_of_greedy_actions_that_it_lacks(broad):
    data, agent = broad[:300], DQN(seeds=2)
    places = (2 * data.observations.double() * 10).long().tolist()
    tried = {(x, y, action) for (x, y), action in zip(places, data.actions.tolist(), strict=True)}
    greedy = agent.q_values(data.observations).argmax(dim=-1).tolist()
    expected = [np.mean([(*p, a) not in tried for p, a in zip(places, row, strict=True)]) for row in greedy]
    np.testing.assert_allclose(share_untried(agent, data), expected)
    assert 0 < min(expected) < 1


def test_plenty_of_data_gives_nearly_the_optimal_return(broad):
    oracle = Oracle(broad.maze)
    mdp = EmpiricalMDP.of(broad)
    assert mdp.counts.sum() == len(broad)
    assert mdp.exact_return(mdp.solve(-20.0), oracle) == pytest.approx(oracle.optimal_return, rel=0.1)


def test_ties_are_drawn_at_random(broad):
    oracle = Oracle(broad.maze)
    mdp = EmpiricalMDP.of(broad)
    assert mdp.exact_return(np.zeros(mdp.counts.shape), oracle) == pytest.approx(oracle.random_return)


def test_a_policy_on_half_cells_is_the_average_over_their_sub_cells(broad):
    oracle = Oracle(broad.maze)
    for agent in (DQN(seeds=2), BC(seeds=2)):
        average = half_cell_policy(agent, oracle)
        np.testing.assert_allclose(average.sum(axis=-1), 1, rtol=1e-6)
        policy = agent.policy(torch.as_tensor(oracle.observations)).numpy()
        inside = half_cells(broad.maze, oracle.observations) == half_cells(broad.maze, oracle.observations[:1])
        cell = half_cells(broad.maze, oracle.observations[0])
        np.testing.assert_allclose(average[:, cell], policy[:, inside].mean(axis=1), rtol=1e-6)


def test_fqe_arrives_at_the_policys_own_q(chain):
    policy = np.array([[0.5, 0.5, 0, 0, 0], [0.2, 0.8, 0, 0, 0], [0, 1, 0, 0, 0]])
    q_values = np.full((3, 5), -7.0)
    for _ in range(400):
        q_values = fqe_backup(q_values, *STEPS, policy, 0.9)
    values = np.zeros(3)
    for _ in range(400):  # the same by values instead of pairs
        values = (policy * (chain.rewards + 0.9 * chain.next_cells @ values)).sum(axis=1)
    np.testing.assert_allclose((policy * q_values).sum(axis=1), values, atol=1e-9)
    assert (q_values[:, 2:] == -7).all(), "pairs without data keep their value"
