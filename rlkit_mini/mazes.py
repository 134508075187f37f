"""The four Pointmass mazes (maps of Berkeley CS285, homework 5), drawn as the figures show them: x right, y up."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np


class UnknownNameError(KeyError):
    """A name that a catalogue does not hold; the message gives the closest ones."""

    def __str__(self) -> str:
        return self.args[0]


class Catalogue(dict):
    """A dict of named things whose missing keys raise `UnknownNameError` with the closest names."""

    def __init__(self, kind: str, items) -> None:
        super().__init__(items)
        self.kind = kind

    def __missing__(self, name):
        lower = {key.lower(): key for key in self}
        close = difflib.get_close_matches(str(name).lower(), lower, n=3, cutoff=0.5)
        close = [lower[key] for key in close] or list(self)[:4]
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "there is none at all"
        raise UnknownNameError(f"unknown {self.kind} {name!r}; {hint}")


@dataclass(frozen=True, eq=False)
class Maze:
    """A walled box, in cell units; the first index of every array and pair is x, the second y.

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
        return self.walls.shape

    @property
    def env_id(self) -> str:
        """Gymnasium's id of this maze's environment."""
        return f"rlkit_mini/Pointmass{'VeryHard' if self.name == 'veryhard' else self.name.title()}-v0"

    def observe(self, positions: np.ndarray) -> np.ndarray:
        """Observations (n, 2) float32 in [0, 1] of positions (n, 2): position over map shape."""
        return (positions / self.shape).astype(np.float32)

    def positions(self, observations: np.ndarray) -> np.ndarray:
        """Positions (n, 2) float64 of observations (n, 2), the inverse of `observe` up to float32."""
        return np.asarray(observations, dtype=np.float64) * self.shape

    def __repr__(self) -> str:
        return f"Maze({self.name!r}, shape={self.shape}, horizon={self.horizon})"


def check_maze(maze) -> None:
    """Raise a TypeError where something else than a maze was given, such as its name."""
    if not isinstance(maze, Maze):
        raise TypeError(f"maze is {maze!r}; expected one of MAZES, such as MAZES['medium']")


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
