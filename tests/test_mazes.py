"""The four mazes are those of CS285's homework 5, whose maps are written here as x = 0, 1, ... with 1 for wall."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from scipy.ndimage import label

from rlkit_mini import Oracle, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import DQN
from rlkit_mini.mazes import MAZES, Maze, half_cells, half_cells_at
from rlkit_mini.names import UnknownNameError

HOMEWORK = {  # scale, start, goal, goal_radius, horizon, map
    "easy": (2, (1, 1), (9, 9), 2, 50, "00000 11110 11110 11110 11110"),
    "medium": (1, (0.5, 0.5), (1.5, 5.5), 1, 150, "001000 101010 001011 011001 001101 100001"),
    "hard": (
        *(2, (2, 2), (20, 20), 2, 100),
        "00000100000 00000100000 00000000000 00000100000 00000100000 10111100000 "
        "00000111011 00000100000 00000100000 00000000000 00000100000",
    ),
    "veryhard": (
        *(1, (0.5, 0.5), (0.5, 10.5), 1, 200),
        "01000100010 01010101010 01010101010 01010101010 00010001010 11111111010 "
        "11100010010 11101010110 00001000110 01111111110 00000000000",
    ),
}


def test_the_mazes_are_the_homeworks():
    assert list(MAZES) == list(HOMEWORK)


def test_every_cell_is_the_homeworks(maze):
    scale, *_, rows = HOMEWORK[maze.name]
    cells = [[cell == "1" for cell in row for _ in range(scale)] for row in rows.split() for _ in range(scale)]
    assert maze.walls.tolist() == cells
    assert maze.shape == (len(cells), len(cells[0]))
    assert maze.walls.dtype == bool


def test_start_goal_radius_and_horizon_are_the_homeworks(maze):
    _, *expected, _ = HOMEWORK[maze.name]
    assert [maze.start, maze.goal, maze.goal_radius, maze.horizon] == expected


def test_start_is_free_and_connected_to_the_goal_but_not_at_it(maze):
    regions, _ = label(~maze.walls)  # cells joined by an edge share a region; walls are region 0
    (start_x, start_y), (goal_x, goal_y) = maze.start, maze.goal
    assert regions[int(start_x), int(start_y)] == regions[int(goal_x), int(goal_y)] != 0
    assert np.hypot(goal_x - start_x, goal_y - start_y) >= maze.goal_radius


def test_a_map_cannot_be_changed(maze):
    with pytest.raises(ValueError, match="read-only"):
        maze.walls[0, 0] = True


def test_an_observation_is_the_position_over_the_maps_shape():
    hall = Maze("hall", np.zeros((4, 8), bool), start=(0, 0), goal=(4, 8), goal_radius=1, horizon=9)
    observations = hall.observe(np.array([[0, 0], [4, 0], [2, 2], [4, 8]]))
    assert observations.tolist() == [[0, 0], [1, 0], [0.5, 0.25], [1, 1]]
    assert observations.dtype == np.float32
    assert hall.positions(observations).tolist() == [[0, 0], [4, 0], [2, 2], [4, 8]]
    assert hall.positions(observations).dtype == np.float64


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("medum", "'medium'"),
        ("Medium", "'medium'"),
        ("very-hard", "'veryhard' or 'hard'"),
        ("ü\n", "'easy' or 'medium' or 'hard' or 'veryhard'"),
    ],
)
def test_an_unknown_maze_is_answered_with_the_closest_names_on_one_line(name, closest):
    with pytest.raises(UnknownNameError) as caught:
        MAZES[name]
    assert str(caught.value) == f"unknown maze {name!r}; did you mean {closest}?"
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, KeyError)


def test_half_cells_are_four_to_a_cell_and_the_far_border_belongs_to_the_last():
    maze = MAZES["medium"]
    places = np.array([[0.0, 0.0], [0.0, 0.6], [0.6, 0.0], [6.0, 6.0]])
    assert half_cells_at(maze, places).tolist() == [0, 1, 12, 143]
    assert half_cells(maze, maze.observe(places)).tolist() == [0, 1, 12, 143]


def test_every_half_cell_of_a_maze_has_a_number_of_its_own(maze):
    centres = np.stack(np.meshgrid(*(np.arange(0.25, size, 0.5) for size in maze.shape), indexing="ij"), axis=-1)
    assert half_cells_at(maze, centres).ravel().tolist() == list(range(4 * maze.walls.size))


def test_a_maze_is_equal_by_content_also_in_another_process_and_copied_with_its_data(maze):
    for copied in (copy.deepcopy(maze), pickle.loads(pickle.dumps(maze))):
        assert copied == maze
        assert {copied, maze} == {maze}
        assert copied != dataclasses.replace(maze, horizon=7)
        walls = copied.walls.copy()
        walls[0, -1] ^= True
        assert copied != dataclasses.replace(maze, walls=walls)
    assert maze != maze.name


def test_copied_data_is_trained_on_with_its_mazes_oracle():
    data = copy.deepcopy(load_dataset("pointmass/easy-rnd-v0")[:100])
    train_offline(DQN(), data, 2, Oracle(MAZES["easy"], resolution=2), progress=False)
    fine_tune(DQN(), data, MAZES["easy"], 1, 1, progress=False)
