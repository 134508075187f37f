"""What the probe shows of one place: how often each action was tried there, its values, and what carries them."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.tabular import EmpiricalMDP, half_cell_steps, on_half_cells
from rlkit_mini.mazes import block_size, half_cells_at, in_block
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.maps import draw_maze, draw_visits
from rlkit_mini.plots.style import INK, QUIET, label_axes
from rlkit_mini.pointmass import ACTION_NAMES
from rlkit_workbook.panels.redrawn import fixed_figure


def actions_at(oracle: Oracle, data: Transitions, place, judged: Judgement | None) -> dict[str, np.ndarray]:
    """What is known of the five actions in the block of a place, each (5,).

    `tried`: how often the data has them; `believed` and `true`: Q_hat and Q^pi, means over the block's sub-cells
    (without a judgement, or values, only what there is); `best`: Q*.
    """
    here = in_block(oracle.maze, place, oracle.maze.positions(oracle.observations))
    there = in_block(oracle.maze, place, oracle.maze.positions(data.observations))
    facts = {"tried": np.bincount(data.actions[there], minlength=len(ACTION_NAMES))}
    if judged is not None and judged.q_values is not None:
        facts["believed"] = judged.q_values[here].mean(axis=0)
    if judged is not None:
        facts["true"] = judged.true_q[here].mean(axis=0)
    return facts | {"best": oracle.optimal_q[here].mean(axis=0)}


def carriers(oracle: Oracle, data: Transitions, place, action: int, judged: Judgement | None):
    """What the value of an action in the block of a place comes from: weights of the stored steps (n,), and of each
    half-cell (half-cells,) at which a path of the greedy policy ends, as the data never has its action there.

    Args:
        judged: the agent whose greedy policy it is; None takes that of Q-learning in a table.
    """
    table, (cells, actions, *_) = EmpiricalMDP.of(data, oracle.discount), half_cell_steps(data)
    if judged is None:
        policy = np.eye(len(ACTION_NAMES))[table.solve(0.0).argmax(axis=1)]
    else:
        policy = on_half_cells(oracle, judged.policy)
    centres = oracle.maze.positions(oracle.observations)
    block = np.unique(half_cells_at(oracle.maze, centres[in_block(oracle.maze, place, centres)]))
    tried, first = table.counts[block, action], np.zeros(table.counts.shape)
    first[block, action] = tried / tried.sum() if tried.any() else 1 / len(block)
    weights = table.support(first, policy)
    each = weights / np.maximum(table.counts, 1)
    return each[cells, actions], np.where(table.counts > 0, 0.0, weights).sum(axis=1)


def draw_carriers(ax, data: Transitions, steps: np.ndarray, ends: np.ndarray) -> None:
    """The stored steps with weights `steps` (n,), the heavier the bolder, and crosses where paths end: `ends`."""
    draw_maze(ax, data.maze, ticks=False)
    strength = np.sqrt(steps / max(steps.max(), 1e-9))
    heavy = strength > 0.05
    if heavy.any():  # else nothing like it was ever tried
        both = (data.observations, data.next_observations)
        segments = np.stack([data.maze.positions(places)[heavy] for places in both], axis=1)
        style = {"linewidths": 0.5 + 2.5 * strength[heavy], "alpha": 0.1 + 0.9 * strength[heavy]}
        ax.add_collection(LineCollection(segments, colors="#0072b2", zorder=3, **style))
    cells = np.flatnonzero(ends > 0.01)
    centres = 0.5 * np.stack(np.divmod(cells, 2 * data.maze.shape[1]), axis=1) + 0.25
    sizes = 25 + 200 * ends[cells]
    ax.scatter(*centres.T, s=sizes, marker="X", color="#d55e00", edgecolor="white", zorder=4)


def draw_probe(oracle: Oracle, data: Transitions, place, judged: Judgement | None, carried: tuple | None = None):
    """A place on the map of the data's maze, how often each action was tried there, and its values.

    Args:
        carried: what `carriers` gives, in place of the visits.
    """
    margins = {"left": 0.02, "right": 0.975, "bottom": 0.3, "top": 0.92, "wspace": 0.65}
    figure, (left, middle, right) = fixed_figure(1, 3, height=3.9, **margins)
    facts, rows, size = actions_at(oracle, data, place, judged), np.arange(len(ACTION_NAMES)), block_size(oracle.maze)
    if carried:
        draw_carriers(left, data, *carried)
    else:
        draw_visits(left, oracle.maze, data.positions, ticks=False)
    corner = np.floor(np.array(place) / size) * size
    style = {"color": "#d55e00", "linewidth": 2.5, "zorder": 6}
    left.plot(*(corner + size * np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]])).T, **style)
    bars = middle.barh(rows, facts["tried"], color="#0072b2", height=0.6)
    middle.bar_label(bars, [f"{count:,}" if count else "never" for count in facts["tried"]], padding=3, fontsize=9)
    middle.set_xlim(0, 1.3 * max(1, facts["tried"].max()))
    marks = {
        "best": ("Q* (best from here on)", "|", QUIET),
        "true": ("true Q of the policy", "o", "#000000"),
        "believed": ("believed Q", "D", "#0072b2"),
    }
    if "believed" in facts:
        right.hlines(rows, facts["true"], facts["believed"], color="#d55e00", linewidth=1.5)
    for name, (label, marker, color) in marks.items():
        if name in facts:
            size = 13 if marker == "|" else 6.5
            right.plot(facts[name], rows, marker, color=color, markersize=size, markeredgewidth=1.8, label=label)
    for ax, names in ((middle, ACTION_NAMES), (right, [""] * len(rows))):
        ax.set_yticks(rows, names)
        ax.set_ylim(len(rows) - 0.5, -0.5)
    everywhere = [oracle.optimal_q] if judged is None else [oracle.optimal_q, judged.true_q, judged.q_values]
    known = [values for values in everywhere if values is not None]
    low, high = min(map(np.min, known)), max(map(np.max, known))  # the same at every place
    right.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    right.locator_params(axis="x", nbins=4)
    right.grid(axis="x", color="#e8e8e8")
    label_axes(left, "What carries the value" if carried else "The place")
    label_axes(middle, "Tried there", "times in the data")
    words = "Believed and true" if "believed" in facts else "The truth"
    label_axes(right, words, "value (discounted)")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8.5, labelcolor=INK, frameon=False)
    return figure
