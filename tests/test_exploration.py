"""Collecting: every member has an environment of its own, and its steps are a possible run there."""

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, explore
from rlkit_mini.agents import BC, DQN, RND, RandomAgent
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.mazes import Maze
from rlkit_mini.pointmass import ACTIONS, NOISE_SCALE

COLUMNS = ["observations", "actions", "rewards", "next_observations", "terminations", "truncations"]
OPEN = Maze("open", np.zeros((100, 100), bool), start=(50, 50), goal=(0, 0), goal_radius=1, horizon=1000)
each_agent = pytest.mark.parametrize("kind", [RandomAgent, RND, DQN, BC])


def bits(data):
    return [getattr(data, column).numpy().tobytes() for column in COLUMNS]


@each_agent
def test_each_member_makes_a_run_of_its_own(kind):
    maze = MAZES["easy"]
    several = explore(kind(seeds=3), maze, 170, progress=False)
    assert len({bits(data)[0] for data in several}) == len(several) == 3
    for data in several:
        assert len(data) == 170
        assert data.maze is maze
        assert (data.observations.dtype, data.actions.dtype, data.terminations.dtype) == (
            *(torch.float32, torch.int64, torch.bool),
        )
        assert data.observations[0].tolist() == pytest.approx([0.1, 0.1])


def test_a_run_goes_on_within_an_episode_and_begins_anew_after_it(maze):
    (data,) = explore(RandomAgent(), maze, 2 * maze.horizon + 20, progress=False)
    elapsed = 0
    for step in range(len(data)):
        start = maze.observe(np.array([maze.start]))[0]
        expected = data.next_observations[step - 1].numpy() if elapsed else start
        assert data.observations[step].tolist() == expected.tolist()
        elapsed += 1
        assert data.rewards[step] == (0 if data.terminations[step] else -1)
        assert data.truncations[step] == (elapsed == maze.horizon and not data.terminations[step])
        if data.terminations[step] or data.truncations[step]:
            elapsed = 0
    assert (data.terminations | data.truncations).sum() >= 2


def test_reaching_the_goal_terminates():
    class UpAndRight(RandomAgent):
        def policy(self, observations, greedy=True):
            return torch.tensor([0, 0, 0.5, 0, 0.5]).expand(self.members, 1, 5)

    maze = MAZES["easy"]
    (data,) = explore(UpAndRight(), maze, 500, progress=False)
    distance = np.hypot(*(maze.positions(data.next_observations.numpy()) - maze.goal).T)
    assert data.terminations.tolist() == (distance < maze.goal_radius).tolist()
    assert data.terminations.sum() > 10


def test_arriving_at_the_last_moment_is_no_truncation():
    hall = Maze("hall", np.zeros((9, 9), bool), start=(4, 4), goal=(4, 4), goal_radius=20, horizon=1)
    (data,) = explore(RandomAgent(), hall, 5, progress=False)
    assert (data.terminations.tolist(), data.truncations.tolist()) == ([True] * 5, [False] * 5)


@each_agent
def test_the_seed_determines_every_bit(kind):
    one, again, other = (explore(kind(seeds=[s]), MAZES["medium"], 150, progress=False)[0] for s in (1, 1, 2))
    assert bits(one) == bits(again)
    assert bits(one)[0] != bits(other)[0]


def test_a_member_explores_alone_what_it_explores_among_others():
    for kind, steps in ((RandomAgent, 300), (RND, 80)):  # 80: before rounding in batched products can grow
        among = explore(kind(seeds=[4, 7, 2]), MAZES["medium"], steps, progress=False)
        (alone,) = explore(kind(seeds=[7]), MAZES["medium"], steps, progress=False)
        assert bits(among[1]) == bits(alone)


def test_equal_seeds_under_different_settings_meet_the_same_noise():
    one, other = explore(RND(epsilon=[1.0, 0.999], seeds=[3]), MAZES["medium"], 40, progress=False)
    assert one.next_observations[:10].tolist() == other.next_observations[:10].tolist()


def test_a_shorter_run_is_the_beginning_of_a_longer_one():
    short, long = (explore(RND(), MAZES["easy"], steps, progress=False)[0] for steps in (90, 150))
    assert bits(short) == bits(long[:90])


def test_a_progress_bar_changes_nothing():
    assert bits(explore(RND(), MAZES["easy"], 90)[0]) == bits(explore(RND(), MAZES["easy"], 90, progress=False)[0])


def test_an_agent_learns_from_what_it_collected_and_only_from_that():
    batches = []

    class Spy(DQN):
        def update(self, batch):
            batches.append(batch)
            return super().update(batch)

    agent = Spy(batch_size=16, seeds=2)
    data = explore(agent, MAZES["easy"], 60, progress=False)
    assert agent.updates == len(batches) == 60 - 16 + 1
    for made, batch in enumerate(batches, start=16):
        for member in range(2):
            own = data[member].observations[:made].tolist()
            assert all(observation in own for observation in batch.observations[member].tolist())


def test_an_interruption_keeps_the_steps_made(capsys):
    class Impatient(DQN):
        def update(self, batch):
            if self.updates == 30:
                raise KeyboardInterrupt
            return super().update(batch)

    whole = explore(DQN(batch_size=20, seeds=2), MAZES["easy"], 100, progress=False)
    kept = explore(Impatient(batch_size=20, seeds=2), MAZES["easy"], 100, progress=False)
    assert [len(data) for data in kept] == [50, 50]
    assert [bits(data) for data in kept] == [bits(data[:50]) for data in whole]
    assert capsys.readouterr().out == "interrupted: the first 50 of 100 steps are kept\n"


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps is 0; expected an integer of at least 1"):
        explore(RandomAgent(), MAZES["easy"], 0)


def test_rnd_covers_more_of_the_hard_maze_than_random_actions():
    maze = MAZES["hard"]
    rnd, random = (
        np.mean([coverage(data.positions, maze.walls) for data in explore(kind(seeds=4), maze, 3000, progress=False)])
        for kind in (RND, RandomAgent)
    )
    assert rnd > 1.2 * random


def noise_of(run):
    """What drove each step, (n, 2), in a maze without walls."""
    before, after = (run.maze.positions(places.numpy()) for places in (run.observations, run.next_observations))
    return (after - before - ACTIONS[run.actions.numpy()]) / NOISE_SCALE


def test_a_second_exploration_is_another_one_with_noise_of_its_own():
    agents = [RandomAgent(seeds=2), RandomAgent(seeds=2)]
    runs = [[explore(agent, OPEN, 60, progress=False) for _ in range(3)] for agent in agents]
    assert [list(map(bits, run)) for run in runs[0]] == [list(map(bits, run)) for run in runs[1]]
    noise = np.array([[noise_of(data) for data in run] for run in runs[0]])  # (explorations, members, steps, 2)
    assert len(np.unique(noise.round(4))) > 0.95 * noise.size
    assert abs(noise.std() - 1) < 0.1


def test_an_agent_is_told_where_each_episode_begins_before_it_acts_and_nothing_else():
    calls = []

    class Listener(RandomAgent):
        def begin(self, start_observation):
            calls.append(start_observation)

        def policy(self, observations, greedy=True):
            assert calls
            return super().policy(observations, greedy)

    agent = Listener(seeds=2)
    before = set(vars(agent))
    runs = explore(agent, MAZES["easy"], 120, progress=False)
    assert set(vars(agent)) == before
    ends = {step for run in runs for step in np.flatnonzero(run.terminations | run.truncations) if step < 119}
    assert len(calls) == 1 + len(ends)
    assert {tuple(start.shape) for start in calls} == {(2, 1, 2)}
    np.testing.assert_allclose(torch.stack(calls), 0.1, rtol=1e-6)
