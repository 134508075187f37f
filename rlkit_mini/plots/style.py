"""One style for all figures: colours, titles and labels, and how a figure is shown and saved."""

from __future__ import annotations

import base64
import html
import io
import os
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.files import figures_folder, whole_file
from rlkit_mini.plots.words import alternative_text

INK, QUIET, GRID, WALL, GOAL, START = "#333333", "#777777", "#e8e8e8", "#464650", "#a0dcbe", "#d55e00"
ORACLE = {"color": "#000000", "marker": "*", "linestyle": "--"}
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


def new_figure(
    rows: int = 1, columns: int = 1, width: float = 9.0, height: float = 4.0
) -> tuple[Picture, Axes | np.ndarray]:
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


def label_axes(ax: Axes, title: str, x: str = "", y: str = "", legend: str = "") -> None:
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
        folder: default a checkout's `figures`, or what RLKIT_MINI_FIGURES says (see `figures_folder`).
    """
    try:
        with whole_file(Path(folder or figures_folder()) / f"{name}.png") as part:
            part.write_bytes(to_png(figure))
    except OSError as error:
        print(f"figure {name} is shown but not saved ({error.strerror})")
    return figure


def style_of(label: str) -> dict:
    """Colour, marker and line style of the algorithm that a label begins with: style_of("CQL, alpha 1") is CQL's."""
    words = label.replace(",", " ").split()
    known = {row.label.lower(): row.style for row in ALGORITHMS.values()} | {"oracle": ORACLE}
    return dict(known.get(words[0].lower() if words else "", {"color": INK, "marker": ".", "linestyle": "-"}))


def shades(algorithm: str, count: int) -> list[tuple[float, float, float]]:
    """`count` shades of an algorithm's colour, from light to its own, for settings of one algorithm side by side."""
    color = np.array(to_rgb(style_of(algorithm)["color"]))
    return [tuple(1 - share * (1 - color)) for share in np.linspace(0.35, 1, count)]


def label_of(value: float | str) -> str:
    """A setting as figures and sliders show it: 0.1 is "0.1", 1.0 is "1"; of a data set's name the part that tells."""
    is_number = isinstance(value, (int, float, np.number))
    return f"{value:g}" if is_number else str(value).removeprefix("pointmass/").removesuffix("-v0")
