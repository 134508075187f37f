"""Numbers over seeds: learning curves, returns against a setting, reference lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.plots.maps import VALUES, _draw_bar
from rlkit_mini.plots.style import GRID, INK, RETURN, label_of, style_of

REFERENCES = {"J*": "oracle", "random": "random", "behaviour": "BC"}  # lines that have an algorithm's colour


def draw_curve(
    ax: Axes, x: Sequence[float], values: np.ndarray, label: str, worst: bool = False, **style
) -> tuple[Line2D, PolyCollection]:
    """Interquartile mean of numbers over seeds with its 95% bootstrap band; the line and the band.

    Args:
        x, values: (evaluations,) and (evaluations, seeds).
        label: begins with the algorithm, which gives the colour and marker.
        worst: also draw the seed that ends lowest, thin.
        style: of the line, in place of the algorithm's.
    """
    values = np.asarray(values, dtype=np.float64)
    style = style_of(label) | {"markersize": 4.5, "linewidth": 1.8} | style
    (line,) = ax.plot(x, interquartile_mean(values), label=label, **style)
    band = ax.fill_between(x, *bootstrap_interval(values), color=style["color"], alpha=0.2, linewidth=0)
    if worst:
        ax.plot(x, values[:, values[-1].argmin()], color=style["color"], linewidth=0.8, alpha=0.8)
    ax.grid(axis="y", color=GRID)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return line, band


def draw_settings(
    ax: Axes, values: Sequence, returns: np.ndarray, label: str, shift: float = 0.0, **style
) -> tuple[Line2D, LineCollection, Line2D]:
    """Exact return against a hyperparameter (or any other list, such as data sizes), evenly spaced.

    Every seed is a dot; the line joins the interquartile means, with 95% bootstrap intervals. Dots, intervals, line.

    Args:
        values: of the hyperparameter, (values,); they become the tick labels.
        returns: (values, seeds).
        shift: to the right, in tick distances, so that several algorithms do not hide each other.
    """
    places, returns = np.arange(len(values)) + shift, np.asarray(returns, dtype=np.float64)
    style = style_of(label) | {"markersize": 6.5, "linewidth": 1.4} | style
    spread = np.linspace(0.06, 0.18, returns.shape[1])
    dots = ax.plot((places[:, None] + spread).ravel(), returns.ravel(), ".", color=style["color"], alpha=0.55)[0]
    bars = ax.vlines(places, *bootstrap_interval(returns), color=style["color"], linewidth=3, alpha=0.45)
    (means,) = ax.plot(places, interquartile_mean(returns), label=label, **style)
    ax.set_xticks(range(len(values)), list(map(label_of, values)))
    ax.set_xlim(-0.5, len(values) - 0.5)
    ax.grid(axis="y", color=GRID)
    return dots, bars, means


def highlight(ax: Axes, place: float) -> Rectangle:
    """A box around one of the settings that `draw_settings` has drawn, the first at place 0."""
    style = {"color": "#ffc935", "alpha": 0.4, "linewidth": 0, "zorder": 0.5}
    return ax.add_patch(Rectangle((place - 0.42, 0), 0.84, 1, transform=ax.get_xaxis_transform(), **style))


def draw_phases(
    ax: Axes, returns: np.ndarray, rows: Sequence, columns: Sequence, limits: tuple[float, float], bar: bool = True
) -> AxesImage:
    """A table of returns (rows, columns, seeds) as a phase diagram: in each cell the median and, small, the worst seed.

    Args:
        rows, columns: their names.
        limits: (low, high) of the colours, the same for diagrams that are compared.
        bar: whether a colour bar stands beside it.
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
    ax.set_xticks(range(len(columns)), map(label_of, columns))
    ax.set_yticks(range(len(rows)), map(label_of, rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if bar:
        _draw_bar(ax, image, RETURN, extend="neither")
    return image


def draw_references(ax: Axes, references: dict[str, float]) -> None:
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
        color, place = style_of(REFERENCES.get(name, ""))["color"], min(value, place - gap)
        ax.axhline(value, color=color, linewidth=1, linestyle=(0, (5, 3)), zorder=1)
        text = f"{name} {value:.{1 if high - low > 5 else 2}f}".replace("-", "−")
        style = {"color": color, "fontsize": 9, "va": "center", "annotation_clip": False}
        style["arrowprops"] = {"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0}
        style["arrowprops"]["relpos"] = (0, 0.5)
        ax.annotate(text, xy=(1, value), xytext=(1.05, place), xycoords=across, textcoords=across, **style)
