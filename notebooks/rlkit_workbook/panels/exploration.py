"""Explorers at one setting and time, on one figure."""

from __future__ import annotations

import numpy as np

from rlkit_mini.plots.maps import draw_map, draw_visits, map_limits, visits_on_grid
from rlkit_mini.plots.style import label_axes
from rlkit_workbook.panels.sweep import SweepFigure


class ExplorationFigure(SweepFigure):
    """A `SweepFigure` of explorers: where they went, what is still new to them, and coverage in place of returns.

    The last of the settings is the time, "steps".
    """

    kind, unit = "coverage (share of half-cells)", "steps"
    titles = ("How coverage depends on", "How it grew at this setting")

    @property
    def numbers(self) -> np.ndarray:
        """(evaluations, *settings, seeds), in the panels below."""
        return self.sweep.coverage

    def parted(self, index: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """The evaluation of the time that is set, and where the setting stands."""
        return index[-1], index[:-1]

    def draw_above(self) -> tuple[float, float, dict[str, float]]:
        """Where the median seed has been, and the bonus everywhere."""
        sweep, oracle = self.sweep, self.sweep.judge
        seen = [
            [visits_on_grid(oracle.maze, walk[:count].positions) for walk in sweep.walks] for count in sweep.updates
        ]
        self.seen = np.reshape(seen, (*sweep.novelty.shape[:-1], *np.shape(seen)[-2:]))  # (evaluations, *settings, ...)
        self.bonus = np.log10(np.maximum(sweep.novelty, 1e-9))  # a bonus of one's own may be 0
        self.visits = draw_visits(self.left, oracle.maze, sweep.walks[0].positions, np.nanmax(self.seen))
        limits, nothing = map_limits(oracle, self.bonus), np.full(self.bonus.shape[-1], np.nan)
        self.new = draw_map(self.right, oracle, nothing, "log10 of the bonus", limits)
        label_axes(self.left, "Where the median seed has been")
        label_axes(self.right, "What is new to it: bright")
        return 0, min(1.0, 1.15 * sweep.coverage.max()), {}

    def draw_way(self, ax, x, numbers, label: str, **style) -> None:
        """The curve, and a line at the time that is set."""
        super().draw_way(ax, x, numbers, label, **style)
        self.now = ax.axvline(0, color="#ffc935", linewidth=7, alpha=0.4)

    def settle_panels(self, *others) -> None:
        """Fix where everything is, but for what moves."""
        super().settle_panels(self.now, *others)

    def show_above(self, index: tuple[int, ...]) -> None:
        """Bring them, and the line, to another setting and time."""
        evaluation, here = self.parted(index)
        self.visits.set_data(self.seen[evaluation, *here].T)
        self.new.set_data(self.sweep.judge.on_grid(self.bonus[evaluation, *here]).T)
        self.now.set_xdata([self.sweep.updates[evaluation]] * 2)

    def in_words(self, who: str, index: tuple[int, ...]) -> str:
        """Two lines: how much they have seen, and whether they found the goal."""
        evaluation, here = self.parted(index)
        goals = self.sweep.goals[evaluation, *here]
        first = f"{who}: {self.means[evaluation, *here]:.0%} of the maze visited."
        return f"{first}\n{np.count_nonzero(goals)} of {len(goals)} seeds have found the goal."
