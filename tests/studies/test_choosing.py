"""Choosing among trained agents by real episodes: who is chosen, at what cost, against sums done by hand."""

import numpy as np
import pytest

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import CQL
from rlkit_workbook import scrub
from rlkit_workbook.panels.choosing import Choosing, equal_shares, successive_halving

FOUR = np.array([[[-1.0, -9.0, -9.0], [-2.0, -2.0, -8.0], [-3.0, -3.0, -3.0], [-4.0, -4.0, 9.0]]])  # (1, agents, n)


def test_equal_shares_takes_the_best_mean_of_the_first_episodes_of_each():
    assert equal_shares(FOUR, 4).tolist() == [0]  # one of each: -1, -2, -3, -4
    assert equal_shares(FOUR, 8).tolist() == [1]  # two of each: -5, -2, -3, -4
    assert equal_shares(FOUR, 11).tolist() == [1]  # 3 of each would be 12
    assert equal_shares(FOUR, 12).tolist() == [3]  # -6.3, -4, -3, 0.3


def test_successive_halving_drops_the_worse_half_and_keeps_counting():
    # 8 episodes are two rounds of 4: one of each, 0 and 1 remain; then two more of either: -6.3 against -4
    assert successive_halving(FOUR, 8).tolist() == [1]
    with pytest.raises(ValueError, match="0 episodes of an agent"):
        successive_halving(FOUR, 7)


def test_who_is_dropped_never_comes_back():
    late = np.array([[[0.0] * 9, [-1.0] + [9.0] * 8, [-2.0] * 9]])  # the second is the best but for its first episode
    assert equal_shares(late, 6).tolist() == [1]
    assert successive_halving(late, 6).tolist() == [1]  # two of three go on
    worst_first = np.array([[[0.0] * 9, [-1.0] * 9, [-2.0] + [9.0] * 8]])
    assert equal_shares(worst_first, 6).tolist() == [2]
    assert successive_halving(worst_first, 6).tolist() == [0]


@pytest.mark.parametrize("choose", [equal_shares, successive_halving])
def test_without_noise_the_best_is_chosen_and_the_budget_is_kept(choose):
    rng = np.random.default_rng(0)
    for agents in (2, 3, 7, 10):
        truth = rng.normal(size=(50, agents, 1))
        chosen = choose(truth.repeat(90, axis=2), 90)
        assert (chosen == truth[..., 0].argmax(axis=1)).all()
    with pytest.raises(ValueError, match="expected 1 to 5, those that there are"):
        choose(np.zeros((1, 2, 5)), 20)


def test_forty_episodes_among_ten_are_four_rounds_of_which_the_last_two_see_eleven_each():
    """1 of ten, 2 more of five, 3 more of three, 5 more of two: 39."""
    returns = np.full((1, 10, 40), -np.arange(10.0)[:, None])
    for agent, made in ((1, 11), (2, 6), (4, 3), (9, 1)):
        for count, counts in ((made, False), (made - 1, True)):  # of what comes after so many episodes
            changed = returns.copy()
            changed[0, agent, count:] = 1e6
            assert (successive_halving(changed, 40)[0] == agent) == counts


@pytest.mark.parametrize("choose", [equal_shares, successive_halving])
def test_more_episodes_choose_better(choose):
    noisy = np.arange(8)[:, None] / 8 + np.random.default_rng(0).normal(size=(2000, 8, 200))
    found = [(choose(noisy, budget) == 7).mean() for budget in (24, 96, 384)]
    assert found[0] < found[1] < found[2]


def test_the_cost_of_a_choice_is_exact_and_the_slider_says_it():
    data, oracle = load_dataset("pointmass/medium-near-expert-v0"), Oracle(MAZES["medium"])
    agent = CQL(alpha=[0, 1], seeds=2)
    train_offline(agent, data, 300, progress=False)
    choosing = Choosing.of(agent, oracle, [8, 32], trials=200, made=60)
    truth = oracle.evaluate(agent.policy).episode_return
    np.testing.assert_allclose(choosing.truth, truth)
    for way, chosen in choosing.chosen.items():
        np.testing.assert_allclose(choosing.regret[way], truth.max() - truth[chosen])
    view = scrub(choosing, {"nobody chooses": 3.0})
    view.sliders["episodes"].value = 32
    for way, found in choosing.best.items():
        assert f"the best agent in {found[1]:.0%} of the trials" in view.caption.value, way
    assert "32 episodes" in view.caption.value
    assert choosing.names == ["seed 0, alpha 0", "seed 1, alpha 0", "seed 0, alpha 1", "seed 1, alpha 1"]
