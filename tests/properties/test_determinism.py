"""The same seed gives the same bits, whatever else happens; what the tests of agents and training do not hold yet."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.mazes import Maze
from rlkit_mini.pointmass import PointmassVectorEnv

EASY = MAZES["easy"]
OFFLINE = [BC, DQN, CQL, AWAC, IQL]


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-random-v0")[:300]


def bits(agent):
    return {name: tensor.numpy().tobytes() for name, tensor in agent.state_dict().items()}


def trained(kind, data, **options):
    agent = kind(seeds=2)
    history = train_offline(agent, data, 6, **{"progress": False} | options)
    return agent, history


def tuned(data, **options):
    agent = DQN(seeds=2)
    history = fine_tune(agent, data, EASY, updates=3, steps=6, **{"progress": False} | options)
    return agent, history


def disturb(seed):
    np.random.seed(seed)  # noqa: NPY002  other people's random numbers
    torch.manual_seed(seed)


@pytest.mark.parametrize("kind", OFFLINE)
def test_training_does_not_know_of_others_random_numbers(kind, data):
    disturb(1)
    one, _ = trained(kind, data)
    disturb(2)
    other, _ = trained(kind, data, evaluations=6, on_evaluation=lambda history: disturb(3))
    assert bits(one) == bits(other)


@pytest.mark.parametrize("kind", [AWAC, IQL])
def test_an_actor_critics_seed_gives_the_same_bits_and_another_seed_others(kind, data):
    one, two, three = (kind(seeds=[seed]) for seed in (1, 1, 2))
    for agent in (one, two, three):
        train_offline(agent, data, 6, progress=False)
    assert bits(one) == bits(two) != bits(three)


@pytest.mark.parametrize("kind", [RandomAgent, RND])
def test_exploring_does_not_know_of_others_random_numbers_nor_use_them(kind):
    disturb(1)
    before = np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002
    one = explore(kind(seeds=2), EASY, 150, progress=False)
    assert (np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()) == before  # noqa: NPY002
    disturb(2)
    other = explore(kind(seeds=2), EASY, 150, progress=True)
    for first, second in zip(one, other, strict=True):
        assert first.observations.numpy().tobytes() == second.observations.numpy().tobytes()
        assert first.actions.tolist() == second.actions.tolist()


def test_fine_tuning_does_not_know_who_looks_or_draws(data):
    disturb(1)
    one, first = tuned(data, evaluations=1)
    disturb(2)
    other, second = tuned(data, evaluations=9, progress=True, oracle=Oracle(EASY))
    assert bits(one) == bits(other)
    for a, b in zip(first.collected, second.collected, strict=True):
        assert a.observations.numpy().tobytes() == b.observations.numpy().tobytes()


def test_a_saved_agent_has_the_same_bytes_whoever_saves_it(tmp_path):
    code = "import sys; from rlkit_mini.agents import CQL; CQL(alpha=[0.1, 1.0], seeds=2).save(sys.argv[1])"
    files = [tmp_path / f"{number}.safetensors" for number in range(4)]
    for path in files:
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert len({path.read_bytes() for path in files}) == 1


def test_members_of_different_seeds_share_no_noise_and_no_minibatch():
    agent = DQN(seeds=3)
    for stream in (agent.minibatches, agent.exploration):
        drawn = stream.draw(1000)
        assert len(np.unique(drawn)) == drawn.size
    environment = PointmassVectorEnv(3, Maze("open", np.zeros((99, 99), bool), (50, 50), (0, 0), 1, horizon=1000))
    environment.reset(seed=agent.environment_seeds())
    noise = [environment.step([0, 0, 0]) and environment.positions.copy() for _ in range(300)]
    assert len(np.unique(noise)) == np.size(noise)


def test_equal_seeds_under_different_settings_share_noise_and_minibatches():
    agent = CQL(alpha=[0.0, 1.0], seeds=2)
    for _ in range(3):
        seeds = agent.environment_seeds()
        assert seeds[:2] == seeds[2:]
        assert seeds[0] != seeds[1]
    for stream in (agent.minibatches, agent.exploration):
        drawn = stream.draw(50)
        assert np.array_equal(drawn[:2], drawn[2:])
        assert not np.array_equal(drawn[0], drawn[1])
