"""Every figure of the workbook: the same colours, walls and labels everywhere. Nothing here uses pyplot.

The draw functions put one thing on given axes. Maps are arrays over an oracle's sub-cells, and compared maps are given
the same `limits`. A figure as a cell's last expression shows itself.
"""

from __future__ import annotations

import base64
import html
import io
import os
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from rlkit_mini.alternative_text import alternative_text
from rlkit_mini.evaluation import bootstrap_interval, interquartile_mean
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import Maze
from rlkit_mini.oracle import Oracle
from rlkit_mini.pointmass import ACTIONS, at_goal

INK, QUIET, GRID, WALL, GOAL, START = "#333333", "#777777", "#e8e8e8", "#464650", "#a0dcbe", "#d55e00"
LOOKS = {  # Okabe and Ito's colours, which colour-blind readers tell apart; marker and line differ as well
    "random": {"color": "#8c8c8c", "marker": "x", "linestyle": ":"},
    "RND": {"color": "#56b4e9", "marker": "v", "linestyle": "-"},
    "BC": {"color": "#e69f00", "marker": "s", "linestyle": "--"},
    "DQN": {"color": "#d55e00", "marker": "o", "linestyle": "-"},
    "CQL": {"color": "#0072b2", "marker": "D", "linestyle": "-"},
    "AWAC": {"color": "#009e73", "marker": "^", "linestyle": "-."},
    "IQL": {"color": "#cc79a7", "marker": "P", "linestyle": (0, (6, 2))},
    "oracle": {"color": "#000000", "marker": "*", "linestyle": "--"},
}
REFERENCES = {"J*": "oracle", "random": "random", "behaviour": "BC"}  # lines that have an algorithm's colour
# Without the ends that look like wall, or like places without a value
VALUES = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.2, 1, 256)))
VISITS = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.15, 0.95, 256)))
RETURN = "exact return (rewards of an episode)"
SCREEN_DPI, SAVED_WIDTH = 100, 1400  # pixels an inch in a notebook; pixels of a saved figure


class Picture(Figure):
    """A figure that shows itself in a notebook, sharp on fine screens, with alternative text, without pyplot."""

    def _repr_html_(self) -> str:  # and not as a PNG, for which JupyterLab has no alternative text
        width, height = (round(SCREEN_DPI * inches) for inches in self.get_size_inches())
        words, data = html.escape(alternative_text(self)), base64.b64encode(to_png(self)).decode()
        return f'<img alt="{words}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'


def to_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file, 1,400 pixels wide, the same every time."""
    file = io.BytesIO()
    dpi = SAVED_WIDTH / figure.get_figwidth()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def new_figure(rows: int = 1, columns: int = 1, width: float = 9.0, height: float = 4.0):
    """An empty figure in the workbook's style: the figure and its axes (one, or an array as `subplots` gives it).

    Args:
        width, height: in inches; 9 inches are 900 pixels in a notebook.
    """
    figure = Picture(figsize=(width, height), dpi=SCREEN_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    axes = figure.subplots(rows, columns)
    for ax in np.ravel(axes):
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(QUIET)
        ax.tick_params(colors=QUIET, labelcolor=INK, labelsize=9, length=3)
        ax.set_axisbelow(True)
        ax.set_prop_cycle(color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"])
    return figure, axes


def describe(ax, title: str, x: str = "", y: str = "", legend: str = "") -> None:
    """Title (what to see, wrapped), axis labels with units, and a legend at the place named, such as "lower right"."""
    letters = int((ax.figure.get_figwidth() / ax.get_gridspec().ncols - 0.8) * 72 / 6.3)  # of 6.3 points each
    ax.set_title(textwrap.fill(title, letters), loc="left", fontsize=10.5, fontweight="bold", color=INK)
    for set_label, text in ((ax.set_xlabel, x), (ax.set_ylabel, y)):
        if text:
            set_label(text, fontsize=9.5, color=INK)
    if legend:
        ax.legend(loc=legend, fontsize=9, labelcolor=INK, frameon=True, framealpha=0.85, edgecolor="none")


def save_figure(figure: Figure, name: str, folder: str | os.PathLike | None = None) -> Figure:
    """Write `figures/<name>.png`, whole or not at all, and give the figure back, so that the cell shows it.

    A folder that cannot be written to costs the file and one printed line, nothing else.

    Args:
        name: "05_alpha", with the notebook's number.
        folder: default the repository's `figures`, or what the variable RLKIT_MINI_FIGURES says.
    """
    default = os.environ.get("RLKIT_MINI_FIGURES") or Path(__file__).resolve().parent.parent / "figures"
    try:
        with whole_file(Path(folder or default) / f"{name}.png") as part:
            part.write_bytes(to_png(figure))
    except OSError as error:
        print(f"figure {name} is shown but not saved ({error.strerror})")
    return figure


def look(label: str) -> dict:
    """Colour, marker and line style of the algorithm that a label begins with: look("CQL, alpha 1") is CQL's."""
    words = label.replace(",", " ").split()
    known = {name.lower(): style for name, style in LOOKS.items()}
    return dict(known.get(words[0].lower() if words else "", {"color": INK, "marker": ".", "linestyle": "-"}))


def shades(algorithm: str, count: int) -> list[tuple[float, float, float]]:
    """`count` shades of an algorithm's colour, from light to its own, for settings of one algorithm side by side."""
    color = np.array(to_rgb(look(algorithm)["color"]))
    return [tuple(1 - share * (1 - color)) for share in np.linspace(0.35, 1, count)]


# The maze, and what is on it


def draw_maze(ax, maze: Maze, ticks: bool = True) -> None:
    """Walls, start (S) and goal (G, the disc that ends an episode), x right and y up, in cells."""
    width, height = maze.shape
    walls = np.where(maze.walls, 1.0, np.nan).T
    ax.imshow(walls, ListedColormap([WALL]), zorder=2, **_extent(maze))
    ax.add_patch(Circle(maze.goal, maze.goal_radius, facecolor=GOAL, edgecolor="#4a9c78", linewidth=1, zorder=1.5))
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


def draw_map(ax, oracle: Oracle, values, label: str, limits=None, diverging: bool = False, ticks: bool = True):
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


def draw_visits(ax, maze: Maze, positions: np.ndarray, limit: float | None = None, ticks: bool = True):
    """How often positions (n, 2) lie in each half-cell, in colours of a logarithmic scale up to `limit`; the image."""
    seen = visits_on_grid(maze, positions)
    norm = LogNorm(1, max(limit or np.nanmax(seen), 2))
    image = ax.imshow(seen.T, VISITS, norm, zorder=1.6, **_extent(maze))  # above the goal's disc: it is visited too
    bar = _draw_bar(ax, image, "visits of a half-cell (white: none)", extend="neither")
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    draw_maze(ax, maze, ticks)
    return image


def visits_on_grid(maze: Maze, positions: np.ndarray) -> np.ndarray:
    """How many of positions (n, 2) lie in each half-cell (2 width, 2 height); nan where none does."""
    counts, *_ = np.histogram2d(*positions.T, bins=[np.linspace(0, size, 2 * size + 1) for size in maze.shape])
    return np.where(counts > 0, counts, np.nan)


def _draw_bar(ax, image, label: str, extend: str):
    """A colour bar as high as the map, its ends pointed where values may lie beyond."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes([1.03, 0, 0.04, 1]), extend=extend, extendfrac=0.03)
    bar.set_label(label, fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=QUIET, labelcolor=INK, labelsize=8.5, length=2)
    return bar


def draw_arrows(ax, oracle: Oracle, probabilities):
    """Where a policy (sub-cells, 5) goes on average in each half-cell (or cell of a large maze); a dot: nowhere."""
    places, moves, size = directions(oracle, probabilities)
    style = {"units": "xy", "width": 0.13 * size, "headwidth": 3.4, "headlength": 3.4, "minlength": 2.2}
    style |= {"pivot": "mid", "color": "white", "edgecolor": "#222222", "linewidth": 0.5, "zorder": 4}
    return ax.quiver(*places.T, *moves.T, angles="xy", scale_units="xy", scale=1.0, headaxislength=3.2, **style)


def directions(oracle: Oracle, probabilities) -> tuple[np.ndarray, np.ndarray, float]:
    """Places and arrows (n, 2) of a policy and their distance, in cells."""
    size = 0.5 if max(oracle.maze.shape) <= 12 else 1.0
    centres = oracle.maze.positions(oracle.observations)
    _, owner, counts = np.unique(np.floor(centres / size), axis=0, return_inverse=True, return_counts=True)
    average = np.zeros((len(counts), 4))
    np.add.at(average, owner, np.hstack([centres, np.asarray(probabilities, dtype=np.float64) @ ACTIONS]))
    average = average / counts[:, None]
    places, moves = np.hsplit(average[~at_goal(oracle.maze, average[:, :2])], 2)  # in the goal nobody acts
    length = np.linalg.norm(moves, axis=1, keepdims=True)
    return places, 0.72 * size * np.where(length > 0.2, moves / np.maximum(length, 0.2), 0.0), size


def draw_paths(ax, data, episodes=5, ticks: bool = True) -> None:
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
    draw_maze(ax, data.maze, ticks)


# Numbers over seeds


def draw_curve(ax, x, values, label: str, worst: bool = False, **style):
    """Interquartile mean of values (points, seeds) with its 95% bootstrap band; the line and the band.

    Args:
        label: begins with the algorithm, which gives the colour and marker.
        worst: also draw the seed that ends lowest, thin.
        style: of the line, in place of the algorithm's.
    """
    values = np.asarray(values, dtype=np.float64)
    style = look(label) | {"markersize": 4.5, "linewidth": 1.8} | style
    (line,) = ax.plot(x, interquartile_mean(values), label=label, **style)
    band = ax.fill_between(x, *bootstrap_interval(values), color=style["color"], alpha=0.2, linewidth=0)
    if worst:
        ax.plot(x, values[:, values[-1].argmin()], color=style["color"], linewidth=0.8, alpha=0.8)
    ax.grid(axis="y", color=GRID)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return line, band


def draw_settings(ax, values, returns, label: str, current=None, shift: float = 0.0, **style):
    """Exact return against a hyperparameter (or any other list, such as data sizes), evenly spaced.

    Every seed is a dot; the line joins the interquartile means, with 95% bootstrap intervals.

    Args:
        values: of the hyperparameter, (values,); they become the tick labels.
        returns: (values, seeds).
        current: one of the values, highlighted.
        shift: to the right, in tick distances, so that several algorithms do not hide each other.
    """
    places, returns = np.arange(len(values)) + shift, np.asarray(returns, dtype=np.float64)
    style = look(label) | {"markersize": 6.5, "linewidth": 1.4} | style
    if current is not None:
        highlight(ax, list(values).index(current))
    spread = np.linspace(0.06, 0.18, returns.shape[1])
    dots = ax.plot((places[:, None] + spread).ravel(), returns.ravel(), ".", color=style["color"], alpha=0.55)[0]
    bars = ax.vlines(places, *bootstrap_interval(returns), color=style["color"], linewidth=3, alpha=0.45)
    (means,) = ax.plot(places, interquartile_mean(returns), label=label, **style)
    ax.set_xticks(range(len(values)), list(map(worded, values)))
    ax.set_xlim(-0.5, len(values) - 0.5)
    ax.grid(axis="y", color=GRID)
    return dots, bars, means


def worded(value) -> str:
    """A setting as figures and sliders show it: 0.1 is "0.1", 1.0 is "1"; of a data set's name the part that tells."""
    is_number = isinstance(value, (int, float, np.number))
    return f"{value:g}" if is_number else str(value).removeprefix("pointmass/").removesuffix("-v0")


def highlight(ax, place: float) -> Rectangle:
    style = {"color": "#ffc935", "alpha": 0.4, "linewidth": 0, "zorder": 0.5}
    return ax.add_patch(Rectangle((place - 0.42, 0), 0.84, 1, transform=ax.get_xaxis_transform(), **style))


def draw_phases(ax, returns, rows, columns, limits: tuple[float, float], bar: bool = True):
    """A table of returns (rows, columns, seeds) as a phase diagram: in each cell the median and, small, the worst seed.

    Args:
        rows, columns: their names.
        limits: (low, high) of the colours, the same for diagrams that are compared.
    """
    returns = np.asarray(returns, dtype=np.float64)
    middle, worst = np.median(returns, axis=-1), returns.min(axis=-1)
    image = ax.imshow(middle, VALUES, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (row, column), value in np.ndenumerate(middle):
        dark = image.norm(value) < 0.5
        for shift, size, number in ((-0.12, 10.5, value), (0.24, 8, worst[row, column])):
            text = f"{number:.1f}".replace("-", "−")
            style = {"ha": "center", "va": "center", "color": "white" if dark else INK, "fontsize": size}
            ax.text(column, row + shift, text if size > 9 else f"worst {text}", **style)
    ax.set_xticks(range(len(columns)), map(worded, columns))
    ax.set_yticks(range(len(rows)), map(worded, rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if bar:
        _draw_bar(ax, image, RETURN, extend="neither")
    return image


def draw_references(ax, references: dict[str, float]) -> None:
    """Labelled horizontal lines such as {"J*": -20.2, "behaviour": -24.0}; draw them last, labels keep apart.

    One that is not finite, such as the mean return of data without a finished episode, is left out.
    """
    references = {name: value for name, value in references.items() if np.isfinite(value)}
    low, high = ax.get_ylim()
    margin = 0.04 * (high - low)
    low = min([low, *(value - margin for value in references.values())])
    high = max([high, *(value + margin for value in references.values())])
    ax.set_ylim(low, high)
    gap = 12.5 / 72 / (ax.get_position().height * ax.figure.get_figheight()) * (high - low)  # one line of text
    across, place = ax.get_yaxis_transform(), np.inf
    for name, value in sorted(references.items(), key=lambda item: -item[1]):
        color, place = look(REFERENCES.get(name, ""))["color"], min(value, place - gap)
        ax.axhline(value, color=color, linewidth=1, linestyle=(0, (5, 3)), zorder=1)
        text = f"{name} {value:.{1 if high - low > 5 else 2}f}".replace("-", "−")
        style = {"color": color, "fontsize": 9, "va": "center", "annotation_clip": False}
        style["arrowprops"] = {"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0}
        style["arrowprops"]["relpos"] = (0, 0.5)
        ax.annotate(text, xy=(1, value), xytext=(1.05, place), xycoords=across, textcoords=across, **style)
