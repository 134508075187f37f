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
    worded,
)
from rlkit_mini.sweeps import Sweep

MEANINGS = {  # what the axis of a hyperparameter says
    "data": "data set",
    "dataset": "data set",
    "steps": "updates",
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
    best = oracle.optimal_return
    well = "it hardly ever arrives" if acts < -0.95 * oracle.maze.horizon else "it could do better"
    well = "nearly as good as it gets" if acts >= 1.1 * best else well
    second = f"It learns no values; {truth:.1f} is true at the start."
    if believes is not None:
        knows = f"{'over' if believes > truth else 'under'}estimated by {abs(believes - truth):.1f}"
        knows = "about right" if abs(believes - truth) < 0.1 * abs(truth) + 0.1 else knows
        second = f"At the start it believes {believes:.1f}, and {truth:.1f} is true: {knows}."
    words = f"return {acts:.1f} where {best:.1f} is possible: {well}.\n{second}".replace("-", "−")
    return f"{name}: {words}"


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
