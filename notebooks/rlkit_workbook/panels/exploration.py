"""Explorers at one setting and time, on one figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings, highlight
from rlkit_mini.plots.maps import draw_map, draw_visits, map_limits, visits_on_grid
from rlkit_mini.plots.style import INK, label_axes, label_of, new_figure
from rlkit_workbook.panels.redrawn import Redrawn, axis_label
from rlkit_workbook.sweeps import ExplorationSweep


class ExplorationFigure(Redrawn):
    """Explorers at one setting and time on one figure, which `show` brings to another without drawing it anew.

    Where they went, what is still new to them, coverage against the first hyperparameter (the others, and the time,
    as they are set), and coverage on the way; every scale is the same for all settings.

    Attributes:
        figure: 9 x 7 inches.
        message: two sentences: how much they have seen, and whether they found the goal.
    """

    def __init__(self, sweep: ExplorationSweep, setting: dict | None = None, references: dict | None = None) -> None:
        self.sweep, oracle, steps = sweep, sweep.oracle, sweep.grid["steps"]
        setting = {name: values[0] for name, values in sweep.grid.items()} if setting is None else setting
        name, values = next(iter(sweep.grid.items()))
        self.means = interquartile_mean(sweep.coverage)  # (evaluations, *settings)
        self.ends = np.stack(
            [bootstrap_interval(covered) for covered in sweep.coverage], axis=1
        )  # (2, evaluations, ...)
        self.figure, ((left, right), (below, beside)) = new_figure(2, 2, height=7.0)
        self.title = self.figure.suptitle("two\nlines", x=0.012, ha="left", fontsize=11.5, color=INK, linespacing=1.4)
        seen = [[visits_on_grid(oracle.maze, walk[:count].positions) for walk in sweep.walks] for count in steps]
        self.seen = np.reshape(seen, (*sweep.novelty.shape[:-1], *np.shape(seen)[-2:]))  # (evaluations, *settings, ...)
        self.bonus = np.log10(np.maximum(sweep.novelty, 1e-9))  # a bonus of one's own may be 0
        *here, last = sweep.index(setting)
        self.visits = draw_visits(left, oracle.maze, sweep.walks[0].positions, np.nanmax(self.seen))
        limits = map_limits(oracle, self.bonus)
        self.new = draw_map(right, oracle, self.bonus[last, *here], "log10 of the bonus", limits)
        self.box, self.now = highlight(below, here[0]), beside.axvline(0, color="#ffc935", linewidth=7, alpha=0.4)
        column, curve = sweep.coverage[last, :, *here[1:]], sweep.coverage[:, *here]
        self.dots, self.bars, self.points = draw_settings(below, values, column, sweep.algorithm)
        self.line, self.band = draw_curve(beside, steps, curve, sweep.algorithm)
        covered = "coverage (share of half-cells)"
        label_axes(left, "Where the median seed has been")
        label_axes(right, "What is new to it: bright")
        label_axes(below, f"How coverage depends on {name}", axis_label(name, sweep.algorithm), covered)
        label_axes(beside, "How it grew at this setting", "steps", covered)
        for ax in (below, beside):
            ax.set_ylim(0, min(1.0, 1.15 * sweep.coverage.max()))
            draw_references(ax, references or {})
        self.show(setting)
        moving = (self.box, self.now, self.bars, self.dots, self.points, self.band, self.line, self.title)
        self.settle((left, right), moving)

    def show(self, setting: dict[str, float]) -> Figure:
        """Bring the figure to another setting and time of the sweep, {"rnd_weight": 1.0, "steps": 2000}."""
        sweep, steps = self.sweep, self.sweep.grid["steps"]
        *here, last = sweep.index(setting)
        self.visits.set_data(self.seen[last, *here].T)
        self.new.set_data(sweep.oracle.on_grid(self.bonus[last, *here]).T)
        self.box.set_x(here[0] - 0.42)
        self.now.set_xdata([steps[last]] * 2)
        self.dots.set_ydata(sweep.coverage[last, :, *here[1:]].ravel())
        self.points.set_ydata(self.means[last, :, *here[1:]])
        ends = self.ends[:, last, :, *here[1:]].T
        self.bars.set_segments([[(place, low), (place, high)] for place, (low, high) in enumerate(ends)])
        self.line.set_ydata(self.means[:, *here])
        low, high = (np.stack([steps, end], axis=1) for end in self.ends[:, :, *here])
        self.band.set_verts([np.concatenate([low, high[::-1]])])
        where = ", ".join(f"{name} {label_of(value)}" for name, value in setting.items())
        goals = sweep.goals[last, *here]
        first = f"{sweep.algorithm}, {where}: {self.means[last, *here]:.0%} of the maze visited."
        self.message = f"{first}\n{np.count_nonzero(goals)} of {len(goals)} seeds have found the goal."
        self.title.set_text(self.message)
        return self.figure
