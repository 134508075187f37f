"""Environments and data that know nothing of this package: agents act, learn and are judged there as in the mazes."""

import copy
import functools
import json
import sys
import types

import gymnasium as gym
import minari
import numpy as np
import pytest
import torch
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.data.sets import save_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.environments import Environment, environment_of, is_same
from rlkit_mini.evaluation import Rollouts, coverage_curve, fitted_q_evaluation
from rlkit_mini.plots import draw_maze, draw_paths
from rlkit_mini.tables import agent_rows

COLUMNS = ["observations", "actions", "rewards", "next_observations", "terminations", "truncations"]
quietly = {"progress": False}
pytestmark = [  # Minari's, of data sets that name no environment
    pytest.mark.filterwarnings(f"ignore:{words}") for words in ("`eval_env` is set to None", "env_spec is None")
]


class Wild(gym.Env):
    """Gives random observations of any space; the reward is the action as it comes; it ends at random."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = copy.deepcopy(observation_space), action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        ended, cut = self.np_random.random(2) < (0.15, 0.05)
        return self.observation_space.sample(), float(action), bool(ended), bool(cut), {"any": 1}


def wild(*parts, actions=None):
    return Wild(*parts, actions or spaces.Discrete(3))


THINGS = {
    "place": spaces.Box(-1, 1, (2,), np.float64),
    "kind": spaces.Discrete(3, start=5),
    "doors": spaces.MultiBinary(2),
    "pair": spaces.Tuple([spaces.MultiDiscrete([2, 3]), spaces.Discrete(2)]),
}
gym.register("wild/Things-v0", functools.partial(wild, spaces.Dict(THINGS)), max_episode_steps=9)
gym.register("wild/Start-v0", functools.partial(wild, spaces.Box(0, 1, (3,)), actions=spaces.Discrete(3, start=1)))
gym.register("wild/Image-v0", functools.partial(wild, spaces.Box(0, 255, (4, 4, 3), np.uint8)))
WRAPPED = {
    "flattened": lambda: gym.wrappers.FlattenObservation(gym.make("wild/Things-v0")),
    "limited": lambda: gym.wrappers.TimeLimit(gym.make("CartPole-v1"), 7),
    "recorded": lambda: gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1")),
    "normalised": lambda: gym.wrappers.NormalizeObservation(gym.make("CartPole-v1")),
    "rewarded": lambda: gym.wrappers.TransformReward(gym.make("CartPole-v1"), lambda reward: -reward),
}
TAXI, CLIFF_WALKING = (max(id for id in gym.registry if id.startswith(name)) for name in ("Taxi-v", "CliffWalking-v"))
SIZES = {  # observations flat, actions
    "CartPole-v1": (4, 2),
    "Acrobot-v1": (6, 3),
    "MountainCar-v0": (2, 3),
    "FrozenLake-v1": (16, 4),
    TAXI: (500, 6),
    "Blackjack-v1": (32 + 11 + 2, 2),
    CLIFF_WALKING: (48, 4),
    "wild/Things-v0": (2 + 3 + 2 + 2 + 3 + 2, 3),
    "wild/Start-v0": (3, 3),
    "wild/Image-v0": (48, 3),
    "flattened": (14, 3),
    **dict.fromkeys(["limited", "recorded", "normalised", "rewarded"], (4, 2)),
}
each_environment = pytest.mark.parametrize("name", SIZES)


def made(name):
    return WRAPPED[name]() if name in WRAPPED else gym.make(name)


def agent_for(name, kind=DQN, **settings):
    return kind(**{"seeds": 2, "features": "raw"} | settings, **environment_of(WRAPPED.get(name, name)).sizes)


@functools.cache
def explored(name):
    return explore(agent_for(name, seeds=[3, 5]), WRAPPED.get(name, name), 60, **quietly)


def columns(data):
    return {name: getattr(data, name).numpy() for name in COLUMNS}


def assert_same_steps(one, other, but=()):
    for name in set(COLUMNS) - set(but):
        assert columns(one)[name].tobytes() == columns(other)[name].tobytes(), name


def played(env, actions, seed):
    """The transitions of these actions, by the environment itself, whose episodes are begun anew."""
    rows, observation = [], env.reset(seed=seed)[0]
    for action in actions:
        following, reward, ended, cut, _ = env.step(action + env.action_space.start)
        flat = [spaces.flatten(env.observation_space, each).astype(np.float32) for each in (observation, following)]
        rows.append((flat[0], action, np.float32(reward), flat[1], ended, cut and not ended))
        observation = env.reset()[0] if ended or cut else following
    return [np.array(column) for column in zip(*rows, strict=True)]


# Acting and learning --------------------------------------------------------------------------------------------------


@each_environment
def test_what_is_explored_is_what_the_environment_does(name):
    assert tuple(environment_of(WRAPPED.get(name, name)).sizes.values()) == SIZES[name]
    for data, seed in zip(explored(name), [3, 5], strict=True):
        expected = played(made(name), data.actions.numpy(), seed)
        for column, values in zip(COLUMNS, expected, strict=True):
            np.testing.assert_array_equal(columns(data)[column], values, err_msg=column)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_vector_environment_of_either_mode_makes_the_same_steps(mode):
    runs = explored("wild/Start-v0")
    envs = gym.vector.SyncVectorEnv([functools.partial(gym.make, "wild/Start-v0")] * 2, autoreset_mode=mode)
    observations, kept, at = envs.reset(seed=[3, 5])[0], [[], []], [0, 0]
    resetting = np.zeros(2, dtype=bool)
    while min(at) < 60:
        actions = [run.actions[min(place, 59)] + 1 for run, place in zip(runs, at, strict=True)]
        following, _, ended, cut, info = envs.step(np.array(actions))
        for member in np.flatnonzero(~resetting):
            ends = mode == "SameStep" and (ended | cut)[member]
            kept[member].append((observations[member], info["final_obs"][member] if ends else following[member]))
            at[member] += 1
        resetting = (ended | cut) & (mode == "NextStep")
        observations = following
    for run, steps in zip(runs, kept, strict=True):
        for name, values in zip(("observations", "next_observations"), zip(*steps[:60], strict=True), strict=True):
            np.testing.assert_array_equal(columns(run)[name], np.array(values))


@each_environment
def test_agents_learn_are_judged_saved_and_go_on_online(name, tmp_path):
    data, agent = explored(name)[0], agent_for(name, IQL, batch_size=8)
    judge = Rollouts(lambda: gym.wrappers.TimeLimit(made(name), 12), episodes=2)
    history = train_offline(agent, data, 4, judge, evaluations=2, **quietly)
    assert history.returns.shape == history.losses.shape == (2, 2)
    assert np.isfinite(fitted_q_evaluation(data, agent.policy, updates=3)).all()
    agent.save(tmp_path / "agent.safetensors")
    again = IQL.load(tmp_path / "agent.safetensors")
    observations = data.observations
    assert torch.equal(agent.policy(observations, greedy=False), again.policy(observations, greedy=False))
    history = fine_tune(
        again, data, WRAPPED.get(name, name), updates=2, steps=3, oracle=judge, evaluations=1, **quietly
    )
    assert [len(run) for run in history.collected] == [3, 3]


@pytest.mark.parametrize("kind", [BC, DQN, CQL, AWAC, IQL])
def test_every_algorithm_learns_that_the_third_action_pays(kind):
    rng, steps = np.random.default_rng(0), 400  # beyond the mazes' two numbers and five actions
    actions = rng.choice(3, steps, p=[0.2, 0.2, 0.6])
    arrays = {"observations": rng.normal(0, 50, (steps, 3)), "actions": actions, "rewards": actions == 2}
    data = Transitions.from_arrays(arrays | {"terminations": np.ones(steps)})
    agent = kind(seeds=2, features="raw", **data.sizes)
    train_offline(agent, data, 150, **quietly)
    assert (agent.policy(data.observations).argmax(dim=-1) == 2).float().mean() > 0.9


def test_same_seeds_same_bits_and_a_second_exploration_sees_other_noise():
    agents = [agent_for("FrozenLake-v1") for _ in range(2)]
    runs = [[explore(agent, "FrozenLake-v1", 80, **quietly) for _ in range(2)] for agent in agents]
    for one, other in zip(*runs, strict=True):
        for member in range(2):
            assert_same_steps(one[member], other[member])
    first, second = runs[0]
    assert not torch.equal(first[0].next_observations, second[0].next_observations)


def test_a_member_steps_alone_as_among_others():
    (alone,) = explore(agent_for("CartPole-v1", seeds=[5]), "CartPole-v1", 60, **quietly)
    assert_same_steps(alone, explored("CartPole-v1")[1])


def test_rnd_goes_on_from_where_each_members_latest_episode_began():
    agent = RND(seeds=2, **environment_of("MountainCar-v0").sizes)
    runs = explore(agent, lambda: gym.make("MountainCar-v0", max_episode_steps=5), 13, **quietly)
    begun = torch.stack([run.observations[10] for run in runs])
    assert torch.equal(agent.start_observation[:, 0], begun)
    assert not torch.equal(*begun)


# Observations of any scale --------------------------------------------------------------------------------------------


def arrays_of(observations, **others):
    steps = len(observations)
    plain = {"actions": np.arange(steps) % 3, "rewards": np.ones(steps), "terminations": np.ones(steps)}
    return {"observations": observations} | plain | others


@pytest.mark.parametrize("features", ["raw", "fourier"])
def test_without_bounds_the_unit_of_an_observation_does_not_matter(features, tmp_path):
    observations = np.random.default_rng(0).normal(size=(64, 3))
    factor, shift = np.array([1000.0, 0.01, 1.0]), np.array([5.0, 0.0, -3.0])
    policies = []
    for given in (observations, factor * observations + shift):
        data = Transitions.from_arrays(arrays_of(given, rewards=observations[:, 0]))
        agent = IQL(features=features, seeds=2, **data.sizes)
        train_offline(agent, data, 30, **quietly)
        agent.save(tmp_path / "agent")
        policies.append(IQL.load(tmp_path / "agent").policy(data.observations, greedy=False))
    torch.testing.assert_close(*policies, atol=2e-3, rtol=0)
    assert policies[0].std() > 0.01


def test_what_agents_saw_first_stays_their_scale():
    first, second = (Transitions.from_arrays(arrays_of(np.full((9, 2), level))) for level in (10.0, 20.0))
    agent, other = (DQN(features="raw", **first.sizes) for _ in range(2))
    for data in (first, second):
        train_offline(agent, data, 1, **quietly)
    train_offline(other, first, 1, **quietly)
    assert torch.equal(agent.state_dict()["critic.0.mean"], other.state_dict()["critic.0.mean"])


def test_bounds_scale_what_is_explored_to_between_0_and_1():
    agent = agent_for("MountainCar-v0")
    explore(agent, "MountainCar-v0", 2, **quietly)
    corners = torch.tensor([[-1.2, -0.07], [0.6, 0.07]])
    torch.testing.assert_close(agent.critic[0](corners[None])[0], torch.tensor([[0.0, 0.0], [1.0, 1.0]]))


def test_what_suits_mazes_alone_is_said_where_a_bar_is_shown(capsys):
    data = explored("CartPole-v1")[0]
    train_offline(CQL(**data.sizes), data, 1)
    assert capsys.readouterr().out.splitlines() == [
        "discount 0.95 looks some 20 steps ahead, and an episode of CartPole-v1 has up to 500: try 0.99 or more",
        'Fourier features want inputs within bounds, and those of CartPole-v1 have none: try features="raw"',
    ]
    train_offline(CQL(discount=0.99, features="raw", **data.sizes), data, 1)
    train_offline(CQL(), load_dataset("pointmass/medium-lazy-v0"), 1)
    assert not capsys.readouterr().out


# Judges ---------------------------------------------------------------------------------------------------------------


def upright(observations):
    """CartPole's pole pushed from the side to which it falls, one policy."""
    right = np.asarray(observations)[..., 2] + np.asarray(observations)[..., 3] > 0
    return np.stack([~right, right], axis=-1).astype(float)


def by_hand(env, policy, seed):
    observation, total, over = env.reset(seed=seed)[0], 0.0, False
    while not over:
        observation, reward, ended, cut, _ = env.step(int(policy(observation[None])[0].argmax()))
        total, over = total + reward, ended or cut
    return total


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_rollouts_are_the_episodes_that_one_plays_by_hand(vectorization):
    judge = Rollouts("CartPole-v1", episodes=3, seed=7, vectorization=vectorization)
    result = judge.evaluate(upright)
    expected = [by_hand(gym.make("CartPole-v1"), upright, seed) for seed in (7, 8, 9)]
    assert result.returns.tolist() == expected
    assert result.episode_return == np.mean(expected)
    half = 1.96 * np.std(expected, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(result.interval, [np.mean(expected) - half, np.mean(expected) + half])
    assert judge.steps == 3 * max(expected)
    assert "steps in" in repr(judge)


def test_a_population_is_judged_member_by_member_on_the_same_episodes():
    agent, judge = agent_for("CartPole-v1", seeds=3), Rollouts("CartPole-v1", episodes=2)
    together = judge.evaluate(agent.policy)
    assert together.returns.shape == (3, 2)
    for member in range(3):
        alone = judge.evaluate(lambda o, member=member: agent.policy(np.asarray(o))[member])
        np.testing.assert_array_equal(alone.returns, together.returns[member])


def test_rollouts_in_a_maze_agree_with_the_oracle():
    oracle = Oracle(MAZES["easy"])
    result = Rollouts(MAZES["easy"], episodes=200).evaluate(
        lambda o: oracle.optimal_policy[oracle.sub_cells(np.asarray(o))]
    )
    low, high = result.interval
    assert low - 0.3 < oracle.optimal_return < high + 0.3


def test_whatever_evaluates_is_a_judge():
    class Often:
        def evaluate(self, policy):
            return type("Result", (), {"episode_return": policy(np.zeros((1, 4))).numpy()[:, 0, 1]})

    agent = agent_for("CartPole-v1")
    assert train_offline(agent, explored("CartPole-v1")[0], 2, Often(), evaluations=2, **quietly).returns.shape == (
        2,
        2,
    )


def test_a_network_of_ones_own_is_asked_without_gradient():
    network, oracle = torch.nn.Linear(2, 5), Oracle(MAZES["easy"])

    def policy(observations):
        return torch.softmax(network(torch.as_tensor(observations)), dim=-1)

    data = load_dataset("pointmass/easy-random-v0")[:300]
    assert np.isfinite(oracle.evaluate(policy).episode_return)
    assert np.isfinite(Rollouts(MAZES["easy"], episodes=2).evaluate(policy).episode_return)
    assert np.isfinite(fitted_q_evaluation(data, policy, updates=3))


# Data -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def buffers_of(env, episodes=2, **changes):
    """Episodes of random actions, collected without this package."""
    env.action_space.seed(0)
    for seed in range(episodes):
        observations, rows, over = [env.reset(seed=seed)[0]], [], False
        while not over:
            action = env.action_space.sample()
            observation, reward, ended, cut, _ = env.step(action)
            observations.append(observation)
            rows.append((action, reward, ended, cut))
            over = ended or cut or len(rows) == 30
        names = ("actions", "rewards", "terminations", "truncations")
        kept = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        yield EpisodeBuffer(observations=stacked(env.observation_space, observations), **kept | changes)


def stacked(space, observations):
    if isinstance(space, spaces.Dict):
        return {key: stacked(part, [o[key] for o in observations]) for key, part in space.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(stacked(part, [o[i] for o in observations]) for i, part in enumerate(space))
    return np.stack(observations)


FACTS = dict.fromkeys(["algorithm_name", "author", "author_email", "code_permalink", "description"], "a")
FACTS |= {"ref_min_score": 0.0, "ref_max_score": 1.0, "requirements": ["numpy"]}


def written(dataset_id, buffers, env, **options):
    where = {"env": env, "eval_env": env} if isinstance(env.spec.entry_point, str) else {"env": None}
    where |= {"observation_space": env.observation_space, "action_space": env.action_space}
    return minari.create_dataset_from_buffers(dataset_id, list(buffers), **where, **FACTS | options)


def assert_read_as(data, episodes, space, start):
    rows = []
    for episode in episodes:
        each = [spaces.flatten(space, one) for one in unstacked(space, episode.observations)]
        rows += zip(
            each[:-1], np.array(episode.actions) - start, episode.rewards, each[1:], episode.terminations, strict=True
        )
    for name, values in zip(COLUMNS[:5], zip(*rows, strict=True), strict=True):
        np.testing.assert_array_equal(columns(data)[name], np.array(values).astype(columns(data)[name].dtype), name)


def unstacked(space, values):
    if isinstance(space, spaces.Dict):
        each = {key: unstacked(part, values[key]) for key, part in space.items()}
        return [dict(zip(each, row, strict=True)) for row in zip(*each.values(), strict=True)]
    if isinstance(space, spaces.Tuple):
        return list(zip(*(unstacked(part, values[i]) for i, part in enumerate(space)), strict=True))
    return list(values)


@pytest.mark.parametrize("data_format", ["hdf5", "arrow"])
@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1", "Blackjack-v1", "wild/Things-v0", "wild/Start-v0"])
def test_a_set_of_plain_minari_is_read_as_it_is(name, data_format, root):
    env = gym.make(name)
    episodes = list(buffers_of(env))
    written("deep/er/mine-v3", episodes, env, data_format=data_format)
    data = load_dataset("deep/er/mine-v3")
    assert_read_as(data, episodes, env.observation_space, env.action_space.start)
    assert [len(episode) for episode in data.episodes] == [len(episode.rewards) for episode in episodes]
    assert data.sizes == dict(zip(("observation_size", "action_count"), SIZES[name], strict=True))
    agent = agent_for(name, batch_size=4)
    train_offline(agent, data, 2, Rollouts(name, episodes=1), evaluations=1, **quietly)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its folder is cleaned up late
def test_a_set_that_minaris_collector_made_is_read(root, monkeypatch):
    def tree_map(function, *trees):  # all that the collector takes from jax
        return (
            {k: tree_map(function, *(t[k] for t in trees)) for k in trees[0]}
            if isinstance(trees[0], dict)
            else function(*trees)
        )

    tree_util = types.SimpleNamespace(tree_map=tree_map)
    monkeypatch.setitem(sys.modules, "jax", types.SimpleNamespace(tree_util=tree_util))
    monkeypatch.setitem(sys.modules, "jax.tree_util", tree_util)
    env = minari.DataCollector(gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1")))
    for seed in range(2):
        env.reset(seed=seed)
        while not any(env.step(0)[2:4]):
            pass
    dataset = env.create_dataset("collected-v0", eval_env="CartPole-v1", **FACTS)
    env.close()
    data = load_dataset("collected-v0")
    assert_read_as(data, dataset.iterate_episodes(), env.observation_space, 0)
    assert data.maze == environment_of("CartPole-v1")
    assert data.terminations.sum() == 2


def test_a_set_belongs_to_what_its_specification_makes_with_its_arguments(root):
    made_hard = gym.make("rlkit_mini/PointmassEasy-v0", maze="hard")
    written("mazes/hard-v0", buffers_of(gym.wrappers.RecordEpisodeStatistics(made_hard)), made_hard)
    assert load_dataset("mazes/hard-v0").maze is MAZES["hard"]
    dry = gym.make("FrozenLake-v1", is_slippery=False)
    written("lakes/dry-v0", buffers_of(dry), dry)
    data = load_dataset("lakes/dry-v0")
    agent = agent_for("FrozenLake-v1")
    with pytest.raises(ValueError, match=r"oracle is of FrozenLake-v1.*data is from FrozenLake-v1.*is_slippery=False"):
        train_offline(agent, data, 1, Rollouts("FrozenLake-v1"), **quietly)
    with gym.make("FrozenLake-v1", is_slippery=False) as same, data.maze.make() as copy:
        for action in (2, 2, 1):  # to the right twice, then down: there nobody slips
            assert [env.reset(seed=0) and env.step(action)[0] for env in (same, copy)] == [{1: 4, 2: 1}[action]] * 2


def test_a_set_of_an_environment_that_is_not_there_trains_and_only_rollouts_say_what_is_missing(root, monkeypatch):
    gym.register("elsewhere/Lost-v0", functools.partial(wild, spaces.Box(0, 1, (3,))))
    env = gym.make("elsewhere/Lost-v0")
    episodes = list(buffers_of(env))
    written("lost-v0", episodes, env)
    gym.registry.pop("elsewhere/Lost-v0")
    spec = {"id": "elsewhere/Lost-v0", "entry_point": "lost:Lost", "kwargs": {}, "max_episode_steps": None}
    path = root / "lost-v0" / "data" / "metadata.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"env_spec": json.dumps(spec | {"additional_wrappers": []})})
    )
    data = load_dataset("lost-v0")
    agent = DQN(features="raw", **data.sizes)
    train_offline(agent, data, 2, **quietly)
    with pytest.raises(ValueError, match="elsewhere/Lost-v0 is not known to Gymnasium here; install what registers it"):
        Rollouts(data.maze).evaluate(agent.policy)
    with pytest.raises(ValueError, match="elsewhere/Lost-v0 is not known to Gymnasium here"):
        explore(RandomAgent(**data.sizes), data.maze, 1, **quietly)


def test_an_episode_without_an_end_is_cut_where_it_ends(root):
    env = gym.make("CartPole-v1")
    unflagged = [
        EpisodeBuffer(
            observations=np.zeros((4, 4)) + i,
            actions=[0] * 3,
            rewards=[1.0] * 3,
            terminations=[False] * 3,
            truncations=[False] * 3,
        )
        for i in range(3)
    ]
    written("endless-v0", unflagged, env)
    data = load_dataset("endless-v0")
    assert data.truncations.nonzero().ravel().tolist() == [2, 5]


def test_the_episode_in_which_a_recording_stopped_is_not_counted_as_a_whole_one():
    data = load_dataset("cartpole/noisy-v0")
    assert len(data.episodes[-1]) == 74  # of 500 steps, and the pole still stood
    assert [len(data.episodes), len(data.episode_returns)] == [12, 11]


@pytest.mark.parametrize(
    ("buffers", "words"),
    [
        ([], "it has no episode"),
        ([{"rewards": [np.nan, 1.0]}], "rewards that are not finite"),
        ([{"observations": np.full((3, 4), np.nan)}], "observations that are not finite"),
        ([{"actions": [0, 2]}], r"actions outside 0\.\.1"),
    ],
)
def test_a_set_that_no_agent_could_learn_from_is_refused(buffers, words, root):
    usual = {"observations": np.zeros((3, 4)), "actions": [0, 1], "rewards": [1.0, 1.0]}
    usual |= {"terminations": [False, True], "truncations": [False, False]}
    written("bad-v0", [EpisodeBuffer(**usual | each) for each in buffers], gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match=words) as caught:
        load_dataset("bad-v0")
    assert "\n" not in str(caught.value)


def test_continuous_actions_are_refused_by_what_would_fit(root):
    env = gym.make("Pendulum-v1")
    with pytest.raises(
        ValueError, match=r"^Pendulum-v1 has actions in Box.*; expected Discrete ones, as CartPole-v1 has$"
    ):
        explore(RandomAgent(), "Pendulum-v1", 1)
    written("swing-v0", buffers_of(env, 1), env)
    with pytest.raises(
        ValueError, match=r"swing-v0: Pendulum-v1 has actions in Box.*; expected Discrete ones"
    ) as caught:
        load_dataset("swing-v0")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1", "wild/Things-v0", "wild/Start-v0"])
def test_what_is_saved_is_what_is_read_again(name, root):
    data = explored(name)[0]
    save_dataset("own/mine-v0", data, algorithm="DQN", description="A test.")
    again = load_dataset("own/mine-v0")
    assert_same_steps(again, data, but=["truncations"])
    assert is_same(again.maze, data.maze)
    assert [len(episode) for episode in again.episodes] == [len(episode) for episode in data.episodes]
    minari.load_dataset("own/mine-v0")
    assert set(minari.list_local_datasets()) == {"own/mine-v0"}


def shuffled(data):
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(data)))
    return Transitions(*(getattr(data, name)[order] for name in COLUMNS), maze=data.maze)


def joined(*parts):
    return Transitions(*(torch.cat([getattr(part, name) for part in parts]) for name in COLUMNS), maze=parts[0].maze)


@pytest.mark.parametrize(
    "change",
    [lambda d: d[::2], shuffled, lambda d: joined(d[3:20], d[40:60])],
    ids=["every other", "shuffled", "joined"],
)
def test_steps_in_another_order_are_saved_as_they_are(change, root):
    data = change(load_dataset("pointmass/easy-random-v0")[:300])
    save_dataset("own/mine-v0", data, algorithm="a", description="b")
    assert_same_steps(load_dataset("own/mine-v0"), data, but=["truncations"])


# Arrays ---------------------------------------------------------------------------------------------------------------


def test_arrays_under_other_names_are_the_same_transitions(tmp_path):
    data = explored("CartPole-v1")[0]
    ours = columns(data)
    theirs = {"obs": ours["observations"], "next_obs": ours["next_observations"], "timeouts": ours["truncations"]}
    theirs |= {"terminals": ours["terminations"].astype(float), "rewards": ours["rewards"][:, None]}
    theirs |= {"actions": ours["actions"][:, None].astype(float)}
    np.savez(tmp_path / "arrays.npz", **theirs)
    for arrays in (ours, theirs, tmp_path / "arrays.npz"):
        assert_same_steps(Transitions.from_arrays(arrays, "CartPole-v1"), data)
    unnamed = Transitions.from_arrays(theirs, action_count=2)
    assert (unnamed.sizes, str(unnamed.maze)) == (data.sizes, "an unnamed environment")
    train_offline(agent_for("CartPole-v1"), unnamed, 1, Rollouts("CartPole-v1", episodes=1), evaluations=1, **quietly)


def test_a_list_of_episodes_is_the_same_transitions():
    data, episodes = explored("wild/Start-v0")[0], explored("wild/Start-v0")[0].episodes
    arrays = {name: [columns(each)[name] for each in episodes] for name in ("rewards", "terminations")}
    arrays["observations"] = [torch.cat([e.observations, e.next_observations[-1:]]).numpy() for e in episodes]
    arrays["actions"] = [columns(each)["actions"] + 1 for each in episodes]
    assert_same_steps(Transitions.from_arrays(arrays, "wild/Start-v0"), data, but=["truncations"])


def test_without_next_observations_the_step_is_left_out_after_which_nobody_looked():
    flags = {"terminals": [0, 1, 0, 0, 0], "timeouts": [0, 0, 0, 1, 0]}
    arrays = {"observations": np.arange(5.0)[:, None], "actions": np.zeros(5), "rewards": np.arange(5)} | flags
    data = Transitions.from_arrays(arrays, action_count=2)
    assert data.rewards.tolist() == [0, 1, 2]
    assert data.next_observations.ravel().tolist() == [1, 1, 3]
    assert (data.terminations.tolist(), data.truncations.tolist()) == ([False, True, False], [False, False, True])


def test_dones_that_may_be_time_limits_are_asked_about():
    arrays = arrays_of(np.zeros((9, 2)), next_observations=np.zeros((9, 2)), dones=[0, 0, 1, 0, 0, 0, 1, 0, 1])
    del arrays["terminations"]
    with pytest.raises(ValueError, match="dones do not say whether an episode ended by its time limit; expected"):
        Transitions.from_arrays(arrays)
    assert Transitions.from_arrays(arrays, time_limit=0).terminations.nonzero().ravel().tolist() == [2, 6, 8]
    limited = Transitions.from_arrays(arrays, time_limit=4)
    assert limited.terminations.nonzero().ravel().tolist() == [2, 8]
    assert limited.truncations.nonzero().ravel().tolist() == [6]
    told = Transitions.from_arrays(arrays | {"timeouts": [0] * 8 + [1]})
    assert told.terminations.nonzero().ravel().tolist() == [2, 6]


REFUSED = [
    (lambda a: a.pop("rewards"), "the arrays are observations, actions.*; expected rewards or rews among them"),
    (lambda a: a.pop("terminations"), "expected terminations or terminals or terminated among them"),
    (lambda a: a.update(actions=np.full(9, 0.5)), r"actions are float64 of shape \(9,\); expected an integer per step"),
    (lambda a: a.update(actions=np.zeros((9, 2))), r"actions are float64 of shape \(9, 2\); expected an integer"),
    (lambda a: a.update(observations=np.full((9, 2), np.inf)), "observations that are not finite"),
    (lambda a: a.update(observations=np.zeros((7, 2))), "7 observations of 9 steps; expected next_observations"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED)
def test_arrays_that_do_not_fit_together_are_refused_in_one_line(spoil, words):
    arrays = arrays_of(np.zeros((9, 2)))
    spoil(arrays)
    with pytest.raises(ValueError, match=words) as caught:
        Transitions.from_arrays(arrays)
    assert "\n" not in str(caught.value)


# What does not fit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda d: train_offline(CQL(), d, 1),
            ValueError,
            r"CartPole-v1 does not fit .*expected CQL\(..., \*\*data.sizes",
        ),
        (lambda d: explore(RandomAgent(), "CartPole-v1", 1), ValueError, "CartPole-v1 does not fit the agent's"),
        (
            lambda d: Oracle(d.maze),
            TypeError,
            "maze is CartPole-v1; expected one of MAZES.*only mazes are solved and drawn",
        ),
        (
            lambda d: d.positions,
            TypeError,
            "maze is CartPole-v1; expected one of MAZES.*only mazes are solved and drawn",
        ),
        (
            lambda d: Rollouts("CartPol-v1"),
            ValueError,
            "environment 'CartPol-v1' cannot be made: .*Did you mean: `CartPole`",
        ),
        (lambda d: draw_maze(None, d.maze), TypeError, "maze is CartPole-v1; expected one of MAZES"),
        (lambda d: draw_paths(None, d), TypeError, "maze is CartPole-v1; expected one of MAZES"),
        (lambda d: coverage_curve([d], [5]), TypeError, "maze is CartPole-v1; expected one of MAZES"),
        (
            lambda d: agent_rows("DQN", agent_for("CartPole-v1"), Rollouts("CartPole-v1")),
            TypeError,
            r"oracle is Rollouts\(CartPole-v1.*; expected an Oracle: only of mazes it is known what is true",
        ),
        (lambda d: Rollouts(3), TypeError, "maze is 3; expected one of MAZES, .*, or a Gymnasium environment"),
        (lambda d: Rollouts("CartPole-v1", vectorization="thread"), ValueError, "expected 'sync' or 'async'"),
        (
            lambda d: train_offline(agent_for("CartPole-v1"), d, 1, Rollouts(Environment("Other-v0", *spaces_of(d)))),
            ValueError,
            "the oracle is of Other-v0, the data is from CartPole-v1",
        ),
        (
            lambda d: fine_tune(agent_for("CartPole-v1"), d, "Acrobot-v1", 1, 1),
            ValueError,
            "the data is from CartPole-v1, the maze to go on in is Acrobot-v1; expected the same",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, kind, words):
    with pytest.raises(kind, match=words) as caught:
        call(explored("CartPole-v1")[0])
    assert "\n" not in str(caught.value)


def spaces_of(data):
    return data.maze.observation_space, data.maze.action_space
