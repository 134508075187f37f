"""The four Pointmass mazes (maps of Berkeley CS285, homework 5), drawn as the figures show them: x right, y up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rlkit_mini.names import Catalogue


@dataclass(frozen=True, eq=False)
class Maze:
    """A walled box, in cell units; the first index of every array and pair is x, the second y. Equal by content.

    Attributes:
        walls: (width, height) bool, True is wall.
        start, goal: (x, y) positions.
        goal_radius: an episode terminates strictly nearer than this to the goal (Euclidean).
        horizon: steps after which an episode is truncated.
    """

    name: str
    walls: np.ndarray
    start: tuple[float, float]
    goal: tuple[float, float]
    goal_radius: float
    horizon: int

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height, in cells."""
        return self.walls.shape

    @property
    def sizes(self) -> dict[str, int]:
        """What an agent has to know of it: the length of an observation, and the number of actions."""
        return {"observation_size": 2, "action_count": 5}

    @property
    def env_id(self) -> str:
        """Gymnasium's id of this maze's environment."""
        return f"rlkit_mini/Pointmass{'VeryHard' if self.name == 'veryhard' else self.name.title()}-v0"

    def observe(self, positions: np.ndarray) -> np.ndarray:
        """Observations (n, 2) float32 in [0, 1] of positions (n, 2): position over map shape."""
        return (positions / self.shape).astype(np.float32)

    def positions(self, observations: ArrayLike) -> np.ndarray:
        """Positions (n, 2) float64 of observations (n, 2), the inverse of `observe` up to float32."""
        return np.asarray(observations, dtype=np.float64) * self.shape

    def _content(self) -> tuple:
        return self.name, self.shape, self.walls.tobytes(), self.start, self.goal, self.goal_radius, self.horizon

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, Maze) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        return f"Maze({self.name!r}, shape={self.shape}, horizon={self.horizon})"


def check_maze(maze: Any) -> None:
    """Raise a TypeError where something else than a maze was given, such as its name, or another environment."""
    if not isinstance(maze, Maze):
        wanted = "one of MAZES, such as MAZES['medium']: only mazes are solved and drawn"
        raise TypeError(f"maze is {maze!r}; expected {wanted}")


def _draw(name, drawing, scale, start, goal, goal_radius, horizon) -> Maze:
    if set(drawing) - set(".# \n") or len({len(row) for row in drawing.split()}) != 1:
        raise ValueError(f"the map of {name!r} is no rectangle of '.' and '#'; expected rows of equal length of these")
    rows = drawing.split()[::-1]  # the lowest line is y = 0
    walls = np.array([[cell == "#" for cell in row] for row in rows]).T
    walls = walls.repeat(scale, axis=0).repeat(scale, axis=1)
    walls.flags.writeable = False
    return Maze(name, walls, start, goal, goal_radius, horizon)


EASY = """
.....
.####
.####
.####
.####
"""

MEDIUM = """
..####
.##...
....#.
#####.
...#..
.#...#
"""

HARD = """
......#....
......#....
...........
......#....
......#....
##.######.#
.....#.....
.....#.....
.....#.....
...........
.....#.....
"""

VERYHARD = """
...........
##########.
.......###.
.#####...#.
.....###.#.
####.#...#.
.....#.###.
.#####...#.
.....###.#.
####.###.#.
.....###...
"""

MAZES = Catalogue(
    "maze",
    {
        "easy": _draw("easy", EASY, 2, start=(1, 1), goal=(9, 9), goal_radius=2, horizon=50),
        "medium": _draw("medium", MEDIUM, 1, start=(0.5, 0.5), goal=(1.5, 5.5), goal_radius=1, horizon=150),
        "hard": _draw("hard", HARD, 2, start=(2, 2), goal=(20, 20), goal_radius=2, horizon=100),
        "veryhard": _draw("veryhard", VERYHARD, 1, start=(0.5, 0.5), goal=(0.5, 10.5), goal_radius=1, horizon=200),
    },
)


def half_cells(maze: Maze, observations: ArrayLike) -> np.ndarray:
    """The number of the half-cell (...,) in which each observation (..., 2) lies, those in walls counted too."""
    return half_cells_at(maze, maze.positions(observations))


def half_cells_at(maze: Maze, positions: ArrayLike) -> np.ndarray:
    """As `half_cells`, of positions (..., 2) in cells; the maze's far border belongs to the last half-cells."""
    places = np.floor(2 * np.asarray(positions)).astype(int)
    x, y = np.moveaxis(np.clip(places, 0, 2 * np.array(maze.shape) - 1), -1, 0)
    return x * 2 * maze.shape[1] + y


def inside_walls(maze: Maze, observations: ArrayLike) -> np.ndarray:
    """Whether observations (n, 2) are of places within walls, further than single precision is from true: (n,) bool."""
    around = maze.positions(observations)[:, None] + 1e-4 * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    x, y = np.moveaxis(np.clip(np.floor(around), 0, np.array(maze.shape) - 1).astype(int), -1, 0)
    return maze.walls[x, y].all(axis=1)


def blocks(maze: Maze) -> list[tuple[float, float]]:
    """The centres of the free blocks that a route is drawn on: cells, or 2 x 2 cells of a large maze."""
    size = block_size(maze)
    free = ~maze.walls[::size, ::size]
    return [tuple(float(size * (index + 0.5)) for index in block) for block in np.argwhere(free)]


def block_size(maze: Maze) -> int:
    """In cells."""
    return 1 if max(maze.shape) <= 12 else 2


def in_block(maze: Maze, place: tuple[float, float], positions: ArrayLike) -> np.ndarray:
    """Whether positions (..., 2) lie in the block of a place: (...,) bool."""
    size = block_size(maze)
    return (np.floor(np.asarray(positions) / size) == np.floor(np.array(place) / size)).all(axis=-1)
