"""One figure per command: a training, a fine-tuning, an exploration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_curve, draw_references
from rlkit_mini.plots.maps import draw_arrows, draw_map, draw_visits
from rlkit_mini.plots.style import INK, RETURN, label_axes, new_figure


def draw_training(label: str, result: Any) -> Figure:
    """The learning curves of a training's result, and what its median seed believes of a maze.

    Args:
        label: begins with the algorithm.
        result: a `TrainingResult`.
    """
    history, oracle, exact = result.history, result.oracle, isinstance(result.oracle, Oracle)
    figure, axes = new_figure(1, 2 if exact else 1)
    if oracle is None:
        _draw_seeds(axes, label, history.updates, history.losses, f"How {label} learns", "updates", "loss")
        return figure
    left, measure = (axes[0], RETURN) if exact else (axes, "return in rollouts")
    _draw_seeds(left, label, history.updates, history.returns, f"How well {label} acts", "updates", measure)
    if not exact:
        return figure
    draw_references(left, {"J*": oracle.optimal_return, "random": oracle.random_return})
    judged = Judgement.of(result.agent, oracle)
    judged, learns_values = judged[judged.median], judged.q_values is not None
    kind, values = ("believed", judged.believed) if learns_values else ("true", judged.true)
    draw_map(axes[1], oracle, values, f"{kind} value (discounted)")
    draw_arrows(axes[1], oracle, judged.policy)
    label_axes(axes[1], f"What the median seed {'believes and does' if learns_values else 'does, truly worth'}")
    return figure


def draw_exploration(label: str, result: Any) -> Figure:
    """The coverage of an exploration's result, and where its first seed went; of no maze, its arrivals alone.

    Args:
        label: begins with the algorithm.
        result: an `ExplorationResult`.
    """
    curve = result.summary["curve"]
    if result.coverages is None:
        figure, ax = new_figure()
        title = "How often episodes came to their end"
        _draw_seeds(ax, label, curve["steps"], curve["goals"], title, "steps", "terminations so far")
        return figure
    figure, (left, right) = new_figure(1, 2)
    measure = "coverage (share of half-cells)"
    _draw_seeds(left, label, curve["steps"], result.coverages, "How much it has seen", "steps", measure)
    left.set_ylim(0, 1)
    draw_visits(right, result.data[0].maze, result.data[0].positions)
    label_axes(right, f"Where {label} went (first seed)")
    return figure


def _draw_seeds(
    ax: Axes, label: str, x: Sequence[float], values: np.ndarray, title: str, unit: str, measure: str
) -> None:
    draw_curve(ax, x, values, label, worst=True)
    label_axes(ax, f"{title} (thin: worst seed)", unit, measure)


def draw_fine_tuning(label: str, summary: dict) -> Figure:
    """Returns of a fine-tuning, before and after it goes online, beside its control, which never does.

    Args:
        label: begins with the algorithm.
        summary: of `run_experiment`.
    """
    figure, ax = new_figure(height=4.2)
    history, control = summary["history"], summary["control"]
    draw_curve(ax, control["updates"], control["returns"], f"{label}, offline only", color=INK, linestyle=":")
    draw_curve(ax, history["updates"], history["returns"], f"{label}, online from the line on", worst=True)
    ax.axvline(summary["online_from"], color=INK, linewidth=1.2)
    style = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points", "fontsize": 9, "color": INK}
    ax.annotate("from here on it acts itself", (summary["online_from"], 0.06), (6, 0), **style)
    data = summary["dataset"].removeprefix("pointmass/").removesuffix("-v0")
    title = f"What did the acting add? Only what the control lacks ({data}; thin: worst seed)"
    label_axes(ax, title, "updates (online: one per step)", RETURN, "center right")
    lines = {"J*": "optimal_return", "best of data": "best_return_of_data", "behaviour": "behaviour_return"}
    draw_references(ax, {name: summary[key] for name, key in lines.items() if summary.get(key) is not None})
    return figure
