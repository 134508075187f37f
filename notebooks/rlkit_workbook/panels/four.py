"""Figures of four panels: two maps, all seeds of all settings, and the way to one setting's numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_curve, draw_settings, highlight
from rlkit_mini.plots.maps import directions, draw_arrows, draw_map
from rlkit_mini.plots.style import label_axes
from rlkit_workbook.panels.redrawn import Redrawn

HEIGHT = 5.8  # inches, without a title: picture, sentence and sliders fit a screen of 1280 x 800


class FourPanels(Redrawn):
    """Two panels above, and below them two of numbers over seeds, which are brought to other numbers.

    Attributes:
        left, right, below, beside: the axes, from the upper left to the lower right.
    """

    def __init__(self, figure: Figure, axes: np.ndarray) -> None:
        self.figure, ((self.left, self.right), (self.below, self.beside)) = figure, axes

    def draw_seeds(self, ax, names, numbers, label: str, place: float, **style) -> None:
        """Numbers (names, seeds) of all settings, with a box around the one at `place`; see `draw_settings`."""
        self.box = highlight(ax, place)
        self.dots, self.bars, self.joined = draw_settings(ax, names, numbers, label, **style)

    def move_box(self, place: float) -> None:
        self.box.set_x(place - self.box.get_width() / 2)

    def show_seeds(self, numbers, means, ends) -> None:
        """In place of those drawn: numbers (names, seeds), means (names,), ends (2, names)."""
        self.dots.set_ydata(np.ravel(numbers))
        self.joined.set_ydata(means)
        places = self.joined.get_xdata()
        self.bars.set_segments([[(place, low), (place, high)] for place, low, high in zip(places, *ends, strict=True)])

    def draw_way(self, ax, x, numbers, label: str, **style) -> None:
        """The curve of numbers (evaluations, seeds) at one setting; see `draw_curve`."""
        self.line, self.band = draw_curve(ax, x, numbers, label, **style)

    def show_way(self, x, means, ends) -> None:
        """In place of the curve drawn: x and means (evaluations,), ends (2, evaluations)."""
        self.line.set_data(x, means)
        low, high = (np.stack([x, end], axis=1) for end in ends)
        self.band.set_verts([np.concatenate([low, high[::-1]])])

    def settle_panels(self, *others) -> None:
        """Fix where everything is, but for the maps, the numbers, and `others`."""
        moving = (*others, self.box, self.bars, self.dots, self.joined, self.band, self.line)
        self.settle((self.left, self.right), moving)


class Maps:
    """What an agent believes and does in a maze, and where it is wrong, on two axes; nothing is on them at first.

    Args:
        limits, errors: the scales of values and of believed - true values.
    """

    def __init__(
        self, left: Axes, right: Axes, oracle: Oracle, algorithm: str, learns_values: bool, limits, errors
    ) -> None:
        self.oracle, sub_cells = oracle, len(oracle.observations)
        nothing, still = np.full(sub_cells, np.nan), np.eye(5)[np.zeros(sub_cells, int)]
        kind = "believed" if learns_values else "true"
        self.values = draw_map(left, oracle, nothing, f"{kind} value (discounted)", limits)
        self.arrows = draw_arrows(left, oracle, still)
        self.wrong = draw_map(right, oracle, nothing, "believed − true value", errors, diverging=True)
        words = ("What the median seed believes and does", "Where it is wrong: red is overestimated")
        if not learns_values:
            words = ("What the median seed does, truly worth", f"{algorithm} learns no values")
        for ax, title in zip((left, right), words, strict=True):
            label_axes(ax, title)

    def show(self, values, policy, overestimation) -> None:
        """Values and overestimation (sub-cells,), and a policy (sub-cells, 5)."""
        self.values.set_data(self.oracle.on_grid(values).T)
        self.arrows.set_UVC(*directions(self.oracle, policy)[1].T)
        self.wrong.set_data(self.oracle.on_grid(overestimation).T)
