"""Sweeps: what they summarise is true, and they survive being saved. `tiny_sweep` serves the figures' tests as well."""

import dataclasses
import itertools
import types

import numpy as np
import pytest
import torch
from helpers import EXPLORED, near_goal, tiny_explorers, tiny_joined, tiny_population, tiny_square, tiny_sweep

from rlkit_mini import MAZES, Oracle, explore
from rlkit_mini.agents import RND
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.training import History
from rlkit_workbook.panels.redrawn import in_words
from rlkit_workbook.sweeps import ExplorationSweep, Sweep


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def true_values(oracle, agent, member):
    """Q^pi of the greedy action at each centre, by a dense linear system, from the model itself."""
    count = len(oracle.cells)

    def steps(actions):  # of each point, averaged over a sub-cell's four
        return oracle._transitions[5 * np.arange(4 * count) + actions].toarray().reshape(count, 4, count).mean(axis=1)

    def greedy(places):
        return agent.q_values(places)[member].argmax(dim=1).numpy()

    policy, chosen = steps(greedy(oracle.points[:-1])), steps(greedy(oracle.observations).repeat(4))
    values = np.linalg.solve(np.eye(count) - oracle.discount * policy, -policy.sum(axis=1))
    return oracle.discount * chosen @ values - chosen.sum(axis=1)


def test_maps_equal_a_slow_independent_computation():
    agent, history, oracle = tiny_population()
    sweep = tiny_sweep()
    q_values = agent.q_values(oracle.observations).double().numpy()
    for place, members in enumerate(([0, 1], [2, 3])):
        median = min(members, key=lambda member: history.returns[-1][member])  # the lower of two
        actions = q_values[median].argmax(axis=1)
        believed = q_values[median].max(axis=1)
        np.testing.assert_allclose(sweep.values[place], believed, atol=1e-4)
        np.testing.assert_allclose(
            sweep.overestimation[place], believed - true_values(oracle, agent, median), atol=1e-4
        )
        np.testing.assert_array_equal(sweep.policy[place].argmax(axis=1), actions)
        for seed, member in enumerate(members):
            truth = true_values(oracle, agent, member) @ oracle.start_weights
            assert sweep.true_start[place, seed] == pytest.approx(truth, abs=1e-4)
            start = q_values[member].max(axis=1) @ oracle.start_weights
            assert sweep.believed_start[place, seed] == pytest.approx(start, abs=1e-4)


def test_returns_keep_their_settings_and_seeds():
    agent, history, _ = tiny_population()
    sweep = tiny_sweep()
    assert sweep.grid == {"alpha": [0.0, 1.0]}
    assert sweep.seeds.tolist() == [3, 5]
    for member, setting in enumerate(agent.settings):
        here = sweep.index({"alpha": setting["alpha"]})
        np.testing.assert_array_equal(sweep.returns[:, *here, member % 2], history.returns[:, member])


def test_two_hyperparameters_give_two_axes():
    sweep = tiny_square()
    assert sweep.returns.shape == (2, 3, 2, 2)
    assert sweep.values.shape == sweep.overestimation.shape == (3, 2, len(sweep.judge.observations))
    assert sweep.policy.shape == (3, 2, len(sweep.judge.observations), 5)
    assert sweep.index({"temperature": 2.0, "alpha": 10}) == (2, 1)


def test_the_distribution_that_acts_can_be_judged_instead_of_the_greedy_policy():
    agent, history, oracle = tiny_population()
    half = types.SimpleNamespace(
        grid=agent.grid, seeds=agent.seeds, settings=agent.settings, members=4, q_values=agent.q_values
    )
    half.policy = lambda observations, greedy: (
        agent.policy(observations) * (0.5 if not greedy else 1) + (0 if greedy else 0.1)
    )
    np.testing.assert_allclose(Sweep.of(half, history, oracle, greedy=False).policy.max(axis=-1), 0.6)


def test_a_sweep_survives_being_saved(tmp_path):
    for sweep in (tiny_sweep(), tiny_square()):
        sweep.save(tmp_path / "sweep.npz")
        again = Sweep.load(tmp_path / "sweep.npz")
        assert (again.algorithm, again.grid) == (sweep.algorithm, sweep.grid)
        assert list(again.grid) == list(sweep.grid)
        assert again.judge.maze is sweep.judge.maze
        for name in ("seeds", "updates", "returns", "values", "overestimation", "policy", "believed_start"):
            np.testing.assert_array_equal(getattr(again, name), getattr(sweep, name))
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.npz"]
    first = (tmp_path / "sweep.npz").read_bytes()
    sweep.save(tmp_path / "sweep.npz")
    assert (tmp_path / "sweep.npz").read_bytes() == first


def test_what_is_no_sweep_is_refused_in_one_line_and_not_executed(tmp_path):
    path = tmp_path / "sweep.npz"
    with pytest.raises(FileNotFoundError, match="no saved sweep at"):
        Sweep.load(path)
    tiny_sweep().save(path)
    whole = path.read_bytes()
    executed = []

    class Evil:
        def __reduce__(self):
            return executed.append, (1,)

    np.savez(tmp_path / "evil.npz", facts=np.array([Evil()], dtype=object))
    path.write_bytes(whole[: len(whole) // 2])
    for bad in (path, tmp_path / "evil.npz"):
        with pytest.raises(ValueError, match=r"damaged or no saved sweep") as error:
            Sweep.load(bad)
        assert "\n" not in str(error.value)
    assert not executed


def test_settings_that_were_not_trained_are_named():
    with pytest.raises(ValueError, match=r"alpha 0\.5 was not trained; expected one of \[0\.0, 1\.0\]"):
        tiny_sweep().index({"alpha": 0.5})
    with pytest.raises(ValueError, match=r"setting names \['beta'\]; expected \['alpha'\]"):
        tiny_sweep().index({"beta": 1.0})


def test_joined_sweeps_are_told_apart_by_their_names():
    alone = tiny_sweep()
    other = dataclasses.replace(alone, values=alone.values + 1, returns=alone.returns - 1)
    both = Sweep.join({"a": alone, "b": other}, name="data")
    assert both.grid == {"data": ["a", "b"], "alpha": [0.0, 1.0]}
    assert both.returns.shape == (4, 2, 2, 2)
    here = both.index({"alpha": 1.0, "data": "b"})
    assert here == (1, 1)
    np.testing.assert_array_equal(both.returns[:, *here], alone.returns[:, 1] - 1)
    np.testing.assert_array_equal(both.values[here], alone.values[1] + 1)
    np.testing.assert_array_equal(both.policy[0], alone.policy)
    np.testing.assert_array_equal(both.true_start[1], alone.true_start)
    with pytest.raises(ValueError, match=r"data 'c' was not trained; expected one of \['a', 'b'\]"):
        both.index({"alpha": 1.0, "data": "c"})


def test_a_joined_sweep_survives_being_saved(tmp_path):
    tiny_joined().save(tmp_path / "sweep.npz")
    again = Sweep.load(tmp_path / "sweep.npz")
    assert again.grid == {"data": ["narrow", "broad"]}
    np.testing.assert_array_equal(again.returns, tiny_joined().returns)


def test_only_sweeps_that_can_be_compared_are_joined():
    alone = tiny_sweep()
    for fact, value in (("algorithm", "DQN"), ("seeds", np.array([3, 6])), ("updates", np.arange(4))):
        other = dataclasses.replace(alone, **{fact: value})
        with pytest.raises(ValueError, match=f"sweep 'b' has {fact} .*; expected .* in all"):
            Sweep.join({"a": alone, "b": other}, name="data")
    with pytest.raises(ValueError, match="sweep 'b' has grid"):
        Sweep.join({"a": alone, "b": tiny_square()}, name="data")
    with pytest.raises(ValueError, match="sweep 'b' has resolution 4; expected 8"):
        Sweep.join({"a": alone, "b": dataclasses.replace(alone, judge=Oracle(MAZES["medium"], resolution=4))}, "data")
    with pytest.raises(ValueError, match="alpha was swept already"):
        Sweep.join({"a": alone}, name="alpha")
    with pytest.raises(ValueError, match="no sweep to join"):
        Sweep.join({}, name="data")


def test_a_sweep_needs_exact_returns_and_the_oracles_discount():
    agent, history, oracle = tiny_population()
    with pytest.raises(ValueError, match=r"pass oracle=\.\.\. to train_offline"):
        Sweep.of(agent, History(np.array([1]), None, np.zeros((1, 4))), oracle)
    with pytest.raises(ValueError, match=r"the agent's discount is 0\.95; expected the oracle's 0\.9"):
        Sweep.of(agent, history, Oracle(MAZES["medium"], discount=0.9))


# Explorers


def test_explorers_are_summarised_at_every_moment_as_they_were_then():
    sweep, agent, oracle, moments = tiny_explorers(), RND(**EXPLORED), near_goal(), {}
    assert sweep.grid == {"rnd_weight": [0.0, 1.0], "epsilon": [0.1, 0.5], "steps": [100, 200, 300]}
    assert sweep.coverage.shape == sweep.goals.shape == (3, 2, 2, 2)
    assert sweep.novelty.shape == (3, 2, 2, len(oracle.observations))
    assert (sweep.goals[0] < sweep.goals[-1]).any()

    def look(made):
        moments[made] = agent.novelty(oracle.observations).numpy()

    runs = explore(agent, oracle.maze, 300, progress=False, on_step=look)
    assert list(moments) == list(range(1, 301))
    for place, setting in enumerate(itertools.product([0.0, 1.0], [0.1, 0.5])):
        members = [2 * place, 2 * place + 1]
        for steps in (100, 200, 300):
            *here, moment = sweep.index(dict(zip(sweep.grid, (*setting, steps), strict=True)))
            covered = [coverage(runs[member][:steps].positions, MAZES["medium"].walls) for member in members]
            np.testing.assert_array_equal(sweep.coverage[moment, *here], covered)
            goals = [int(runs[member].terminations[:steps].sum()) for member in members]
            np.testing.assert_array_equal(sweep.goals[moment, *here], goals)
            shown = members[int(sweep.coverage[-1, *here, 1] < sweep.coverage[-1, *here, 0])]  # the lower of two
            np.testing.assert_array_equal(sweep.novelty[moment, *here], moments[steps][shown])
            assert torch.equal(sweep.walks[place].observations, runs[shown].observations)


def test_explorers_need_something_swept_and_whole_moments():
    oracle = Oracle(MAZES["medium"])
    with pytest.raises(ValueError, match=r"nothing was swept; give the agent a list, such as RND\(rnd_weight"):
        ExplorationSweep.explore(RND(), oracle, 10, 2)
    with pytest.raises(ValueError, match="evaluations is 3; expected a divisor of the 10 steps"):
        ExplorationSweep.explore(RND(epsilon=[0.1, 0.3]), oracle, 10, 3)
    with pytest.raises(ValueError, match=r"steps 150 was not trained; expected one of \[100, 200, 300\]"):
        tiny_explorers().index({"rnd_weight": 1.0, "epsilon": 0.1, "steps": 150})


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        (-20.7, "nearly as good as it gets"),
        (-22.5, "nearly as good as it gets"),
        (-25.0, "it could do better"),
        (-84.0, "it could do better"),
        (-87.0, "it arrives late, or not at all"),
        (-142.0, "it arrives late, or not at all"),
        (-150.0, "it hardly ever arrives"),
    ],
)
def test_how_well_an_agent_acts_in_words(acts, words):
    said = in_words("CQL", Oracle(MAZES["medium"]), acts, -10.0, -13.0)
    assert said.startswith(f"CQL: return {acts:.1f} where -20.7 is possible: {words}.".replace("-", "−"))
    assert said.endswith("At the start it believes −10.0, and −13.0 is true: overestimated by 3.0.")
