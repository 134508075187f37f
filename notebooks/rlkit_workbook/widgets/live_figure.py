"""A run while it trains, on one figure and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings
from rlkit_mini.plots.maps import map_limits
from rlkit_mini.plots.style import INK, RETURN, label_axes, style_of
from rlkit_workbook.panels.elsewhere import EPISODES, Plane, Spread, believes, plane_of, value_bounds
from rlkit_workbook.panels.four import FourPanels, Maps
from rlkit_workbook.panels.redrawn import fixed_figure, in_words
from rlkit_workbook.widgets.live import Run
from rlkit_workbook.widgets.settings import ELSEWHERE


class LiveFigure(FourPanels):
    """A run on one figure that `show` keeps up to date while it trains, beside runs that are pinned.

    Of a maze believed values with arrows, and overestimation, in colours whose scales are the maze's own; elsewhere
    what `Plane` or `Spread` shows. Below, the learning curve, and the last returns of all seeds of all runs.

    Args:
        run: to begin with.
        total: updates it is to make.
        pins: runs in the same environment, numbered in order.
    """

    def __init__(self, run: Run, total: int, pins: Sequence[Run] = ()) -> None:
        self.settings, self.total, self.pins, self.limits = run.settings, total, list(pins), limits_of(run, pins)
        margins = {"left": 0.085, "right": 0.85, "bottom": 0.08, "top": 0.95, "wspace": 0.7, "hspace": 0.38}
        super().__init__(*fixed_figure(2, 2, height=6.6, **margins))
        self._draw_above(run)
        for number, pin in enumerate(pins, start=1):
            self._draw_pin(number, pin)
        name, here = str(run.settings), len(pins)
        self.draw_way(self.below, run.updates, run.returns, name, markersize=0)
        self.draw_seeds(self.beside, [0], run.returns[-1:], name, here, shift=here)
        self.beside.set_xticks(range(here + 1), [*map(str, range(1, here + 1)), "now"])
        self.beside.set_xlim(-0.6, max(here, 2) + 0.6)
        kind = RETURN if isinstance(run.oracle, Oracle) else EPISODES
        label_axes(self.below, f"How it learns from {run.settings.source.name}", "updates", kind)
        label_axes(self.beside, "Against pinned runs (dots: seeds)", "pinned run")
        self.below.set_xlim(0, 1.02 * max([total, *(pin.done for pin in pins)]))
        for ax in (self.below, self.beside):
            ax.set_ylim(self.limits)
            draw_references(ax, references_of(run))
        self.show(run)
        self.settle_panels()

    def _draw_above(self, run: Run) -> None:
        name, oracle, both = run.settings.algorithm, run.oracle, (self.left, self.right)
        self.learns_values = not np.isnan(run.judged.believed_start)
        title = "What the median seed believes" if self.learns_values else f"{name} learns no values"
        if isinstance(oracle, Oracle):
            low, _ = map_limits(oracle, oracle.optimal_q.max(axis=1))
            self.above = Maps(*both, oracle, name, self.learns_values, (1.15 * low, 0.0), (low, -low))
        elif plane_of(run.data) is not None:
            self.above = Plane(*both, run.data, title, bounds_of(run))
        else:
            self.above = Spread(*both, run.data, title, bounds_of(run), self.limits, style_of(name)["color"])

    def _draw_pin(self, number: int, pin: Run) -> None:
        name = str(pin.settings)
        draw_curve(self.below, pin.updates, pin.returns, name, markersize=0, linewidth=1.2, alpha=0.8)
        badge = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": style_of(name)["color"]}
        at = {"fontsize": 8, "ha": "center", "va": "center", "color": INK, "zorder": 5, "bbox": badge}
        self.below.text(pin.done, pin.means[-1], str(number), **at)
        draw_settings(self.beside, [0], pin.returns[-1:], name, shift=number - 1)

    def fits(self, run: Run, total: int, pins: Sequence[Run]) -> bool:
        """Whether it can show this time of a run, beside these."""
        low, high = self.limits
        within = low <= run.returns.min() and run.returns.max() <= high
        same_pins = [*map(id, pins)] == [*map(id, self.pins)]
        return within and same_pins and (self.settings, self.total) == (run.settings, total)

    def show(self, run: Run) -> Figure:
        """Bring the figure to another time of its run."""
        judged = run.judged
        if isinstance(run.oracle, Oracle):
            values = judged.believed if self.learns_values else judged.true
            self.above.show(values, judged.policy, judged.overestimation)
        else:
            self.above.show(judged)
        self.show_way(run.updates, run.means, run.ends)
        self.show_seeds(run.returns[-1:], run.means[-1:], run.ends[:, -1:])
        return self.figure


def limits_of(run: Run, pins: Sequence[Run]) -> tuple[float, float]:
    """Between which returns lie: of a maze those that can be, elsewhere those that were seen, and some room."""
    if isinstance(run.oracle, Oracle):
        return -1.06 * run.oracle.maze.horizon, 0.0
    seen = np.concatenate([run.data.episode_returns, *(each.returns.ravel() for each in (run, *pins))])
    margin = 0.1 * np.ptp(seen) + 0.05 * np.abs(seen).max() + 0.1
    return seen.min() - margin, seen.max() + margin


def references_of(run: Run) -> dict[str, float]:
    """Returns to hold a run's against."""
    known = {"behaviour": run.behaviour}
    if isinstance(run.oracle, Oracle):
        known |= {"J*": run.oracle.optimal_return, "random": run.oracle.random_return}
    return known


def bounds_of(run: Run) -> np.ndarray:
    """The least and the largest value (2,) that can be, beyond the mazes."""
    return value_bounds(run.data.rewards.numpy(), ELSEWHERE["discount"])


def run_in_words(run: Run, total: int) -> str:
    """Two lines on a run at this time."""
    name, judged, acts = f"{run.settings}, {run.done:,} of {total:,} updates", run.judged, run.means[-1]
    if isinstance(run.oracle, Oracle):
        return in_words(name, run.oracle, acts, judged.believed_start, judged.true_start)
    known = "" if np.isnan(run.behaviour) else f", where the data's got {run.behaviour:.1f}"
    knows = believes(judged.believed_start, bounds_of(run))
    return f"{name}: " + f"return {acts:.1f} in real episodes{known}.\n{knows}".replace("-", "−")


def judge_in_words(run: Run) -> str:
    """How its returns were found, and what that cost."""
    if isinstance(run.oracle, Oracle):
        return "exact"
    rollouts = run.oracle
    return f"{rollouts.episodes} episodes each: {rollouts.steps:,} steps, {rollouts.seconds:.1f} s"
