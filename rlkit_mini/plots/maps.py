"""What lies on a maze: its walls, values, visits, arrows, paths."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.image import AxesImage
from matplotlib.patches import Circle
from matplotlib.quiver import Quiver
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from rlkit_mini.mazes import Maze, check_maze, half_cells_at
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.style import GOAL, INK, QUIET, START, WALL, shades
from rlkit_mini.pointmass import ACTIONS, at_goal

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Transitions

# Without the ends that look like wall, or like places without a value
VALUES = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.2, 1, 256)))
VISITS = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.15, 0.95, 256)))
GOAL_EDGE = "#4a9c78"


def draw_maze(ax: Axes, maze: Maze, ticks: bool = True) -> None:
    """Walls, start (S) and goal (G, the disc that ends an episode), x right and y up, in cells.

    Raises:
        TypeError: no maze.
    """
    check_maze(maze)
    width, height = maze.shape
    walls = np.where(maze.walls, 1.0, np.nan).T
    ax.imshow(walls, ListedColormap([WALL]), zorder=2, **_extent(maze))
    ax.add_patch(Circle(maze.goal, maze.goal_radius, facecolor=GOAL, edgecolor=GOAL_EDGE, linewidth=1, zorder=1.5))
    badge = {"ha": "center", "va": "center", "fontsize": 8, "fontweight": "bold", "zorder": 5, "clip_on": False}
    circle = {"boxstyle": "circle,pad=0.15", "linewidth": 1, "edgecolor": "white"}
    ax.text(*maze.start, "S", color="white", bbox=circle | {"facecolor": START}, **badge)
    ax.text(*maze.goal, "G", color="white", bbox=circle | {"facecolor": "#00694b"}, **badge)
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.spines[:].set(visible=True, color=WALL, linewidth=1.5)
    if ticks:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
        ax.set_xlabel("x (cells)", fontsize=9, color=INK)
        ax.set_ylabel("y (cells)", fontsize=9, color=INK)
    else:
        ax.set(xticks=[], yticks=[])


def _extent(maze: Maze) -> dict:
    return {"origin": "lower", "extent": (0, maze.shape[0], 0, maze.shape[1]), "interpolation": "nearest"}


def map_limits(oracle: Oracle, *maps: np.ndarray, centred: bool = False) -> tuple[float, float]:
    """One scale for all the maps (..., sub-cells): without the goal's inside and the outermost percent of values."""
    outside = ~at_goal(oracle.maze, oracle.maze.positions(oracle.observations))
    values = np.concatenate([np.asarray(values)[..., outside].ravel() for values in maps])
    low, high = np.quantile(values, [0.01, 0.99])
    reach = max(abs(low), abs(high), 1e-6)
    return (-reach, reach) if centred else (float(low), float(max(high, low + 1e-6)))


def draw_map(
    ax: Axes,
    oracle: Oracle,
    values: np.ndarray,
    label: str,
    limits: tuple[float, float] | None = None,
    diverging: bool = False,
    ticks: bool = True,
) -> AxesImage:
    """Values (sub-cells,) as a coloured map of the maze with a colour bar; the image.

    Args:
        label: of the colour bar, with its unit.
        limits: (low, high) of the colours; maps that are compared are given the same (see `map_limits`).
        diverging: blue below zero, white, red above, such as for overestimation.
    """
    low, high = map_limits(oracle, values, centred=diverging) if limits is None else limits
    style = {"vmin": low, "vmax": high, "zorder": 1} | _extent(oracle.maze)
    image = ax.imshow(oracle.on_grid(values).T, "RdBu_r" if diverging else VALUES, **style)
    _draw_bar(ax, image, label, extend="both")
    draw_maze(ax, oracle.maze, ticks)
    return image


def draw_visits(
    ax: Axes, maze: Maze, positions: np.ndarray, limit: float | None = None, ticks: bool = True
) -> AxesImage:
    """How often positions (n, 2) lie in each half-cell, in colours of a logarithmic scale up to `limit`; the image."""
    seen = visits_on_grid(maze, positions)
    norm = LogNorm(1, max(limit or np.nanmax(seen), 2))
    ax.imshow(np.ones_like(seen.T), ListedColormap(["white"]), zorder=1.55, **_extent(maze))  # not the goal's colour
    image = ax.imshow(seen.T, VISITS, norm, zorder=1.6, **_extent(maze))  # above the goal's disc: it is visited too
    ax.add_patch(Circle(maze.goal, maze.goal_radius, fill=False, edgecolor=GOAL_EDGE, linewidth=1, zorder=1.7))
    bar = _draw_bar(ax, image, "visits of a half-cell (white: none)", extend="neither")
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    draw_maze(ax, maze, ticks)
    return image


def visits_on_grid(maze: Maze, positions: np.ndarray) -> np.ndarray:
    """How many of positions (n, 2) lie in each half-cell (2 width, 2 height); nan where none does."""
    counts = np.bincount(half_cells_at(maze, positions), minlength=4 * maze.walls.size)
    return np.where(counts > 0, counts, np.nan).reshape(2 * maze.shape[0], 2 * maze.shape[1])


def _draw_bar(ax: Axes, image: AxesImage, label: str, extend: str) -> Colorbar:
    """A colour bar as high as the map, its ends pointed where values may lie beyond."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0, 0.04, 1]), extend=extend, extendfrac=0.03)
    bar.set_label(label, fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=QUIET, labelcolor=INK, labelsize=8.5, length=2)
    return bar


def draw_arrows(ax: Axes, oracle: Oracle, probabilities: np.ndarray) -> Quiver:
    """Where a policy (sub-cells, 5) goes on average in each half-cell (or cell of a large maze); a dot: nowhere."""
    places, moves, size = directions(oracle, probabilities)
    style = {"units": "xy", "width": 0.13 * size, "headwidth": 3.4, "headlength": 3.4, "minlength": 2.2}
    style |= {"pivot": "mid", "color": "white", "edgecolor": "#222222", "linewidth": 0.5, "zorder": 4}
    return ax.quiver(*places.T, *moves.T, angles="xy", scale_units="xy", scale=1.0, headaxislength=3.2, **style)


def directions(oracle: Oracle, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Places and arrows (n, 2) of a policy (sub-cells, 5) and their distance, in cells."""
    size = 0.5 if max(oracle.maze.shape) <= 12 else 1.0
    centres = oracle.maze.positions(oracle.observations)
    _, owner, counts = np.unique(np.floor(centres / size), axis=0, return_inverse=True, return_counts=True)
    average = np.zeros((len(counts), 4))
    np.add.at(average, owner.ravel(), np.hstack([centres, np.asarray(probabilities, dtype=np.float64) @ ACTIONS]))
    average = average / counts[:, None]
    places, moves = np.hsplit(average[~at_goal(oracle.maze, average[:, :2])], 2)  # in the goal nobody acts
    length = np.linalg.norm(moves, axis=1, keepdims=True)
    return places, 0.72 * size * np.where(length > 0.2, moves / np.maximum(length, 0.2), 0.0), size


def draw_paths(ax: Axes, data: Transitions, episodes: int | Collection[int] = 5) -> None:
    """The paths of some episodes of `Transitions`, early ones light, each ended by a dot (goal) or a cross (cut off).

    Args:
        episodes: how many from the first on, or their numbers.
    """
    numbers = range(episodes) if isinstance(episodes, int) else episodes
    chosen = [episode for number, episode in enumerate(data.episodes) if number in numbers]
    for episode, color in zip(chosen, shades("CQL", len(chosen)), strict=True):
        places = episode.positions
        ax.plot(*places.T, color=color, linewidth=1.1, alpha=0.9, zorder=3)
        ax.plot(*places[-1], "o" if episode.terminations[-1] else "X", color=color, markeredgecolor="white", zorder=4)
    draw_maze(ax, data.maze)
