"""The oracle against a published table, real rollouts, Monte-Carlo estimates and identities of dynamic programming."""

import functools
import re
import shutil

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from helpers import homeless
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini import MAZES, Oracle, explore, load_dataset, train_offline
from rlkit_mini.agents import BC, CQL, DQN
from rlkit_mini.agents.guides import near_expert
from rlkit_mini.evaluation.rollouts import rollout_returns
from rlkit_mini.pointmass import transition

REFERENCE = {  # 8 sub-cells a cell: optimal return, optimal discounted value of the start, uniform random return
    "easy": (-13.34, -9.85, -49.8),
    "medium": (-20.50, -12.92, -146.4),
    "hard": (-32.83, -16.22, -100.0),
}
each_solved = pytest.mark.parametrize("name", REFERENCE)
solved = functools.cache(lambda name: Oracle(MAZES[name]))


def uniform(observations):
    return np.full((len(observations), 5), 0.2)


def always(action):
    return lambda observations: np.eye(5)[np.full(len(observations), action)]


def optimal(name):
    return lambda observations: solved(name).optimal_policy[solved(name).sub_cells(observations)]


# Against the table and real rollouts --------------------------------------------------------------------------------


@each_solved
def test_the_table_of_the_reference_solution(name):
    oracle = solved(name)
    start_value = oracle.start_weights @ oracle.optimal_q.max(axis=1)
    np.testing.assert_allclose((oracle.optimal_return, start_value, oracle.random_return), REFERENCE[name], rtol=0.02)


@each_solved
def test_a_twice_finer_grid_agrees(name):
    fine = Oracle(MAZES[name], resolution=2 * solved(name).resolution)
    for quantity in (lambda o: o.optimal_return, lambda o: o.random_return, lambda o: o.start_weights @ o.optimal_q):
        np.testing.assert_allclose(quantity(solved(name)), quantity(fine), rtol=0.02)


@functools.cache
def imperfect_data(name):
    (data,) = explore(near_expert(solved(name), 0.3), MAZES[name], 1500, progress=False)
    return data


@functools.cache
def trained(kind, name):
    """Three seeds of it."""
    if kind is DQN:
        agent, data = DQN(seeds=3), load_dataset(f"pointmass/{name}-random-v0")
    else:
        agent, data = kind(learning_rate=1e-3, seeds=3), imperfect_data(name)
    train_offline(agent, data, updates=600, progress=False)
    return agent


def returns_and_successes(policy, maze, episodes):
    returns = rollout_returns(policy, maze, episodes)
    return returns, returns > -maze.horizon  # the step that reaches the goal costs nothing


POLICIES = {
    "optimal": optimal,
    "uniform": lambda name: uniform,
    "always up": lambda name: always(2),
    "always stay": lambda name: always(0),
}


@each_solved
@pytest.mark.parametrize("policy", POLICIES)
def test_real_rollouts_agree_with_the_exact_return_and_success_rate(name, policy):
    maze, policy = MAZES[name], POLICIES[policy](name)
    exact = solved(name).evaluate(policy)
    returns, successes = returns_and_successes(policy, maze, episodes=2000)
    three_errors = 3 * returns.std() / 2000**0.5
    assert abs(returns.mean() - exact.episode_return) < max(0.03 * abs(exact.episode_return), three_errors)
    assert abs(successes.mean() - exact.success_rate) < 0.05


@each_solved
def test_real_rollouts_agree_with_the_exact_returns_of_trained_agents(name):
    """Rounding decides what each of them learns: what holds is told of all twelve."""
    return_errors, success_errors = [], []
    for kind, greedy in ((DQN, True), (CQL, True), (BC, True), (BC, False)):
        policy = functools.partial(trained(kind, name).policy, greedy=greedy)
        exact = solved(name).evaluate(policy)
        for member in range(3):
            returns, successes = returns_and_successes(lambda o, m=member, p=policy: p(o)[m], MAZES[name], 2000)
            return_errors.append(returns.mean() / exact.episode_return[member] - 1)
            success_errors.append(successes.mean() - exact.success_rate[member])
    assert np.sqrt(np.mean(np.square(return_errors))) < 0.02
    assert np.abs(return_errors).max() < 0.06
    assert np.abs(success_errors).max() < 0.1


@pytest.mark.parametrize(("kind", "name"), [(BC, "easy"), (CQL, "medium")])
def test_half_trained_greedy_policies_agree_less_well_but_on_average_over_seeds(kind, name):
    """They dither where their best action changes, which a grid blurs: clones on easy are off by some 5% on average."""
    agent, maze = kind(learning_rate=1e-3, seeds=4), MAZES[name]
    train_offline(agent, load_dataset(f"pointmass/{name}-rnd-v0"), updates=400, progress=False)
    exact = solved(name).evaluate(agent.policy).episode_return
    real = [rollout_returns(lambda o, m=m: agent.policy(o)[m], maze, episodes=1000).mean() for m in range(4)]
    np.testing.assert_allclose(exact, real, rtol=0.1)
    np.testing.assert_allclose(exact.mean(), np.mean(real), rtol=0.06)


def test_what_a_policy_does_right_at_the_start_counts():
    """The start lies on a corner of four sub-cells; this policy goes astray there and nowhere else."""
    oracle, maze = solved("easy"), MAZES["easy"]

    def policy(observations):
        probabilities = optimal("easy")(observations)
        probabilities[np.abs(maze.positions(observations) - maze.start).max(axis=1) < 1e-3] = np.eye(5)[3]
        return probabilities

    exact, returns = oracle.evaluate(policy), rollout_returns(policy, maze, episodes=4000)
    assert exact.episode_return < oracle.optimal_return - 0.3
    assert abs(returns.mean() - exact.episode_return) < 3 * returns.std() / 4000**0.5


@pytest.mark.parametrize("policy", ["optimal", "uniform"])
def test_q_values_are_discounted_monte_carlo_returns(policy):
    oracle, maze, rng, copies = solved("medium"), MAZES["medium"], np.random.default_rng(0), 400
    policy = POLICIES[policy]("medium")
    cells, first = rng.integers(len(oracle.observations), size=12), rng.integers(5, size=12)
    positions = maze.positions(oracle.observations[cells]).repeat(copies, axis=0)
    positions += rng.uniform(-0.5, 0.5, positions.shape) / oracle.resolution  # anywhere in the sub-cell
    returns, going, actions = np.zeros(len(positions)), np.ones(len(positions), bool), first.repeat(copies)
    for step in range(150):  # 0.95**150 < 0.001
        positions, rewards, terminations = transition(maze, positions, actions, rng.standard_normal(positions.shape))
        returns += 0.95**step * rewards * going
        going &= ~terminations
        probabilities = policy(maze.observe(positions))
        actions = (rng.random((len(positions), 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 4)
    returns = returns.reshape(12, copies)
    exact = oracle.evaluate(policy).q_values[cells, first]
    tolerance = np.maximum(0.03 * np.abs(exact), 4 * returns.std(axis=1) / copies**0.5)
    assert (np.abs(returns.mean(axis=1) - exact) < tolerance).all()


# What is true of every maze and policy ------------------------------------------------------------------------------


def test_without_discount_a_q_value_is_the_reward_of_one_step(maze):
    q_values = Oracle(maze, discount=0).optimal_q
    assert ((q_values >= -1 - 1e-12) & (q_values <= 0)).all()
    ends = maze.positions(Oracle(maze).observations)
    far = np.hypot(*(ends - maze.goal).T) > maze.goal_radius + 5  # at most 1 + 0.5 * 4.2 cells an axis and step
    np.testing.assert_allclose(q_values[far], -1, rtol=1e-12)
    assert q_values.max() > -0.5


@each_solved
def test_the_optimal_q_values_are_those_of_the_optimal_policy_and_no_policy_has_higher_ones(name):
    oracle = solved(name)
    np.testing.assert_allclose(oracle.evaluate(oracle.optimal_policy).q_values, oracle.optimal_q, atol=1e-4)
    for policy in (uniform, always(2), always(4)):
        evaluation = oracle.evaluate(policy)
        assert (evaluation.q_values < oracle.optimal_q + 1e-5).all()
        assert evaluation.episode_return <= oracle.optimal_return + 1e-9


@each_solved
@pytest.mark.parametrize("policy", [uniform, always(2)])
@pytest.mark.parametrize("discount", [0, 0.5, 0.95])
def test_visitation_holds_what_has_not_terminated(name, policy, discount):
    oracle = Oracle(MAZES[name], discount=discount)
    evaluation = oracle.evaluate(policy)
    assert (evaluation.visitation >= 0).all()
    # V(start) = -sum_t discount^t P(t + 1 steps do not terminate), and visitation counts the same steps
    mass = (1 - discount) * (1 - discount * evaluation.start_value)
    np.testing.assert_allclose(evaluation.visitation.sum(), mass, rtol=1e-6)
    around = oracle.start_weights @ (evaluation.q_values * policy(oracle.observations)).sum(axis=1)
    assert evaluation.start_value == pytest.approx(around, rel=0.01)


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_solved_quickly_is_what_dense_matrices_say(quick, monkeypatch):
    """Of policies that act alike at all points of most sub-cells, of some, and of none; early and late to arrive."""
    if not quick:
        monkeypatch.setattr(scipy.sparse.linalg, "bicgstab", lambda system, right, **_: (np.zeros_like(right), 1))
    oracle = Oracle(MAZES["medium"], discount=0.9, resolution=2)
    rng, (points, cells) = np.random.default_rng(0), (len(oracle.points), len(oracle.observations))
    at_points = oracle.optimal_policy[oracle.sub_cells(oracle.points)]
    some = np.where(rng.random((points, 1)) < 0.1, np.eye(5)[rng.integers(5, size=points)], at_points)
    policies = np.stack([at_points, some, rng.dirichlet(np.ones(5), size=points)])
    found = oracle.evaluate(policies)
    steps = oracle._transitions.toarray().reshape(points, 5, cells)
    for number, policy in enumerate(policies):
        step = np.einsum("pa,pac->pc", policy, steps)
        inside, first = step[:-1].reshape(cells, 4, cells).mean(axis=1), step[-1]
        left = np.zeros(cells)  # value of what is left of an episode, step by step from its end
        for _ in range(oracle.maze.horizon - 1):
            left = inside @ (left - 1)
        assert found.episode_return[number] == pytest.approx(first @ (left - 1), abs=1e-6)
        values = np.linalg.solve(np.eye(cells) - 0.9 * inside, -inside.sum(axis=1))
        q_values = (steps[:-1].reshape(cells, 4, 5, cells).mean(axis=1)) @ (0.9 * values - 1)
        np.testing.assert_allclose(found.q_values[number], q_values, atol=1e-6)
        later = np.linalg.solve(np.eye(cells) - 0.9 * inside.T, first)
        np.testing.assert_allclose(found.visitation[number], 0.1 * (oracle.start_weights + 0.9 * later), atol=1e-7)


def test_sub_cells_cover_the_free_cells_and_never_straddle_a_wall(maze):
    oracle = Oracle(maze)
    assert len(oracle.observations) == (~maze.walls).sum() * oracle.resolution**2
    assert oracle.sub_cells(oracle.observations).tolist() == list(range(len(oracle.observations)))
    cells = np.floor(maze.positions(oracle.observations)).astype(int)
    assert not maze.walls[tuple(cells.T)].any()
    edges = (maze.positions(oracle.observations) - 0.5 / oracle.resolution) * oracle.resolution
    np.testing.assert_allclose(edges, np.round(edges), atol=1e-4)


def test_the_start_is_shared_evenly_by_the_sub_cells_that_touch_it(maze):
    oracle = Oracle(maze)
    np.testing.assert_allclose(oracle.start_weights @ maze.positions(oracle.observations), maze.start, atol=1e-6)
    assert oracle.start_weights.sum() == pytest.approx(1)
    assert len(set(oracle.start_weights[oracle.start_weights > 0])) == 1


def test_maps_show_each_value_in_its_place_and_nothing_in_walls(maze):
    oracle = Oracle(maze)
    maps = oracle.on_grid(np.stack([oracle.observations[:, 0], oracle.observations[:, 1]]))
    assert (np.isnan(maps) == maze.walls.repeat(oracle.resolution, 0).repeat(oracle.resolution, 1)).all()
    for axis, (size, values) in enumerate(zip(maze.shape, maps, strict=True)):
        centres = (np.arange(size * oracle.resolution) + 0.5) / (size * oracle.resolution)
        expected = np.broadcast_to(np.expand_dims(centres, 1 - axis), values.shape)
        np.testing.assert_allclose(values[~np.isnan(values)], expected[~np.isnan(values)], rtol=1e-6)


# Many policies at once ----------------------------------------------------------------------------------------------


def test_a_population_is_evaluated_as_its_members_alone():
    oracle = solved("easy")
    policies = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 3, len(oracle.observations)))
    together = oracle.evaluate(policies)
    assert together.episode_return.shape == together.success_rate.shape == (2, 3)
    assert together.q_values.shape == policies.shape
    assert together.visitation.shape == policies.shape[:-1]
    for index in np.ndindex(2, 3):
        alone = oracle.evaluate(policies[index])
        assert alone.episode_return.shape == ()
        for quantity in ("episode_return", "success_rate", "q_values", "visitation"):
            assert getattr(together, quantity)[index].tobytes() == getattr(alone, quantity).tobytes()


def test_a_function_of_observations_a_tensor_and_probabilities_are_the_same_policy():
    oracle = solved("easy")

    def policy(observations):
        weights = np.exp(observations @ np.arange(10.0).reshape(2, 5))
        return weights / weights.sum(axis=-1, keepdims=True)

    table = policy(oracle.points)
    returns = {float(oracle.evaluate(p).episode_return) for p in (policy, table, torch.from_numpy(table))}
    assert len(returns) == 1
    coarse = oracle.evaluate(policy(oracle.observations)).episode_return
    assert coarse == pytest.approx(returns.pop(), rel=0.01)


def test_probabilities_of_sub_cells_hold_at_each_of_their_points():
    oracle = solved("easy")
    table = np.random.default_rng(0).dirichlet(np.ones(5), size=len(oracle.observations))
    at_points = np.vstack([table[oracle.sub_cells(oracle.points[:-1])], table[oracle.start_weights > 0].mean(axis=0)])
    one, other = oracle.evaluate(table), oracle.evaluate(at_points)
    assert one.episode_return == pytest.approx(float(other.episode_return), rel=1e-9)
    np.testing.assert_allclose(one.q_values, other.q_values, rtol=1e-9)


# The best that data allows ------------------------------------------------------------------------------------------


def every_pair(oracle):
    return oracle.observations.repeat(5, axis=0), np.tile(np.arange(5), len(oracle.observations))


@each_solved
def test_data_with_everything_allows_the_optimum_and_data_with_nothing_the_random_return(name):
    oracle = solved(name)
    assert oracle.best_return(*every_pair(oracle)) == pytest.approx(oracle.optimal_return, rel=1e-12)
    assert oracle.best_return(np.empty((0, 2)), np.empty(0, int)) == pytest.approx(oracle.random_return, rel=1e-9)


@each_solved
def test_data_of_one_action_everywhere_allows_that_action(name):
    oracle = solved(name)
    stay = np.zeros(len(oracle.observations), int)
    exact = oracle.evaluate(always(0)).episode_return
    assert oracle.best_return(oracle.observations, stay) == pytest.approx(exact, rel=1e-9)


@each_solved
def test_data_of_the_optimal_policy_everywhere_allows_what_it_earns(name):
    oracle = solved(name)
    best = oracle.best_return(oracle.observations, oracle.optimal_policy.argmax(axis=1))
    assert oracle.evaluate(oracle.optimal_policy).episode_return - 1e-9 <= best <= oracle.optimal_return


def test_some_episodes_of_the_optimal_policy_allow_nearly_the_optimum():
    oracle = solved("easy")
    (data,) = explore(near_expert(oracle, 0.0), MAZES["easy"], 1000, progress=False)
    assert 1.02 * oracle.optimal_return < oracle.best_return(data.observations, data.actions) <= oracle.optimal_return


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_no_data_allows_more_than_the_optimum_and_more_actions_at_the_same_places_never_hurt(seed, size):
    oracle, rng = solved("easy"), np.random.default_rng(seed)
    observations = oracle.observations[rng.integers(len(oracle.observations), size=size)]
    actions, others = rng.integers(5, size=(2, size))
    few = oracle.best_return(observations, actions)
    many = oracle.best_return(np.tile(observations, (2, 1)), np.concatenate([actions, others]))
    assert few <= many <= oracle.optimal_return


# The cache on disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLKIT_MINI_CACHE", str(tmp_path / "solved"))
    return tmp_path / "solved"


@pytest.fixture
def solutions(monkeypatch):
    """Grows whenever a maze is really solved."""
    calls = []
    solve = Oracle._solve_transitions
    monkeypatch.setattr(Oracle, "_solve_transitions", lambda oracle: calls.append(oracle) or solve(oracle))
    return calls


def facts(oracle):
    return oracle.optimal_q.tobytes(), oracle.optimal_return, oracle.random_return


def test_a_maze_is_solved_once_and_what_is_read_is_the_same_to_the_bit(cache, solutions):
    first, second = Oracle(MAZES["easy"]), Oracle(MAZES["easy"], discount=0.9)
    assert len(solutions) == 1
    assert facts(first) == facts(Oracle(MAZES["easy"]))
    assert facts(first) != facts(second)
    assert [path.suffix for path in cache.iterdir()] == [".npz"]  # and nothing half written


def test_mazes_and_resolutions_do_not_mix(cache, solutions):
    kinds = [(name, resolution) for name in ("easy", "medium") for resolution in (1, 2)]
    fresh = [facts(Oracle(MAZES[name], resolution=resolution)) for name, resolution in kinds]
    assert len(solutions) == len(set(fresh)) == len(kinds)
    assert fresh == [facts(Oracle(MAZES[name], resolution=resolution)) for name, resolution in kinds]
    assert len(solutions) == len(kinds)


class Trap:
    """Creates a file when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return type(self.marker).touch, (self.marker,)


def rewritten(change):
    """Damage that keeps the file readable: its arrays are replaced by what `change` makes of them."""

    def damage(path):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **(arrays | change(arrays)))

    return damage


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a matrix"),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-2000]),
    "a flipped byte": lambda path: path.write_bytes(b"".join([(b := path.read_bytes())[:999], b"\0!", b[1001:]])),
    "other arrays": lambda path: np.savez(path, weights=np.ones(3)),
    "pickle": lambda path: np.savez(path, data=np.array([Trap(path.with_name("marker"))]), indices=[0], indptr=[0]),
    "nan": rewritten(lambda arrays: {"data": arrays["data"] * np.nan}),
    "negative": rewritten(lambda arrays: {"data": -arrays["data"]}),
    "too probable": rewritten(lambda arrays: {"data": 2 * arrays["data"]}),
    "rounded": rewritten(lambda arrays: {"data": arrays["data"].astype(np.float32)}),
    "outside": rewritten(lambda arrays: {"indices": arrays["indices"] + 10**6}),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_solved_anew(cache, solutions, damage):
    sound = facts(Oracle(MAZES["easy"], resolution=1))
    (path,) = cache.iterdir()
    intact = path.read_bytes()
    DAMAGES[damage](path)
    assert facts(Oracle(MAZES["easy"], resolution=1)) == sound
    assert len(solutions) == 2
    assert not (cache / "marker").exists()
    if damage != "folder":
        assert path.read_bytes() == intact


def test_a_file_of_another_maze_is_solved_anew(cache):
    Oracle(MAZES["medium"], resolution=1)
    (foreign,) = cache.iterdir()
    sound = facts(Oracle(MAZES["easy"], resolution=1))
    (path,) = set(cache.iterdir()) - {foreign}
    shutil.copy(foreign, path)
    assert facts(Oracle(MAZES["easy"], resolution=1)) == sound


def test_a_cache_that_cannot_be_written_only_costs_time_and_a_sentence(cache, solutions, capsys):
    cache.write_text("a file where the folder should be")
    first, second = (facts(Oracle(MAZES["easy"], resolution=1)) for _ in range(2))
    assert first == second
    assert len(solutions) == 2
    assert cache.is_file()
    told = capsys.readouterr().out
    assert re.fullmatch(rf"solved mazes are not kept \(\[Errno \d+\] .*: '{cache}.*'\); RLKIT_MINI_CACHE .*\n", told)


def test_without_a_home_nothing_is_written_to_where_one_happens_to_be(solutions, tmp_path, monkeypatch, capsys):
    for variable in ("RLKIT_MINI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    homeless(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Oracle(MAZES["easy"], resolution=1)
    assert len(solutions) == 1
    assert not list(tmp_path.iterdir())
    told = capsys.readouterr().out.lower()  # in the words of pathlib or, newer, of platformdirs
    assert re.match(r"solved mazes are not kept \(could not determine .*home directory.*\); rlkit_mini_cache", told)


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"discount": 1}, "discount is 1; expected 0 <= discount < 1"),
        ({"discount": -0.1}, "discount is -0.1"),
        ({"discount": np.nan}, "discount is nan"),
        ({"resolution": 0}, "resolution is 0; expected an integer from 1 to 32"),
        ({"resolution": 2.5}, "resolution is 2.5"),
        ({"resolution": 1000}, "resolution is 1000"),
    ],
)
def test_an_oracle_refuses_settings_that_it_cannot_follow(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        Oracle(MAZES["easy"], **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p[:-1], r"shape \(2303, 5\); expected probabilities \(..., 2304, 5\)"),
        (lambda p: p[:, :4], r"shape \(2304, 4\)"),
        (lambda p: p[0], r"shape \(5,\)"),
        (lambda p: p * 1.01, "no distribution"),
        (lambda p: p - [0.3, -0.3, 0, 0, 0], "no distribution"),
        (lambda p: p * np.nan, "no distribution"),
        (lambda p: np.log(p), "no distribution"),
    ],
)
def test_what_is_no_policy_is_refused(change, words):
    oracle = solved("easy")
    probabilities = change(uniform(oracle.observations))
    for policy in (probabilities, lambda observations: probabilities):
        with pytest.raises(ValueError, match=words) as caught:
            oracle.evaluate(policy)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("observations", "actions"),
    [
        (np.zeros((3, 2)), np.array([0, 1, 5])),
        (np.zeros((3, 2)), np.array([0, 1, -1])),
        (np.zeros((3, 2)), np.array([0, 1, 0.5])),
        (np.zeros((3, 2)), np.zeros(2, int)),
        (np.zeros((3, 3)), np.zeros(3, int)),
    ],
)
def test_what_is_no_data_is_refused(observations, actions):
    with pytest.raises(ValueError, match=r"expected \(n, 2\), and \(n,\) from 0 to 4") as caught:
        solved("easy").best_return(observations, actions)
    assert "\n" not in str(caught.value)


def test_a_policy_that_is_rounded_loses_no_probability():
    oracle = Oracle(MAZES["medium"])
    rounded = oracle.evaluate(np.tile([0.333, 0.333, 0.333, 0, 0], (len(oracle.observations), 1)))
    exact = oracle.evaluate(np.tile([1 / 3, 1 / 3, 1 / 3, 0, 0], (len(oracle.observations), 1)))
    assert rounded.success_rate == pytest.approx(exact.success_rate, rel=1e-9)
