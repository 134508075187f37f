"""What makes a population: settings and seeds, and the part of it that has one setting."""

import numpy as np
import pytest
from helpers import STATES

from rlkit_mini.agents import CQL, DQN, RandomAgent


def test_settings_come_first_and_seeds_last():
    agent = CQL(alpha=[0.0, 1.0], temperature=[0.5, 1.0, 2.0], seeds=[4, 7])
    assert agent.members == 12
    assert agent.grid == {"alpha": [0.0, 1.0], "temperature": [0.5, 1.0, 2.0]}
    members = [(s["alpha"], s["temperature"], seed) for s, seed in zip(agent.settings, agent.seeds, strict=True)]
    assert members == [(a, t, seed) for a in (0.0, 1.0) for t in (0.5, 1.0, 2.0) for seed in (4, 7)]
    assert agent.alpha.reshape(2, 3, 2)[1].tolist() == [[1, 1]] * 3
    assert agent.temperature.reshape(2, 3, 2)[:, :, 0].tolist() == [[0.5, 1, 2]] * 2
    assert agent.describe(7) == "seed 7, alpha 1, temperature 0.5"
    assert DQN(seeds=[7]).describe(0) == "seed 7"


@pytest.mark.parametrize("seeds", [3, [0, 1, 2], range(3), np.arange(3), np.int64(3), (0, 1, 2)])
def test_seeds_are_a_count_or_any_sequence(seeds):
    assert DQN(seeds=seeds).seeds.tolist() == [0, 1, 2]


def test_a_part_of_a_population_keeps_what_else_was_swept():
    agent = CQL(alpha=[0.0, 1.0], temperature=[0.5, 1.0, 2.0], seeds=[4, 7])
    part = agent.only({"temperature": 2.0})
    assert part.grid == {"alpha": [0.0, 1.0]}
    assert part.seeds.tolist() == [4, 7, 4, 7]
    members = [4, 5, 10, 11]
    assert part.q_values(STATES).tolist() == agent.q_values(STATES)[members].tolist()
    assert agent.only({}).settings == agent.settings


def test_a_setting_that_no_member_has_is_answered_with_those_there_are():
    agent = CQL(alpha=[0.0, 1.0])
    for setting in ({"alpha": 0.5}, {"aplha": 1.0}, {"temperature": 2.0}):
        with pytest.raises(ValueError, match=r"no member has .*; expected values of {'alpha': \[0.0, 1.0\]}"):
            agent.only(setting)


def test_the_random_agent_is_uniform_greedy_or_not():
    for greedy in (True, False):
        np.testing.assert_allclose(RandomAgent(seeds=2).policy(STATES, greedy=greedy), np.full((2, 50, 5), 0.2))
