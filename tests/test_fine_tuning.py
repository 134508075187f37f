"""Fine-tuning: offline to the bit as before, then online with the data kept, one update a step."""

import itertools

import numpy as np
import pytest
import torch
from helpers import replay_of

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import AWAC, BC, CQL, DQN, RandomAgent
from rlkit_mini.agents.agent import TrainingDivergedError
from rlkit_mini.data.replay import uniform_indices
from rlkit_mini.exploration import interact

EASY = MAZES["easy"]


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")[:1000]


@pytest.fixture(scope="module")
def oracle():
    return Oracle(EASY)


def bits(agent):
    return {name: tensor.numpy().tobytes() for name, tensor in agent.state_dict().items()}


def recorded(agent):
    """The agent, and the list into which its minibatches will go."""
    batches, update = [], agent.update
    agent.update = lambda batch: (batches.append(batch), update(batch))[1]
    return agent, batches


def test_the_offline_part_is_offline_training_to_the_bit(data, oracle):
    offline, tuned = CQL(alpha=0.1, seeds=2), CQL(alpha=0.1, seeds=2)
    seen = {}

    def look(history):
        seen[int(history.updates[-1])] = bits(tuned)

    before = train_offline(offline, data, 60, oracle, 3, progress=False)
    history = fine_tune(tuned, data, EASY, 60, 40, oracle=oracle, evaluations=5, on_evaluation=look, progress=False)
    assert history.updates.tolist() == [20, 40, 60, 80, 100]
    assert history.online_from == 60
    np.testing.assert_array_equal(history.returns[:3], before.returns)
    np.testing.assert_array_equal(history.losses[:3], before.losses)
    assert seen[60] == bits(offline)
    assert history.returns.shape == history.losses.shape == (5, 2)


def test_where_online_begins_there_is_always_an_evaluation(data):
    history = fine_tune(DQN(), data, EASY, updates=7, steps=93, evaluations=4, progress=False)
    assert history.updates.tolist() == [7, 25, 50, 75, 100]


def test_before_every_online_update_one_step_is_made_and_the_data_is_kept(data):
    agent, batches = recorded(BC(seeds=2, batch_size=4000))
    history = fine_tune(agent, data, EASY, updates=1, steps=3, progress=False)
    shared = {tuple(place) for place in data.observations.tolist()}
    own = [[tuple(place) for place in run.observations.tolist()] for run in history.collected]
    assert [len(run) for run in history.collected] == [3, 3]
    for number, batch in enumerate(batches):
        for member in range(2):
            drawn = {tuple(place) for place in batch.observations[member].tolist()}
            new = set(own[member][:number])
            assert drawn <= shared | new
            assert new - shared <= drawn  # 4,000 draws from 1,003 places: all new ones are among them
            assert len(drawn & shared) > 0.9 * len(shared)


def test_what_was_collected_is_a_run_in_the_maze(data):
    history = fine_tune(DQN(seeds=3), data, EASY, updates=0, steps=120, epsilon=1.0, progress=False)
    start = torch.from_numpy(EASY.observe(np.array(EASY.start)))
    for run in history.collected:
        ends = run.terminations | run.truncations
        assert run.maze is EASY
        assert torch.equal(run.observations[0], start)
        assert not (run.terminations & run.truncations).any()
        for step in range(119):
            after = start if ends[step] else run.next_observations[step]
            assert torch.equal(run.observations[step + 1], after)
        assert ends[: EASY.horizon].any()
    assert not torch.equal(history.collected[0].actions, history.collected[1].actions)


@pytest.mark.parametrize(("epsilon", "expected"), [(0.0, 0.0), (0.5, 0.4), (1.0, 0.8)])
def test_epsilon_is_the_share_of_uniform_actions(epsilon, expected):
    agent = DQN(seeds=1)  # greedy on its own, and 4 of 5 random actions are not the greedy one
    replay = replay_of(agent, None, capacity=4000)
    for _ in itertools.islice(interact(agent, EASY, replay, epsilon), 4000):
        pass
    (run,) = replay.transitions(EASY)
    greedy = agent.policy(run.observations)[0].argmax(dim=-1)
    assert (run.actions != greedy).float().mean().item() == pytest.approx(expected, abs=0.03)


def test_an_actor_explores_with_its_own_distribution(data):
    agent = AWAC(seeds=1)  # untrained: nearly uniform
    history = fine_tune(agent, data, EASY, updates=0, steps=200, epsilon=0.0, progress=False)
    assert len(set(history.collected[0].actions.tolist())) == 5


def test_a_member_is_the_same_alone_and_among_others(data):
    alone = fine_tune(DQN(seeds=[1]), data, EASY, updates=10, steps=10, progress=False)
    together = fine_tune(DQN(seeds=[0, 1]), data, EASY, updates=10, steps=10, progress=False)
    assert torch.equal(alone.collected[0].actions, together.collected[1].actions)
    torch.testing.assert_close(alone.collected[0].observations, together.collected[1].observations)
    np.testing.assert_allclose(alone.losses[:, 0], together.losses[:, 1], rtol=1e-3)


def test_the_same_seed_gives_the_same_bits(data):
    agents = [CQL(seeds=2), CQL(seeds=2)]
    runs = [fine_tune(agent, data, EASY, 20, 20, progress=False).collected for agent in agents]
    assert bits(agents[0]) == bits(agents[1])
    assert torch.equal(runs[0][1].observations, runs[1][1].observations)


def test_going_online_repairs_what_narrow_data_broke():
    """DQN collapses on near-expert data; acting a little contradicts what it believes. The control goes on offline."""
    data, oracle = load_dataset("pointmass/medium-near-expert-v0"), Oracle(MAZES["medium"])
    tuned, control = DQN(seeds=2), DQN(seeds=2)
    online = fine_tune(tuned, data, data.maze, 500, 2000, oracle=oracle, evaluations=5, progress=False)
    offline = train_offline(control, data, 2500, oracle, evaluations=5, progress=False)
    np.testing.assert_array_equal(online.returns[0], offline.returns[0])
    assert offline.returns[-1].max() < -100
    assert online.returns[-1].min() > offline.returns[-1].max() + 50


def test_an_interruption_keeps_what_was_learnt_and_collected(data, capsys):
    agent, batches = recorded(DQN())
    counted = agent.update

    def interrupted(batch):
        if len(batches) == 15:
            raise KeyboardInterrupt
        return counted(batch)

    agent.update = interrupted
    history = fine_tune(agent, data, EASY, updates=10, steps=20, evaluations=30, progress=False)
    assert history.updates.tolist() == list(range(1, 16))
    assert len(history.collected[0]) == 6  # the sixth step's update did not come
    assert "interrupted after 15 of 30 updates: what was learnt is kept" in capsys.readouterr().out


def test_divergence_online_keeps_the_history(data):
    agent, batches = recorded(DQN())
    sound = agent.update
    agent.update = lambda batch: sound(batch) * (torch.nan if len(batches) > 15 else 1)
    with pytest.raises(TrainingDivergedError, match="diverged before update 20") as caught:
        fine_tune(agent, data, EASY, updates=10, steps=10, evaluations=4, progress=False)
    assert caught.value.history.updates.tolist() == [5, 10, 15]
    assert len(caught.value.history.collected[0]) == 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"updates": -1}, "updates is -1; expected an integer of at least 0"),
        ({"epsilon": 1.5}, "epsilon is 1.5"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"steps": 0}, "steps is 0; expected an integer of at least 1"),
        ({"evaluations": 0}, "evaluations is 0; expected an integer of at least 1"),
        ({"maze": MAZES["hard"]}, r"the data is from Maze\('easy'.*, the maze to go on in is Maze\('hard'"),
        ({"oracle": "hard"}, r"the oracle is of Maze\('hard'"),
        ({"oracle": "hard", "data": None, "updates": 0}, r"the oracle is of Maze\('hard'.*, the maze to go on in"),
        ({"indices": lambda uniforms, old, new: old + new + 0 * uniforms.astype(int)}, "indices go from"),
        (
            {"indices": lambda uniforms, old, new: 0 * uniforms.astype(int) - 1},
            "indices go from -1 to -1; expected 0 to",
        ),
        ({"data": []}, "0 data sets for 1 members"),
        ({"data": None}, "updates is 4000, and data None; expected data, or updates=0"),
    ],
)
def test_bad_requests_are_refused(settings, message, data):
    if "oracle" in settings:
        settings = settings | {"oracle": Oracle(MAZES[settings["oracle"]])}
    with pytest.raises(ValueError, match=message) as caught:
        fine_tune(DQN(), **({"data": data, "maze": EASY, "progress": False} | settings))
    assert "\n" not in str(caught.value)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="there are no transitions to learn from; expected data"):
        train_offline(DQN(), None, progress=False)


def test_a_random_agent_cannot_be_fine_tuned(data):
    with pytest.raises(TypeError, match="RandomAgent does not learn from data"):
        fine_tune(RandomAgent(), data, EASY)


def test_what_explore_collects_is_what_the_environment_did():
    """Each step's reward and flags follow from where it ended: independent of the loop that stored them."""
    (run,) = explore(RandomAgent(seeds=1), EASY, steps=300, progress=False)
    ends = EASY.positions(run.next_observations.numpy())
    there = np.hypot(*(ends - np.array(EASY.goal)).T) < EASY.goal_radius
    np.testing.assert_array_equal(run.terminations.numpy(), there)
    np.testing.assert_array_equal(run.rewards.numpy(), np.where(there, 0.0, -1.0))
    length = 0
    for step in range(300):
        length += 1
        assert bool(run.truncations[step]) == (length == EASY.horizon and not there[step])
        if there[step] or length == EASY.horizon:
            length = 0


def test_the_indices_decide_what_is_learnt_from(data):
    agent, batches = recorded(BC())

    def only_new(uniforms, given, collected):
        return uniform_indices(uniforms, 0, collected) + given if collected else uniform_indices(uniforms, given, 0)

    history = fine_tune(agent, data, EASY, updates=1, steps=5, indices=only_new, progress=False)
    new = {tuple(place) for place in history.collected[0].observations.tolist()}
    assert not {tuple(place) for place in batches[0].observations[0].tolist()} <= new
    assert all({tuple(place) for place in batch.observations[0].tolist()} <= new for batch in batches[1:])


def test_without_data_it_learns_online_from_nothing():
    history = fine_tune(DQN(seeds=2), None, EASY, updates=0, steps=30, evaluations=2, progress=False)
    assert history.updates.tolist() == [15, 30]
    assert [len(run) for run in history.collected] == [30, 30]
