"""Explorers at one setting and time, on one figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.plots.curves import draw_references
from rlkit_mini.plots.maps import draw_map, draw_visits, map_limits, visits_on_grid
from rlkit_mini.plots.style import label_axes, new_figure
from rlkit_workbook.panels.four import HEIGHT, FourPanels
from rlkit_workbook.panels.redrawn import axis_label, setting_in_words
from rlkit_workbook.sweeps import ExplorationSweep


class ExplorationFigure(FourPanels):
    """Explorers at one setting and time on one figure, which `show` brings to another without drawing it anew.

    Where they went, what is still new to them, coverage against the first hyperparameter (the others, and the time,
    as they are set), and coverage on the way; every scale is the same for all settings.

    Attributes:
        figure: 9 x 7 inches, or 5.8 where the message stands elsewhere.
        message: two sentences: how much they have seen, and whether they found the goal.
    """

    def __init__(
        self,
        sweep: ExplorationSweep,
        setting: dict | None = None,
        references: dict | None = None,
        titled: bool = True,
    ) -> None:
        self.sweep, oracle, steps = sweep, sweep.judge, sweep.grid["steps"]
        setting = sweep.settings[0] if setting is None else setting
        (*here, evaluation), (name, values) = sweep.index(setting), next(iter(sweep.grid.items()))
        self.means = interquartile_mean(sweep.coverage)  # (evaluations, *settings)
        self.ends = np.stack([bootstrap_interval(covered) for covered in sweep.coverage], axis=1)  # (2, *means.shape)
        seen = [[visits_on_grid(oracle.maze, walk[:count].positions) for walk in sweep.walks] for count in steps]
        self.seen = np.reshape(seen, (*sweep.novelty.shape[:-1], *np.shape(seen)[-2:]))  # (evaluations, *settings, ...)
        self.bonus = np.log10(np.maximum(sweep.novelty, 1e-9))  # a bonus of one's own may be 0
        super().__init__(*new_figure(2, 2, height=7.0 if titled else HEIGHT))
        if titled:
            self.draw_title()
        self.visits = draw_visits(self.left, oracle.maze, sweep.walks[0].positions, np.nanmax(self.seen))
        limits = map_limits(oracle, self.bonus)
        self.new = draw_map(self.right, oracle, self.bonus[evaluation, *here], "log10 of the bonus", limits)
        self.draw_seeds(self.below, values, sweep.coverage[evaluation, :, *here[1:]], sweep.algorithm, here[0])
        self.draw_way(self.beside, steps, sweep.coverage[:, *here], sweep.algorithm)
        self.now = self.beside.axvline(0, color="#ffc935", linewidth=7, alpha=0.4)
        covered = "coverage (share of half-cells)"
        label_axes(self.left, "Where the median seed has been")
        label_axes(self.right, "What is new to it: bright")
        label_axes(self.below, f"How coverage depends on {name}", axis_label(name, sweep.algorithm), covered)
        label_axes(self.beside, "How it grew at this setting", "steps", covered)
        for ax in (self.below, self.beside):
            ax.set_ylim(0, min(1.0, 1.15 * sweep.coverage.max()))
            draw_references(ax, references or {})
        self.show(setting)
        self.settle_panels(self.now)

    def show(self, setting: dict[str, float]) -> Figure:
        """Bring the figure to another setting and time of the sweep, {"rnd_weight": 1.0, "steps": 2000}."""
        sweep, steps = self.sweep, self.sweep.grid["steps"]
        *here, evaluation = sweep.index(setting)
        column = (evaluation, slice(None), *here[1:])
        self.visits.set_data(self.seen[evaluation, *here].T)
        self.new.set_data(sweep.judge.on_grid(self.bonus[evaluation, *here]).T)
        self.move_box(here[0])
        self.now.set_xdata([steps[evaluation]] * 2)
        self.show_seeds(sweep.coverage[column], self.means[column], self.ends[:, *column])
        self.show_way(steps, self.means[:, *here], self.ends[:, :, *here])
        goals = sweep.goals[evaluation, *here]
        first = (
            f"{sweep.algorithm}, {setting_in_words(setting)}: {self.means[evaluation, *here]:.0%} of the maze visited."
        )
        self.say(f"{first}\n{np.count_nonzero(goals)} of {len(goals)} seeds have found the goal.")
        return self.figure
