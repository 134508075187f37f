"""Whole figures of results: a sweep under its slider, a training, an exploration."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rlkit_mini.evaluation import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots import (
    INK,
    RETURN,
    describe,
    directions,
    draw_arrows,
    draw_curve,
    draw_map,
    draw_references,
    draw_settings,
    draw_visits,
    highlight,
    map_limits,
    new_figure,
    visits_on_grid,
    worded,
)
from rlkit_mini.sweeps import ExplorationSweep, Sweep

MEANINGS = {  # what the axis of a hyperparameter says
    "data": "data set",
    "dataset": "data set",
    "steps": "steps made (offline: updates)",
    "alpha": "alpha (weight of the penalty)",
    "temperature": "temperature (divides)",
    "expectile": "expectile tau",
    "rnd_weight": "weight of the bonus",
    "epsilon": "epsilon (share of random actions)",
    "learning_rate": "learning rate (Adam)",
    "actor_learning_rate": "the actor's learning rate (Adam)",
    "batch_size": "transitions a minibatch",
    "target_period": "updates between two copies of the critic into the target network",
}


class Redrawn:
    """A figure of which little changes from one picture to the next.

    Attributes:
        figure: 9 inches wide.
    """

    figure: Figure

    def settle(self, maps, artists) -> None:
        """Fix where everything is; from now on only `artists`, and what lies on the axes `maps`, is drawn again."""
        if self.figure.get_layout_engine():
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")
        on_maps = [(*ax.images, *ax.patches, *ax.texts, *ax.collections, *ax.spines.values()) for ax in maps]
        moving = [artist for group in on_maps for artist in group] + list(artists)
        self._moving, self._still = sorted(moving, key=lambda artist: artist.zorder), None

    def to_png(self) -> bytes:
        """The figure as it is now, 900 pixels wide: what moves is drawn again on a kept picture of what does not."""
        canvas = self.figure.canvas
        if self._still is None:
            for artist in self._moving:
                artist.set_visible(False)
            canvas.draw()
            self._still = canvas.copy_from_bbox(self.figure.bbox)
            for artist in self._moving:
                artist.set_visible(True)
        canvas.restore_region(self._still)
        for artist in self._moving:
            artist.draw(canvas.get_renderer())
        return encoded(canvas)


def encoded(canvas) -> bytes:
    """What a canvas shows as the bytes of a PNG file, quickly."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(file, "png", compress_level=1)
    return file.getvalue()


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
        upright = sum(map(len, map(worded, values))) > 50  # so many letters do not fit side by side
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
        describe(left, words[0])
        describe(right, words[1])
        if upright:
            below.tick_params(axis="x", labelrotation=90, labelsize=7.5)
        if sweep.updates.ndim > 1:
            beside.set_xlim(0, 1.05 * sweep.updates.max())
        describe(below, f"How the return depends on {name}", MEANINGS.get(name, name), RETURN)
        describe(beside, "How it learnt at this setting", "updates", RETURN)
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
        where = ", ".join(f"{name} {worded(value)}" for name, value in setting.items())
        believed = np.median(sweep.believed_start[here]) if self.learns_values else None
        starts = believed, np.median(sweep.true_start[here])
        return in_words(f"{sweep.algorithm}, {where}", sweep.oracle, self.means[-1, *here], *starts)


def in_words(name: str, oracle: Oracle, acts: float, believes: float | None, truth: float) -> str:
    """Two lines on an agent: how well it acts (exact return), and whether it knows (discounted values at the start)."""
    best, worst = oracle.optimal_return, -oracle.maze.horizon
    well = "it arrives late, or not at all" if acts < (best + worst) / 2 else "it could do better"
    well = "it hardly ever arrives" if acts < 0.95 * worst else well
    well = "nearly as good as it gets" if acts >= 1.1 * best else well
    second = f"It learns no values; {truth:.1f} is true at the start."
    if believes is not None:
        knows = f"{'over' if believes > truth else 'under'}estimated by {abs(believes - truth):.1f}"
        knows = "about right" if abs(believes - truth) < 0.1 * abs(truth) + 0.1 else knows
        second = f"At the start it believes {believes:.1f}, and {truth:.1f} is true: {knows}."
    words = f"return {acts:.1f} where {best:.1f} is possible: {well}.\n{second}".replace("-", "−")
    return f"{name}: {words}"


class ExplorationFigure(Redrawn):
    """Explorers at one setting and moment on one figure, which `show` brings to another without drawing it anew.

    Where they went, what is still new to them, coverage against the first hyperparameter (the others, and the moment,
    as they are set), and coverage on the way; every scale is the same for all settings.

    Attributes:
        figure: 9 x 7 inches.
        message: two sentences: how much they have seen, and whether they found the goal.
    """

    def __init__(self, sweep: ExplorationSweep, setting: dict | None = None, references: dict | None = None) -> None:
        self.sweep, oracle, steps = sweep, sweep.oracle, sweep.grid["steps"]
        setting = {name: values[0] for name, values in sweep.grid.items()} if setting is None else setting
        name, values = next(iter(sweep.grid.items()))
        self.means = interquartile_mean(sweep.coverage)  # (moments, *settings)
        self.ends = np.stack([bootstrap_interval(covered) for covered in sweep.coverage], axis=1)  # (2, moments, ...)
        self.figure, ((left, right), (below, beside)) = new_figure(2, 2, height=7.0)
        self.title = self.figure.suptitle("two\nlines", x=0.012, ha="left", fontsize=11.5, color=INK, linespacing=1.4)
        seen = [[visits_on_grid(oracle.maze, walk[:count].positions) for walk in sweep.walks] for count in steps]
        self.seen = np.reshape(seen, (*sweep.novelty.shape[:-1], *np.shape(seen)[-2:]))  # (moments, *settings, ...)
        self.bonus = np.log10(np.maximum(sweep.novelty, 1e-9))  # a bonus of one's own may be 0
        *here, moment = sweep.index(setting)
        self.visits = draw_visits(left, oracle.maze, sweep.walks[0].positions, np.nanmax(self.seen))
        limits = map_limits(oracle, self.bonus)
        self.new = draw_map(right, oracle, self.bonus[moment, *here], "log10 of the bonus", limits)
        self.box, self.now = highlight(below, here[0]), beside.axvline(0, color="#ffc935", linewidth=7, alpha=0.4)
        column, curve = sweep.coverage[moment, :, *here[1:]], sweep.coverage[:, *here]
        self.dots, self.bars, self.points = draw_settings(below, values, column, sweep.algorithm)
        self.line, self.band = draw_curve(beside, steps, curve, sweep.algorithm)
        covered = "coverage (share of half-cells)"
        describe(left, "Where the median seed has been")
        describe(right, "What is new to it: bright")
        describe(below, f"How coverage depends on {name}", MEANINGS.get(name, name), covered)
        describe(beside, "How it grew at this setting", "steps", covered)
        for ax in (below, beside):
            ax.set_ylim(0, min(1.0, 1.15 * sweep.coverage.max()))
            draw_references(ax, references or {})
        self.show(setting)
        moving = (self.box, self.now, self.bars, self.dots, self.points, self.band, self.line, self.title)
        self.settle((left, right), moving)

    def show(self, setting: dict[str, float]) -> Figure:
        """Bring the figure to another setting and moment of the sweep, {"rnd_weight": 1.0, "steps": 2000}."""
        sweep, steps = self.sweep, self.sweep.grid["steps"]
        *here, moment = sweep.index(setting)
        self.visits.set_data(self.seen[moment, *here].T)
        self.new.set_data(sweep.oracle.on_grid(self.bonus[moment, *here]).T)
        self.box.set_x(here[0] - 0.42)
        self.now.set_xdata([steps[moment]] * 2)
        self.dots.set_ydata(sweep.coverage[moment, :, *here[1:]].ravel())
        self.points.set_ydata(self.means[moment, :, *here[1:]])
        ends = self.ends[:, moment, :, *here[1:]].T
        self.bars.set_segments([[(place, low), (place, high)] for place, (low, high) in enumerate(ends)])
        self.line.set_ydata(self.means[:, *here])
        low, high = (np.stack([steps, end], axis=1) for end in self.ends[:, :, *here])
        self.band.set_verts([np.concatenate([low, high[::-1]])])
        where = ", ".join(f"{name} {worded(value)}" for name, value in setting.items())
        goals = sweep.goals[moment, *here]
        first = f"{sweep.algorithm}, {where}: {self.means[moment, *here]:.0%} of the maze visited."
        self.message = f"{first}\n{np.count_nonzero(goals)} of {len(goals)} seeds have found the goal."
        self.title.set_text(self.message)
        return self.figure


def draw_training(results: dict) -> Figure:
    """Learning curves of training results by label, and what the first one's median seed believes."""
    figure, (left, right) = new_figure(1, 2)
    first = next(iter(results.values()))
    for label, result in results.items():
        draw_curve(left, result.history.updates, result.history.returns, label, worst=True)
    legend = "lower right" if len(results) > 1 else ""
    describe(left, f"How well {' and '.join(results)} acts (thin: worst seed)", "updates", RETURN, legend)
    draw_references(left, {"J*": first.oracle.optimal_return, "random": first.oracle.random_return})
    sweep = Sweep.of(first.agent, first.history, first.oracle)
    here = (0,) * len(sweep.grid)
    draw_map(right, first.oracle, sweep.values[here], "believed value (discounted)")
    draw_arrows(right, first.oracle, sweep.policy[here])
    describe(right, "What the median seed believes and does")
    return figure


def draw_exploration(results: dict) -> Figure:
    """Coverage of exploration results by label, and where the first seed of each went."""
    figure, (left, *maps) = new_figure(1, 1 + len(results))
    images = []
    for ax, (label, result) in zip(maps, results.items(), strict=True):
        draw_curve(left, result.steps, result.coverages, label, worst=True)
        images.append(draw_visits(ax, result.data[0].maze, result.data[0].positions))
        describe(ax, f"Where {label} went (first seed)")
    for image in images:
        image.norm.vmax = max(other.norm.vmax for other in images)
    left.set_ylim(0, 1)
    legend = "lower right" if len(results) > 1 else ""
    describe(left, "How much it has seen (thin: worst seed)", "steps", "coverage (share of half-cells)", legend)
    return figure
