"""A sweep at one setting, on one figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings, highlight
from rlkit_mini.plots.maps import directions, draw_arrows, draw_map, map_limits
from rlkit_mini.plots.style import INK, RETURN, label_axes, label_of, new_figure
from rlkit_workbook.panels.redrawn import Redrawn, axis_label, in_words
from rlkit_workbook.sweeps import Sweep


class SweepFigure(Redrawn):
    """A sweep at one setting on one figure, which `show` brings to another setting without drawing it anew.

    Believed values with arrows, overestimation, return against the first hyperparameter (the others as they are set),
    and the learning curve; every scale is the same for all settings.

    Attributes:
        figure: 9 x 7 inches.
        message: two sentences: how well it acts, and whether it knows.
    """

    def __init__(self, sweep: Sweep, setting: dict[str, float] | None = None, references: dict | None = None) -> None:
        self.sweep, oracle, best = sweep, sweep.oracle, sweep.oracle.optimal_return
        setting = {name: values[0] for name, values in sweep.grid.items()} if setting is None else setting
        here, (name, values) = sweep.index(setting), next(iter(sweep.grid.items()))
        self.means = interquartile_mean(sweep.returns)  # (evaluations, *settings)
        self.learns_values = not np.isnan(sweep.overestimation).any()
        upright = sum(map(len, map(label_of, values))) > 50  # so many letters do not fit side by side
        self.figure, ((left, right), (below, beside)) = new_figure(2, 2, height=8.0 if upright else 7.0)
        self.title = self.figure.suptitle("two\nlines", x=0.012, ha="left", fontsize=11.5, color=INK, linespacing=1.4)
        limits = map_limits(oracle, sweep.values)
        errors = map_limits(oracle, sweep.overestimation, centred=True) if self.learns_values else (-1, 1)
        kind = "believed" if self.learns_values else "true"
        self.believed = draw_map(left, oracle, sweep.values[here], f"{kind} value (discounted)", limits)
        self.arrows = draw_arrows(left, oracle, sweep.policy[here])
        self.wrong = draw_map(
            right, oracle, sweep.overestimation[here], "believed − true value", errors, diverging=True
        )
        self.box = highlight(below, here[0])
        column, curve = sweep.returns[-1, :, *here[1:]], sweep.returns[:, *here]
        joined = {"linestyle": "none"} if isinstance(values[0], str) else {}  # between names there is nothing
        self.dots, self.bars, self.points = draw_settings(below, values, column, sweep.algorithm, **joined)
        self.line, self.band = draw_curve(beside, sweep.updates_at(here), curve, sweep.algorithm)
        words = ("What the median seed believes and does", "Where it is wrong: red is overestimated")
        if not self.learns_values:
            words = ("What the median seed does, truly worth", f"{sweep.algorithm} learns no values")
        label_axes(left, words[0])
        label_axes(right, words[1])
        if upright:
            below.tick_params(axis="x", labelrotation=90, labelsize=7.5)
        if sweep.updates.ndim > 1:
            beside.set_xlim(0, 1.05 * sweep.updates.max())
        label_axes(below, f"How the return depends on {name}", axis_label(name, sweep.algorithm), RETURN)
        label_axes(beside, "How it learnt at this setting", "updates", RETURN)
        for ax in (below, beside):
            ax.set_ylim(sweep.returns.min() - 0.06 * (best - sweep.returns.min()), 0.9 * best)
            draw_references(ax, {"J*": best} | (references or {}))
        self.show(setting)
        self.settle((left, right), (self.box, self.bars, self.dots, self.points, self.band, self.line, self.title))

    def show(self, setting: dict[str, float]) -> Figure:
        """Bring the figure to another setting of the sweep, {"alpha": 1.0}."""
        sweep, here = self.sweep, self.sweep.index(setting)
        self.believed.set_data(sweep.oracle.on_grid(sweep.values[here]).T)
        self.wrong.set_data(sweep.oracle.on_grid(sweep.overestimation[here]).T)
        self.arrows.set_UVC(*directions(sweep.oracle, sweep.policy[here])[1].T)
        self.box.set_x(here[0] - 0.42)
        self.dots.set_ydata(sweep.returns[-1, :, *here[1:]].ravel())
        self.points.set_ydata(self.means[-1, :, *here[1:]])
        ends = bootstrap_interval(sweep.returns[-1, :, *here[1:]]).T
        self.bars.set_segments([[(place, low), (place, high)] for place, (low, high) in enumerate(ends)])
        updates = sweep.updates_at(here)
        self.line.set_data(updates, self.means[:, *here])
        low, high = (np.stack([updates, end], axis=1) for end in bootstrap_interval(sweep.returns[:, *here]))
        self.band.set_verts([np.concatenate([low, high[::-1]])])
        self.message = self._words(setting)
        self.title.set_text(self.message)
        return self.figure

    def _words(self, setting: dict[str, float]) -> str:
        sweep, here = self.sweep, self.sweep.index(setting)
        where = ", ".join(f"{name} {label_of(value)}" for name, value in setting.items())
        starts = np.median(sweep.believed_start[here]), np.median(sweep.true_start[here])
        return in_words(f"{sweep.algorithm}, {where}", sweep.oracle, self.means[-1, *here], *starts)
