"""One figure per command: a training, a fine-tuning, an exploration."""

from __future__ import annotations

from matplotlib.figure import Figure

from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_curve, draw_references
from rlkit_mini.plots.maps import draw_arrows, draw_map, draw_visits
from rlkit_mini.plots.style import INK, RETURN, label_axes, new_figure


def draw_training(results: dict) -> Figure:
    """Learning curves of training results by label, and what the first one's median seed believes of a maze."""
    first = next(iter(results.values()))
    if not isinstance(first.oracle, Oracle):
        curves = {label: (result.history.updates, result.history.returns) for label, result in results.items()}
        if first.oracle is None:
            curves = {label: (result.history.updates, result.history.losses) for label, result in results.items()}
        title = f"How well {' and '.join(results)} acts" if first.oracle else f"How {' and '.join(results)} learns"
        return _draw_alone(curves, title, "updates", "return in rollouts" if first.oracle else "loss")
    figure, (left, right) = new_figure(1, 2)
    for label, result in results.items():
        draw_curve(left, result.history.updates, result.history.returns, label, worst=True)
    legend = "lower right" if len(results) > 1 else ""
    label_axes(left, f"How well {' and '.join(results)} acts (thin: worst seed)", "updates", RETURN, legend)
    draw_references(left, {"J*": first.oracle.optimal_return, "random": first.oracle.random_return})
    judged = Judgement.of(first.agent, first.oracle)
    judged, learns_values = judged[judged.median], judged.q_values is not None
    kind, values = ("believed", judged.believed) if learns_values else ("true", judged.true)
    draw_map(right, first.oracle, values, f"{kind} value (discounted)")
    draw_arrows(right, first.oracle, judged.policy)
    label_axes(right, f"What the median seed {'believes and does' if learns_values else 'does, truly worth'}")
    return figure


def draw_exploration(results: dict) -> Figure:
    """Coverage of exploration results by label, and where the first seed of each went; of no maze, arrivals alone."""
    if next(iter(results.values())).coverages is None:
        curves = {label: (result.steps, result.summary["curve"]["goals"]) for label, result in results.items()}
        return _draw_alone(curves, "How often episodes came to their end", "steps", "terminations so far")
    figure, (left, *maps) = new_figure(1, 1 + len(results))
    images = []
    for ax, (label, result) in zip(maps, results.items(), strict=True):
        draw_curve(left, result.steps, result.coverages, label, worst=True)
        images.append(draw_visits(ax, result.data[0].maze, result.data[0].positions))
        label_axes(ax, f"Where {label} went (first seed)")
    for image in images:
        image.norm.vmax = max(other.norm.vmax for other in images)
    left.set_ylim(0, 1)
    legend = "lower right" if len(results) > 1 else ""
    label_axes(left, "How much it has seen (thin: worst seed)", "steps", "coverage (share of half-cells)", legend)
    return figure


def _draw_alone(curves: dict[str, tuple], title: str, x: str, y: str) -> Figure:
    figure, ax = new_figure()
    for label, (at, values) in curves.items():
        draw_curve(ax, at, values, label, worst=True)
    label_axes(ax, f"{title} (thin: worst seed)", x, y, "best" if len(curves) > 1 else "")
    return figure


def draw_fine_tuning(summaries: dict[str, dict]) -> Figure:
    """Returns of fine-tunings by label, before and after they go online, each beside its control, which never does.

    Args:
        summaries: of `run_experiment`.
    """
    figure, ax = new_figure(height=4.2)
    for label, summary in summaries.items():
        history, control = summary["history"], summary["control"]
        draw_curve(ax, control["updates"], control["returns"], f"{label}, offline only", color=INK, linestyle=":")
        draw_curve(ax, history["updates"], history["returns"], f"{label}, online from the line on", worst=True)
    first = next(iter(summaries.values()))
    ax.axvline(first["online_from"], color=INK, linewidth=1.2)
    ax.annotate(
        "from here on it acts itself",
        (first["online_from"], 0.06),
        (6, 0),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        fontsize=9,
        color=INK,
    )
    data = first["dataset"].removeprefix("pointmass/").removesuffix("-v0")
    label_axes(
        ax,
        f"What did the acting add? Only what the control lacks ({data}; thin: worst seed)",
        "updates (online: one per step)",
        RETURN,
        "center right",
    )
    lines = {"J*": "optimal_return", "best of data": "best_return_of_data", "behaviour": "behaviour_return"}
    draw_references(ax, {name: first[key] for name, key in lines.items() if first.get(key) is not None})
    return figure
