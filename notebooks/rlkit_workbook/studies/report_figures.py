"""The report's figures, each from the results alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from rlkit_mini.experiments import EXPERIMENTS
from rlkit_mini.mazes import MAZES
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings
from rlkit_mini.plots.runs import draw_fine_tuning
from rlkit_mini.plots.style import INK, RETURN, label_axes, new_figure, style_of
from rlkit_workbook.studies.report import AGENTS, CONTROL, DATA, SIZES, picks

SOLVABLE = ("easy", "medium", "hard")
VALUE = "value at the start (discounted)"


def draw_coverage(results: dict[str, dict]) -> Figure:
    """Coverage against steps in the four mazes: random, RND, and RND without its bonus."""
    figure, axes = new_figure(2, 2, width=10, height=6.5)
    control = {"color": INK, "linestyle": "--", "marker": "."}
    for ax, maze in zip(axes.ravel(), MAZES, strict=True):
        for label, agent, style in (("random", "random", {}), (CONTROL, "rnd_control", control), ("RND", "rnd", {})):
            curve = results[f"pointmass_{maze}_{agent}"]["curve"]
            draw_curve(ax, curve["steps"], np.array(curve["coverage"]), label, **style)
        ax.set_ylim(0, 1)
        label_axes(ax, maze, "steps", "coverage (share of half-cells)", "lower right" if maze == "easy" else "")
    return figure


def draw_comparison(results: dict[str, dict]) -> Figure:
    """Exact returns of every agent's seeds on four data sets."""
    figure, axes = new_figure(2, 2, width=11, height=7)
    titles = ("Narrow and good: medium near-expert", "Narrow, noisier: hard near-expert", "Lazy", "Broad: medium RND")
    for ax, data, title in zip(axes.ravel(), DATA, titles, strict=True):
        for place, label in enumerate(AGENTS):
            returns = np.sort(results[f"{data}: {label}"]["returns"])
            style = style_of(label) | {"linestyle": ""}
            ax.plot(place + np.linspace(-0.25, 0.25, len(returns)), returns, markersize=5, alpha=0.8, **style)
        ax.set_xticks(range(len(AGENTS)), [label.replace(", ", "\n") for label in AGENTS])
        ax.grid(axis="y", color="#e8e8e8")
        label_axes(ax, title, y=RETURN)
        facts = results[f"{data}: DQN"]
        draw_references(ax, {"J*": facts["optimal_return"], "behaviour": facts["behaviour_return"]})
    return figure


def draw_learning(results: dict[str, dict], agents: dict[str, str]) -> Figure:
    """Learning curves of algorithms, {"dqn": "DQN", ...}, on the RND data of three mazes."""
    figure, axes = new_figure(1, 3, width=13, height=4)
    for ax, maze in zip(axes, SOLVABLE, strict=True):
        for agent, label in agents.items():
            history = results[f"pointmass_{maze}_{agent}"]["history"]
            draw_curve(ax, history["updates"], history["returns"], label, worst=True)
        label_axes(ax, f"{maze} (thin: worst seed)", "updates", RETURN, "lower right" if maze == "easy" else "")
        facts = results[f"pointmass_{maze}_{next(iter(agents))}"]
        lines = {"J*": "optimal_return", "best of data": "best_return_of_data", "behaviour": "behaviour_return"}
        draw_references(ax, {name: facts[key] for name, key in lines.items() if facts[key] is not None})
    return figure


def draw_alpha(results: dict[str, dict]) -> Figure:
    """CQL's α from 0 to 10 on the medium maze's RND data: returns, and values believed and true."""
    rows = {
        EXPERIMENTS[name].settings["alpha"]: results[name]
        for name in (f"pointmass_medium_cql{end}" for end in ("_alpha0", "", "_alpha1", "_alpha10"))
    }
    figure, (left, right) = new_figure(1, 2, width=11, height=4)
    draw_settings(left, list(rows), [row["returns"] for row in rows.values()], "CQL")
    label_axes(left, "On broad data a large α costs return", "α (weight of the penalty)", RETURN)
    first = rows[0.0]
    draw_references(left, {"J*": first["optimal_return"], "behaviour": first["behaviour_return"]})
    draw_settings(right, list(rows), [row["start_values_estimated"] for row in rows.values()], "CQL")
    true = [row["start_values_true"] for row in rows.values()]
    draw_settings(right, list(rows), true, "oracle", shift=0.25, linestyle=":")
    for line, label in zip(right.lines[1::2], ("believed", "true"), strict=True):
        line.set_label(label)
    label_axes(right, "and does not make the values humble", "α (weight of the penalty)", VALUE, "lower left")
    return figure


def draw_data(results: dict[str, dict]) -> Figure:
    """CQL on 1,000 to 20,000 steps of one RND run on the medium maze."""
    rows = [results[f"pointmass_medium_cql_rnd{size}"] for size in SIZES]
    figure, (left, right) = new_figure(1, 2, width=11, height=4)
    labels = [f"{size:,}" for size in SIZES]
    draw_settings(left, labels, [row["returns"] for row in rows], "CQL")
    best = [row["best_return_of_data"] for row in rows]
    left.plot(
        range(len(rows)), best, "_", color=style_of("oracle")["color"], markersize=26, label="best this data allows"
    )
    label_axes(left, "With more steps, CQL reaches what the data allows", "steps in the data", RETURN, "lower right")
    draw_references(left, {"J*": rows[0]["optimal_return"]})
    covered = [results[f"pointmass_medium_rnd_{size}"]["coverage"] for size in SIZES]
    draw_settings(right, labels, covered, "RND")
    right.set_ylim(0, 1.05)
    label_axes(right, "and the data covers the maze (8 runs)", "steps in the data", "coverage (share of half-cells)")
    return figure


def draw_choosing(results: dict[str, dict]) -> Figure:
    """What fitted Q evaluation on held-out transitions says of each candidate against the truth, and what is picked."""
    figure, axes = new_figure(1, 4, width=15, height=4.4)
    for ax, data in zip(axes, DATA, strict=True):
        result = results[f"choosing: {data}"]
        estimates, true = (
            np.array([candidate[key] for candidate in result["candidates"]]) for key in ("fitted_q", "true")
        )
        ax.plot([-20.5, 0], [-20.5, 0], color=INK, linewidth=0.8, zorder=1)
        for candidate, x, y in zip(result["candidates"], true, estimates, strict=True):
            style = style_of(candidate["agent"]) | {"linestyle": "", "markersize": 5, "alpha": 0.7}
            style |= {"markerfacecolor": "none"} if candidate["agent"] == "CQL, α 0.1" else {}
            shown = {line.get_label() for line in ax.lines}
            ax.plot(x, y, label="_" * (candidate["agent"] in shown) + candidate["agent"], **style)
        chosen, seeds = picks(result)["highest fitted Q"], np.arange(true.shape[1])
        ring = {"markersize": 11, "markerfacecolor": "none", "color": INK, "linestyle": "", "marker": "o"}
        ax.plot(true[chosen, seeds], estimates[chosen, seeds], label="picked by fitted Q", **ring)
        ax.set(xlim=(-20.7, -11.5), ylim=(-20.7, min(0, max(-9, estimates.max() + 1))))
        legend = "upper left" if data == DATA[-1] else ""
        label_axes(ax, data, "true " + VALUE, "fitted Q's estimate" if data == DATA[0] else "", legend)
    return figure


FIGURES = {
    "coverage": draw_coverage,
    "comparison": draw_comparison,
    "dqn_cql": partial(draw_learning, agents={"dqn": "DQN", "cql": "CQL, α 0.1"}),
    "alpha": draw_alpha,
    "awac_iql": partial(draw_learning, agents={"awac": "AWAC", "iql": "IQL"}),
    "data": draw_data,
    "finetune": lambda results: draw_fine_tuning("CQL", results["pointmass_hard_cql_finetune"]),
    "choosing": draw_choosing,
}
