"""Figures in words, for those who hear them read."""

from __future__ import annotations

import numpy as np
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation


def alternative_text(figure: Figure) -> str:
    """What a figure shows, for those who hear it read: each panel's title, what it measures, and its numbers."""
    parts = [figure.get_suptitle().removesuffix("."), *map(_panel_in_words, figure.axes)]
    return " ".join(f"{' '.join(part.split())}." for part in parts if part)


def _panel_in_words(ax) -> str:
    parts = [ax.get_title("left")]
    rows, columns = ([label.get_text() for label in labels] for labels in (ax.get_yticklabels(), ax.get_xticklabels()))
    if ax.images and ax.images[0].get_array().shape == (len(rows), len(columns)):  # a table
        parts.append("columns " + ", ".join(columns))
        values = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
        parts += [f"{row}: {', '.join(map(_number, numbers))}" for row, numbers in zip(rows, values, strict=True)]
    elif ax.images:
        bars = {image.colorbar.ax.get_ylabel(): image.get_array() for image in ax.images if image.colorbar}
        parts += [f"{label}: {_reach(np.sort(values.compressed()))}" for label, values in bars.items()]
    elif ax.get_ylabel():
        parts.append(" against ".join(filter(None, (ax.get_ylabel(), ax.get_xlabel()))))
    for artist, label in zip(*ax.get_legend_handles_labels(), strict=True):
        if isinstance(artist, Line2D):
            parts.append(f"{label}: {_reach(artist.get_ydata(orig=False))}")
        elif isinstance(artist, BarContainer) and len(artist) < 10:
            parts.append(f"{label}: {', '.join(_number(bar.get_height()) for bar in artist)}")
        else:
            parts.append(label)
    parts += [note.get_text() for note in ax.texts if isinstance(note, Annotation)]
    return "; ".join(part.removesuffix(".") for part in parts if part)


def _reach(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "nothing"
    first, last = _number(known[0]), _number(known[-1])
    return first if first == last else f"from {first} to {last}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
