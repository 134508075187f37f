"""The gallery's figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.agents.settings import sign_of
from rlkit_mini.plots.maps import VALUES
from rlkit_mini.plots.style import INK, label_axes, label_of, new_figure
from rlkit_workbook.studies.gallery import GRIDS, KINDS, gallery_scores, kind_of
from rlkit_workbook.sweeps import Sweep


def draw_gallery(gallery: Mapping[str, Sweep]) -> Figure:
    """The median seed's score of every setting (columns) on every data set (rows, by the kind of data)."""
    columns, labels, edges = [], [], []
    for agent, grid in GRIDS.items():
        names, found = gallery_scores(gallery, agent.__name__)
        middle = np.median(found, axis=-1)  # (*hyperparameters, data sets)
        columns.append(middle.reshape(-1, len(names)).T)
        for place in np.ndindex(middle.shape[:-1]):
            setting = zip(grid.items(), place, strict=True)
            words = [f"{sign_of(name, agent.__name__)} {label_of(values[at])}" for (name, values), at in setting]
            labels.append(", ".join([agent.__name__] * (not any(place)) + words))
        edges.append(len(labels))
    order = sorted(range(len(names)), key=lambda row: KINDS.index(kind_of(names[row])))
    figure, ax = new_figure(height=0.18 * len(names) + 1.6)
    image = ax.imshow(np.concatenate(columns, axis=1)[order], VALUES, vmin=0, vmax=100, aspect="auto")
    ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), [label_of(names[row]) for row in order], fontsize=7.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for edge in edges[:-1]:
        ax.axvline(edge - 0.5, color="white", linewidth=3)
    first = 0
    for kind in KINDS:
        count = sum(kind_of(name) == kind for name in names)
        ax.axhline(first - 0.5, color="white", linewidth=3)
        style = {"ha": "left", "va": "center", "fontsize": 8.5, "color": INK}
        ax.text(len(labels) - 0.3, first + count / 2 - 0.5, kind.replace(", ", ",\n"), **style)
        first += count
    bar = figure.colorbar(image, ax=ax, fraction=0.025, pad=0.02)
    bar.set_label("score of the median seed (100: optimal, 0: never arrives)", fontsize=9, color=INK)
    bar.outline.set_visible(False)
    label_axes(ax, "No column is bright everywhere: every setting on every data set")
    return figure
