"""A sweep at one setting, on one figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.plots.curves import draw_references
from rlkit_mini.plots.maps import map_limits
from rlkit_mini.plots.style import RETURN, label_axes, label_of, new_figure
from rlkit_workbook.panels.four import HEIGHT, FourPanels, Maps
from rlkit_workbook.panels.redrawn import axis_label, in_words, setting_in_words
from rlkit_workbook.sweeps import Sweep


class SweepFigure(FourPanels):
    """A sweep at one setting on one figure, which `show` brings to another setting without drawing it anew.

    Believed values with arrows, overestimation, return against the first hyperparameter (the others as they are set),
    and the learning curve; every scale is the same for all settings.

    Attributes:
        figure: 9 x 7 inches, or 5.8 where the message stands elsewhere.
        message: two sentences: how well it acts, and whether it knows.
        kind, titles, unit: what the two panels below say: of their numbers, of themselves, of the curve's axis.
    """

    kind, unit = RETURN, "updates"
    titles = ("How the return depends on", "How it learnt at this setting")

    def __init__(
        self, sweep: Sweep, setting: dict[str, float] | None = None, references: dict | None = None, titled: bool = True
    ) -> None:
        self.sweep, setting = sweep, sweep.settings[0] if setting is None else setting
        evaluation, here = self.parted(sweep.index(setting))
        (name, values), self.means = next(iter(sweep.grid.items())), interquartile_mean(self.numbers)
        upright = sum(map(len, map(label_of, values))) > 50  # so many letters do not fit side by side
        super().__init__(*new_figure(2, 2, height=(7.0 if titled else HEIGHT) + upright))
        if titled:
            self.draw_title()
        low, high, known = self.draw_above()
        joined = {"linestyle": "none"} if isinstance(values[0], str) else {}  # between names there is nothing
        column = self.numbers[evaluation, :, *here[1:]]
        self.draw_seeds(self.below, values, column, sweep.algorithm, here[0], **joined)
        self.draw_way(self.beside, sweep.updates_at(here), self.numbers[:, *here], sweep.algorithm)
        if upright:
            self.below.tick_params(axis="x", labelrotation=90, labelsize=7.5)
        if sweep.updates.ndim > 1:
            self.beside.set_xlim(0, 1.05 * sweep.updates.max())
        label_axes(self.below, f"{self.titles[0]} {name}", axis_label(name, sweep.algorithm), self.kind)
        label_axes(self.beside, self.titles[1], self.unit, self.kind)
        for ax in (self.below, self.beside):
            ax.set_ylim(low, high)
            draw_references(ax, known | (references or {}))
        self.show(setting)
        self.settle_panels()

    @property
    def numbers(self) -> np.ndarray:
        """(evaluations, *settings, seeds), in the panels below."""
        return self.sweep.returns

    def parted(self, index: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """The evaluation that the panel of all settings shows, and where a setting stands, of `sweep.index`."""
        return -1, index

    def draw_above(self) -> tuple[float, float, dict[str, float]]:
        """The two panels above; between which returns those below lie, and what to hold these against."""
        sweep, best, worst = self.sweep, self.sweep.judge.optimal_return, self.sweep.returns.min()
        learns_values = not np.isnan(sweep.overestimation).any()
        errors = map_limits(sweep.judge, sweep.overestimation, centred=True) if learns_values else (-1, 1)
        limits = map_limits(sweep.judge, sweep.values)
        self.above = Maps(self.left, self.right, sweep.judge, sweep.algorithm, learns_values, limits, errors)
        return worst - 0.06 * (best - worst), 0.9 * best, {"J*": best}

    def show_above(self, here: tuple[int, ...]) -> None:
        """Bring them to another setting."""
        self.above.show(self.sweep.values[here], self.sweep.policy[here], self.sweep.overestimation[here])

    def in_words(self, who: str, here: tuple[int, ...]) -> str:
        """Two lines on one setting."""
        starts = np.median(self.sweep.believed_start[here]), np.median(self.sweep.true_start[here])
        return in_words(who, self.sweep.judge, self.means[-1, *here], *starts)

    def show(self, setting: dict[str, float]) -> Figure:
        """Bring the figure to another setting of the sweep, {"alpha": 1.0}."""
        sweep, index = self.sweep, self.sweep.index(setting)
        evaluation, here = self.parted(index)
        self.show_above(index)
        self.move_box(here[0])
        column = (evaluation, slice(None), *here[1:])
        self.show_seeds(self.numbers[column], self.means[column], bootstrap_interval(self.numbers[column]))
        self.show_way(sweep.updates_at(here), self.means[:, *here], bootstrap_interval(self.numbers[:, *here]))
        self.say(self.in_words(f"{sweep.algorithm}, {setting_in_words(setting)}", index))
        return self.figure
