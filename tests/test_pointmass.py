"""Pointmass: the dynamics against a slow scalar reference, the environments against Gymnasium's own rules."""

import math
import warnings
from dataclasses import dataclass
from itertools import product

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.names import UnknownNameError
from rlkit_mini.pointmass import PointmassEnv, PointmassVectorEnv, at_goal, displace, transition

ENV_IDS = {
    "easy": "rlkit_mini/PointmassEasy-v0",
    "medium": "rlkit_mini/PointmassMedium-v0",
    "hard": "rlkit_mini/PointmassHard-v0",
    "veryhard": "rlkit_mini/PointmassVeryHard-v0",
}
STAY, DOWN, UP, LEFT, RIGHT = range(5)
VECTORS = {STAY: (0, 0), DOWN: (0, -1), UP: (0, 1), LEFT: (-1, 0), RIGHT: (1, 0)}

# The homework's maps are all square; this one is not.
OBLONG = Maze("oblong", np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]], bool), (0, 0), (5, 2), 1, 9)
ALL_MAZES = [*MAZES.values(), OBLONG]
each_maze = pytest.mark.parametrize("maze", ALL_MAZES, ids=lambda maze: maze.name)
each_mode = pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP], ids=lambda m: m.name)


# The dynamics -------------------------------------------------------------------------------------------------------


def is_free(maze, x, y):
    width, height = maze.shape
    if x < 0 or x > width or y < 0 or y > height:
        return False
    return not maze.walls[min(math.floor(x), width - 1), min(math.floor(y), height - 1)]


def slow_displace(maze, x, y, dx, dy):
    for _ in range(10):
        if is_free(maze, x + dx / 10, y):
            x = x + dx / 10
        if is_free(maze, x, y + dy / 10):
            y = y + dy / 10
    return x, y


def assert_displaces_like_the_reference(maze, positions, displacements):
    expected = [slow_displace(maze, *row) for row in np.hstack([positions, displacements]).tolist()]
    assert displace(maze, positions, displacements).tolist() == [list(end) for end in expected]  # no tolerance


def uniform_free_positions(maze, n, rng):
    positions = rng.uniform(0, maze.shape, (4 * n, 2))
    return positions[~maze.walls[tuple(positions.astype(int).T)]][:n]


@each_maze
def test_random_walks_equal_the_scalar_reference_at_every_step(maze):
    rng = np.random.default_rng(0)
    positions = uniform_free_positions(maze, 100, rng)
    for scale in [0.5, 1, 5, 0.5, 20, 0.5, 1, 5]:
        displacements = rng.normal(0, scale, positions.shape)
        assert_displaces_like_the_reference(maze, positions, displacements)
        positions = displace(maze, positions, displacements)


@each_maze
def test_moves_from_and_to_grid_lines_borders_and_corners_equal_the_scalar_reference(maze):
    width, height = maze.shape
    corners = list(product(range(width + 1), range(height + 1)))
    lengths = [0.0, -0.0, 1.0, -1.0, 10.0, -10.0, 1e-13, -1e-13, 1e300, -1e300]  # 10: each substep ends on a grid line
    moves = np.array([(*corner, *move) for corner in corners for move in product(lengths, lengths)])
    assert_displaces_like_the_reference(maze, moves[:, :2], moves[:, 2:])


@st.composite
def free_points_and_displacements(draw, points=1):
    maze = draw(st.sampled_from(ALL_MAZES))
    length = st.floats(-1e6, 1e6) | st.floats(-3, 3) | st.integers(-30, 30).map(float)
    inside = st.tuples(*(st.floats(0, size) | st.integers(0, size).map(float) for size in maze.shape))
    positions = st.lists(inside.filter(lambda point: is_free(maze, *point)), min_size=points, max_size=points)
    displacements = st.lists(st.tuples(length, length), min_size=points, max_size=points)
    return maze, np.array(draw(positions)), np.array(draw(displacements))


@given(free_points_and_displacements())
def test_a_free_point_never_ends_in_a_wall_or_outside(case):
    maze, positions, displacements = case
    assert is_free(maze, *displace(maze, positions, displacements)[0])


@given(free_points_and_displacements())
def test_any_move_equals_the_scalar_reference(case):
    assert_displaces_like_the_reference(*case)


@given(free_points_and_displacements())
def test_without_displacement_a_point_stays(case):
    maze, positions, displacements = case
    assert displace(maze, positions, 0 * displacements).tolist() == positions.tolist()


@given(free_points_and_displacements(points=5))
def test_points_moved_together_end_where_they_end_alone(case):
    maze, positions, displacements = case
    alone = [displace(maze, positions[[i]], displacements[[i]])[0] for i in range(5)]
    assert displace(maze, positions, displacements).tobytes() == np.array(alone).tobytes()


def test_moving_leaves_its_arguments_alone(maze):
    positions, displacements = np.array([maze.start], float), np.ones((1, 2))
    displace(maze, positions, displacements)
    assert (positions.tolist(), displacements.tolist()) == ([list(maze.start)], [[1, 1]])


@pytest.mark.parametrize("action", VECTORS)
def test_an_action_moves_by_its_vector_plus_half_the_noise(action):
    middle, noise = np.array([[4.0, 3.0]]), np.array([[0.25, -0.75]])
    hall = Maze("hall", np.zeros((9, 7), bool), start=(1, 1), goal=(8, 6), goal_radius=1, horizon=9)
    moved, _, _ = transition(hall, middle, np.array([action]), noise)
    np.testing.assert_allclose(moved, middle + VECTORS[action] + noise / 2, rtol=1e-14)


# Reward, termination, truncation ------------------------------------------------------------------------------------


def test_the_goal_is_strictly_nearer_than_its_radius(maze):
    x, y = maze.goal
    rim = y - maze.goal_radius
    assert at_goal(maze, np.array([[x, rim], [x, math.nextafter(rim, y)], [x, y]])).tolist() == [False, True, True]
    places = np.random.default_rng(0).uniform(0, maze.shape, (500, 2))
    assert at_goal(maze, places).tolist() == [math.dist(place, maze.goal) < maze.goal_radius for place in places]


def test_a_step_costs_one_unless_it_ends_at_the_goal(maze):
    positions = np.array([maze.start, maze.goal], float)
    _, rewards, terminations = transition(maze, positions, np.array([STAY, STAY]), np.zeros((2, 2)))
    assert (rewards.tolist(), terminations.tolist()) == ([-1, 0], [False, True])


@pytest.mark.parametrize(("begin", "end", "ends_it"), [(0, 9, True), (0, 20, False), (10, 11, True), (10, 15, False)])
def test_only_where_a_step_ends_counts_not_where_it_begins_or_passes(begin, end, ends_it):
    hall = Maze("hall", np.zeros((40, 1), bool), start=(0, 0), goal=(10, 0), goal_radius=2, horizon=9)
    noise = np.array([[2.0 * (end - begin), 0.0]])
    ends, rewards, terminations = transition(hall, np.array([[begin, 0.0]]), np.array([STAY]), noise)
    np.testing.assert_allclose(ends, [[end, 0]])
    assert (rewards.item(), terminations.item()) == (0 if ends_it else -1, ends_it)


def test_reaching_the_goal_terminates_and_does_not_truncate(maze):
    env = gym.make(ENV_IDS[maze.name])
    env.reset(seed=0)
    env.unwrapped.position = np.array([maze.goal], float)
    _, reward, terminated, truncated, _ = env.step(STAY)
    assert (reward, terminated, truncated) == (0, True, False)


def test_the_time_limit_truncates_and_does_not_terminate(maze):
    env = gym.make(ENV_IDS[maze.name])
    env.reset(seed=0)
    steps = [env.step(STAY)[1:4] for _ in range(maze.horizon)]
    assert steps == [(-1, False, False)] * (maze.horizon - 1) + [(-1, False, True)]


# The environments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_gymnasiums_checker_has_nothing_to_say(maze, render_mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(ENV_IDS[maze.name], render_mode=render_mode).unwrapped)


def test_the_registered_environments_are_the_mazes(maze):
    spec, env, vector = gym.spec(ENV_IDS[maze.name]), gym.make(maze.env_id), gym.make_vec(maze.env_id, num_envs=3)
    assert maze.env_id == ENV_IDS[maze.name]
    assert (spec.entry_point, spec.vector_entry_point) == (
        "rlkit_mini.pointmass:PointmassEnv",
        "rlkit_mini.pointmass:PointmassVectorEnv",
    )
    assert spec.max_episode_steps == maze.horizon == vector.unwrapped.max_episode_steps
    assert env.unwrapped.maze is maze is vector.unwrapped.maze
    assert env.observation_space == gym.spaces.Box(0, 1, (2,), np.float32) == vector.single_observation_space
    assert env.action_space == gym.spaces.Discrete(5) == vector.single_action_space
    assert vector.num_envs == 3
    assert vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


def observations_of(env, seed, steps=20):
    actions = np.random.default_rng(0).integers(5, size=(steps, *env.action_space.shape))
    return [env.reset(seed=seed)[0].tolist(), *(env.step(action)[0].tolist() for action in actions)]


@pytest.mark.parametrize("make", [gym.make, lambda env_id: gym.make_vec(env_id, num_envs=3)], ids=["single", "vector"])
def test_the_seed_determines_the_trajectory(maze, make):
    env = make(ENV_IDS[maze.name])
    first = observations_of(env, seed=7)
    assert observations_of(env, seed=7) == first == observations_of(make(ENV_IDS[maze.name]), seed=7)
    assert observations_of(env, seed=8) != first


def test_a_step_draws_its_noise_once_from_the_environments_generator(maze):
    env, generator = PointmassEnv(maze.name), np_random(3)[0]
    observation, _ = env.reset(seed=3)
    position = maze.start
    for action in np.random.default_rng(0).integers(5, size=50).tolist():
        assert observation.tolist() == np.float32([position[0] / maze.shape[0], position[1] / maze.shape[1]]).tolist()
        noise_x, noise_y = generator.standard_normal(2).tolist()
        vector_x, vector_y = VECTORS[action]
        position = slow_displace(maze, *position, vector_x + 0.5 * noise_x, vector_y + 0.5 * noise_y)
        observation, *_ = env.step(action)
    assert env.np_random.bit_generator.state == generator.bit_generator.state


# Many environments at once ------------------------------------------------------------------------------------------


@each_mode
def test_a_vector_of_one_is_the_single_environment_until_its_first_end(maze, mode):
    single, vector = gym.make(maze.env_id), gym.make_vec(maze.env_id, num_envs=1, autoreset_mode=mode)
    assert single.reset(seed=5)[0].tolist() == vector.reset(seed=5)[0][0].tolist()
    ended = False
    while not ended:
        action = int(np.random.default_rng(single.get_wrapper_attr("_elapsed_steps")).integers(5))
        observation, *outcome, _ = single.step(action)
        observations, *outcomes, info = vector.step([action])
        ended = any(outcome[1:])
        last = info["final_obs"][0] if ended and mode == AutoresetMode.SAME_STEP else observations[0]
        assert (last.tolist(), *outcome) == (observation.tolist(), *(column.item() for column in outcomes))


@dataclass
class Scripted:
    """Stands in for a generator whose next draw is known."""

    noise: np.ndarray

    def standard_normal(self, size):
        return self.noise.reshape(size)


@each_mode
def test_many_points_are_reset_as_gymnasiums_own_vector_of_single_environments(mode):
    copies, steps, limit = 6, 120, {"max_episode_steps": 25}  # the goal is some 20 steps away
    vector = gym.make_vec(ENV_IDS["easy"], num_envs=copies, autoreset_mode=mode, **limit)
    theirs = SyncVectorEnv([lambda: gym.make(ENV_IDS["easy"], **limit)] * copies, autoreset_mode=mode)
    assert data_equivalence(vector.reset(seed=11), theirs.reset(), exact=True)
    generator, ends = np_random(11)[0], np.zeros(2, int)
    for actions in np.random.default_rng(0).choice([UP, RIGHT], (steps, copies)):
        for env, noise in zip(theirs.envs, generator.standard_normal((copies, 2)), strict=True):
            env.unwrapped.np_random = Scripted(noise)
        step = vector.step(actions)
        assert data_equivalence(step, theirs.step(actions), exact=True)
        ends += [step[2].sum(), (step[3] & ~step[2]).sum()]
    assert (ends > 5).all()  # episodes ended both ways


def test_with_a_seed_each_a_copy_is_the_same_whoever_else_is_there(maze):
    def path(seeds, copy):
        vector = PointmassVectorEnv(len(seeds), maze)
        vector.reset(seed=seeds)
        return [vector.step(np.full(len(seeds), UP))[0][copy].tolist() for _ in range(50)]

    assert path([5], 0) == path([1, 5, 8], 1) == path((5, 5), 0) == path(np.array([5, 5]), 1)
    assert path([1, 5, 8], 0) != path([1, 5, 8], 1)


def test_after_seeds_of_their_own_one_seed_is_for_all_again_and_none_goes_on():
    vector = PointmassVectorEnv(2, "easy")

    def steps(seed):
        vector.reset(seed=seed)
        return [vector.step([STAY, STAY])[0].tolist() for _ in range(5)]

    one, each = steps(3), steps([3, 3])
    assert all(left == right for left, right in each)
    assert all(left != right for left, right in one)
    assert steps(None) != each
    assert steps(3) == one
    assert steps([3, 3]) == each


@each_mode
def test_a_reset_at_any_time_begins_anew(mode):
    vector = PointmassVectorEnv(2, "easy", max_episode_steps=3, autoreset_mode=mode)

    def begin():
        return [vector.reset(seed=0), *(vector.step([UP, RIGHT]) for _ in range(5))]

    first = begin()
    for steps_before in range(4):
        for _ in range(steps_before):
            vector.step([UP, RIGHT])
        assert data_equivalence(begin(), first, exact=True)


def test_next_step_spends_one_step_without_action_or_reward_on_the_reset():
    vector = PointmassVectorEnv(2, "medium", max_episode_steps=3)
    start, _ = vector.reset(seed=0)
    for episode_step in [1, 2, 3, 0, 1, 2, 3, 0]:
        observations, rewards, terminations, truncations, info = vector.step([RIGHT, UP])
        assert rewards.tolist() == [-1.0 if episode_step else 0.0] * 2
        assert truncations.tolist() == [episode_step == 3] * 2
        assert (observations == start).all() == (episode_step == 0)
        assert not terminations.any()
        assert not info


def test_same_step_returns_the_reset_observation_and_keeps_the_episodes_last_one():
    vector = PointmassVectorEnv(2, "easy", max_episode_steps=3, autoreset_mode=AutoresetMode.SAME_STEP)
    start, _ = vector.reset(seed=0)
    vector.positions[1] = vector.maze.goal
    observations, rewards, terminations, truncations, info = vector.step([STAY, STAY])
    assert (rewards.tolist(), terminations.tolist(), truncations.tolist()) == ([-1, 0], [False, True], [False, False])
    assert info["_final_obs"].tolist() == [False, True]
    assert info["final_obs"][0] is None
    assert at_goal(vector.maze, vector.maze.positions(info["final_obs"][1]))
    assert (observations == start).all(axis=-1).tolist() == [False, True]


# Pictures -----------------------------------------------------------------------------------------------------------


def test_a_picture_shows_the_point_where_it_is_with_y_up(maze):
    env, (width, height) = gym.make(ENV_IDS[maze.name], render_mode="rgb_array"), maze.shape
    env.reset(seed=0)
    for x, y in [maze.start, (width - 0.5, height / 4), maze.goal]:
        env.unwrapped.position = np.array([[x, y]])
        picture = env.render()
        assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
        pixels = picture.shape[0] / height
        assert picture.shape[1] / width == pixels == int(pixels)
        colour = picture[int((height - y) * pixels), int(x * pixels)]
        rows, columns = np.nonzero((picture == colour).all(axis=-1))
        centre = (columns.mean() + 0.5) / pixels, height - (rows.mean() + 0.5) / pixels
        np.testing.assert_allclose(centre, (x, y), atol=0.1)


def test_a_picture_paints_walls_and_free_cells_in_different_colours(maze):
    env = PointmassEnv(maze.name, render_mode="rgb_array")
    picture = env.render()
    half = picture.shape[0] // maze.shape[1] // 2
    cells = picture[half :: 2 * half, half :: 2 * half][::-1].transpose(1, 0, 2)  # (width, height, 3): cell centres
    wall_colours, free_colours = ({*map(tuple, cells[chosen].tolist())} for chosen in (maze.walls, ~maze.walls))
    assert len(wall_colours) == 1
    assert not wall_colours & free_colours


def test_a_vector_of_environments_renders_one_picture_each():
    vector = gym.make_vec(ENV_IDS["hard"], num_envs=2, render_mode="rgb_array")
    vector.reset(seed=0)
    single = PointmassEnv("hard", render_mode="rgb_array")
    np.testing.assert_array_equal(vector.render(), [single.render()] * 2)


# Bad input ----------------------------------------------------------------------------------------------------------


def says_in_one_line(caught, *words):
    message = str(caught.value)
    return len(message.splitlines()) == 1 and all(word in message for word in words)


@pytest.mark.parametrize("action", [5, -1, 1.5, 1.0, None, "up", np.zeros((3, 40), int)])
def test_an_action_outside_the_five_is_refused(action):
    env = PointmassEnv("easy")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action is") as caught:
        env.step(action)
    assert says_in_one_line(caught, "expected an integer from 0 to 4")


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (np.full(100, 5), ["from 5 to 5", "from 0 to 4"]),
        (np.full(100, -1), ["from -1 to -1", "from 0 to 4"]),
        (np.full(100, 1.5), ["float64", "100 integers"]),
        (np.zeros((100, 2), int), ["(100, 2)", "100 integers"]),
        (np.zeros(99, int), ["(99,)", "100 integers"]),
        (3, ["()", "100 integers"]),
    ],
)
def test_actions_that_are_not_one_of_the_five_for_each_point_are_refused(actions, words):
    vector = PointmassVectorEnv(100, "easy")
    vector.reset(seed=0)
    with pytest.raises(ValueError, match="actions are") as caught:
        vector.step(actions)
    assert says_in_one_line(caught, *words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_envs": 0}, ["num_envs is 0", "at least 1"]),
        ({"max_episode_steps": 0}, ["max_episode_steps is 0", "at least 1"]),
        ({"autoreset_mode": AutoresetMode.DISABLED}, ["DISABLED", "NEXT_STEP or SAME_STEP"]),
        ({"render_mode": "human"}, ["'human'", "'rgb_array'"]),
    ],
)
def test_a_vector_environment_refuses_settings_that_it_cannot_follow(settings, words):
    with pytest.raises(ValueError, match="expected") as caught:
        PointmassVectorEnv(**settings)
    assert says_in_one_line(caught, *words)


def test_an_environment_refuses_an_unknown_render_mode():
    with pytest.raises(ValueError, match="render_mode is 'human'") as caught:
        PointmassEnv("easy", render_mode="human")
    assert says_in_one_line(caught, "'rgb_array'")


@pytest.mark.parametrize("environment", [PointmassEnv, PointmassVectorEnv])
def test_an_environment_of_an_unknown_maze_names_the_closest(environment):
    with pytest.raises(UnknownNameError) as caught:
        environment(maze="midium")
    assert says_in_one_line(caught, "'midium'", "'medium'")
