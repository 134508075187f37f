"""The same seed gives the same bits, whatever else happens; what the tests of agents and training do not hold yet."""

import contextlib
import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.evaluation.choosing import fitted_q_evaluation
from rlkit_mini.evaluation.rollouts import rollout_returns
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


# What a learner may have switched on in torch ------------------------------------------------------------------------


@contextlib.contextmanager
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SWITCHES = {
    "float64 by default": float64_by_default,
    "another device by default": lambda: torch.device("meta"),  # on which nothing can be computed
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "anomalies": torch.autograd.detect_anomaly,
}


def everything(agent, data):
    """What an agent learns, does and believes, in bytes."""
    if isinstance(agent, RND):
        (data,) = explore(agent, EASY, 100, progress=False)
        others = [agent.novelty(data.observations)]
    else:
        history = fine_tune(agent, data, EASY, 3, 4, oracle=Oracle(EASY, resolution=2), progress=False)
        train_offline(agent, data, 3, progress=False)
        others = [torch.from_numpy(history.returns), torch.from_numpy(history.losses)]
        others += [torch.from_numpy(rollout_returns(lambda places: agent.policy(places)[0], EASY, 3))]
    if not isinstance(agent, BC):
        others += [agent.q_values(data.observations)]
    others += [agent.policy(data.observations, greedy=False), data.observations, data.rewards]
    return bits(agent), [other.numpy().tobytes() for other in others]


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("kind", [*OFFLINE, RND])
def test_torchs_switches_change_no_bit(kind, switch, data, monkeypatch, tmp_path):
    expected, agent = everything(kind(), data), kind()
    monkeypatch.setenv("RLKIT_MINI_CACHE", str(tmp_path))  # the maze is solved under the switch as well
    with SWITCHES[switch]():
        if switch != "inference mode":
            agent = kind()
        assert everything(agent, load_dataset("pointmass/easy-random-v0")[:300]) == expected


def test_an_agent_is_not_made_in_inference_mode():
    with (
        torch.inference_mode(),
        pytest.raises(RuntimeError, match="inference_mode is on; expected agents to be made"),
    ):
        DQN()


@pytest.mark.parametrize("move", ["half", "bfloat16", "to meta"])
def test_an_agent_stays_as_precise_and_where_it_was_made(move):
    agent = CQL()
    assert agent.cpu().float().to("cpu") is agent
    before = bits(agent)
    with pytest.raises(TypeError, match=r"CQL stays float32 on cpu; for another device, save it and load it there"):
        agent.to("meta") if move == "to meta" else getattr(agent, move)()
    assert bits(agent) == before


def test_one_agent_is_trained_by_one_at_a_time(data):
    agent, refused = DQN(), []

    def from_another_thread(history):
        with ThreadPoolExecutor(1) as pool:
            refused.append(pool.submit(train_offline, agent, data, 1, progress=False).exception())
            pool.submit(train_offline, copy.deepcopy(agent), data, 1, progress=False).result()

    train_offline(agent, data, 2, evaluations=1, on_evaluation=from_another_thread, progress=False)
    assert "this DQN is being trained already; wait, or take a copy.deepcopy" in str(refused[0])
    expected = DQN()
    train_offline(expected, data, 2, evaluations=1, progress=False)
    assert bits(agent) == bits(expected)
    train_offline(agent, data, 1, progress=False)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_learners_own_network_is_a_policy(kind, data):
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 5).to(kind)

    def policy(observations):
        return torch.softmax(network(torch.as_tensor(observations, dtype=kind)), dim=-1)

    def without_gradient(observations):
        return policy(observations).detach().double().numpy()

    exact, same = (Oracle(EASY).evaluate(each).episode_return for each in (policy, without_gradient))
    assert exact == same
    assert rollout_returns(policy, EASY, 5).tolist() == rollout_returns(without_gradient, EASY, 5).tolist()
    values = [fitted_q_evaluation(data, each, updates=5) for each in (policy, without_gradient)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
