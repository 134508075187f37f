"""The figures of the live panels: a run while it trains, a painted data set, one place's actions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.tabular import EmpiricalMDP, half_cell_steps, on_half_cells
from rlkit_mini.mazes import Maze, block_size, half_cells_at, in_block
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings
from rlkit_mini.plots.maps import draw_maze, draw_visits, map_limits
from rlkit_mini.plots.style import INK, QUIET, RETURN, label_axes, new_figure, style_of
from rlkit_mini.pointmass import ACTION_NAMES
from rlkit_workbook.panels.four import LearnerPanels
from rlkit_workbook.panels.redrawn import in_words
from rlkit_workbook.widgets.live import Run


def fixed_figure(rows: int, columns: int, height: float, **place: float):
    """An empty figure whose axes lie where `subplots_adjust` puts them: arranging them takes longer than drawing."""
    figure, axes = new_figure(rows, columns, height=height)
    figure.set_layout_engine(None)
    figure.subplots_adjust(**place)
    return figure, axes


class LiveFigure(LearnerPanels):
    """A run on one figure that `show` keeps up to date while it trains, beside runs that are pinned.

    Believed values with arrows, overestimation, the learning curve, and the last returns of all seeds of all runs.
    The colours' scales are the maze's own, the same for every run: `optimal_q` and as much as it reaches.

    Args:
        run: to begin with.
        total: updates it is to make.
        pins: runs in the same maze, numbered in order.
    """

    def __init__(self, run: Run, total: int, pins: Sequence[Run] = ()) -> None:
        oracle, self.settings, self.total = run.oracle, run.settings, total
        margins = {"left": 0.085, "right": 0.86, "bottom": 0.08, "top": 0.95, "wspace": 0.62, "hspace": 0.38}
        super().__init__(*fixed_figure(2, 2, height=6.6, **margins))
        low, _ = map_limits(oracle, oracle.optimal_q.max(axis=1))
        learns_values = run.now.q_values is not None
        self.draw_maps(oracle, run.settings.algorithm, learns_values, (1.15 * low, 0.0), (low, -low))
        for number, pin in enumerate(pins, start=1):
            self._draw_pin(number, pin)
        name = str(run.settings)
        self.draw_way(self.below, run.updates, run.returns, name, markersize=0)
        self.draw_seeds(self.beside, [0], run.returns[-1:], name, len(pins), shift=len(pins))
        self.beside.set_xticks(range(len(pins) + 1), [*map(str, range(1, len(pins) + 1)), "now"])
        self.beside.set_xlim(-0.6, max(len(pins), 2) + 0.6)
        label_axes(self.below, f"How it learns from {run.settings.source.name}", "updates", RETURN)
        label_axes(self.beside, "Against pinned runs (dots: seeds)", "pinned run")
        self.below.set_xlim(0, 1.02 * max([total, *(pin.updates[-1] for pin in pins)]))
        references = {"J*": oracle.optimal_return, "random": oracle.random_return}
        references |= {} if run.behaviour is None else {"behaviour": run.behaviour}
        for ax in (self.below, self.beside):
            ax.set_ylim(-1.06 * oracle.maze.horizon, 0)
            draw_references(ax, references)
        self.show(run)
        self.settle_panels()

    def _draw_pin(self, number: int, pin: Run) -> None:
        name = str(pin.settings)
        draw_curve(self.below, pin.updates, pin.returns, name, markersize=0, linewidth=1.2, alpha=0.8)
        badge = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": style_of(name)["color"]}
        at = {"fontsize": 8, "ha": "center", "va": "center", "color": INK, "zorder": 5, "bbox": badge}
        self.below.text(pin.updates[-1], pin.means[-1], str(number), **at)
        draw_settings(self.beside, [0], pin.returns[-1:], name, shift=number - 1)

    def show(self, run: Run) -> Figure:
        """Bring the figure to another time of its run."""
        values = run.now.believed if self.learns_values else run.judged.true
        self.show_maps(values, run.now.policy, run.judged.overestimation)
        self.show_way(run.updates, run.means, run.ends)
        self.show_seeds(run.returns[-1:], run.means[-1:], run.ends[:, -1:])
        return self.figure


def run_in_words(run: Run, total: int) -> str:
    """Two lines on a run at this time."""
    name = f"{run.settings}, {run.done:,} of {total:,} updates"
    return in_words(name, run.oracle, run.means[-1], run.judged.believed_start, run.judged.true_start)


def draw_painting(maze: Maze, start, waypoints, data: Transitions | None, best: float):
    """A painted data set: the figure, and its map's axes.

    Args:
        start, waypoints: positions in cells; the waypoints are numbered in order.
        best: J*, beside the episodes' returns.
    """
    margins = {"left": 0.06, "right": 0.87, "bottom": 0.13, "top": 0.91, "wspace": 0.55}
    figure, (left, right) = fixed_figure(1, 2, height=4.2, **margins)
    if data is None:
        draw_maze(left, maze)
    else:
        draw_visits(left, maze, data.positions)
        returns = np.sort(data.episode_returns)[::-1]
        right.plot(np.arange(1, len(returns) + 1), returns, **style_of("BC") | {"linestyle": "", "markersize": 5})
    badge = {"boxstyle": "circle,pad=0.2", "facecolor": "#ffc935", "edgecolor": INK, "linewidth": 1}
    for place in dict.fromkeys(waypoints):  # one that is passed twice carries both numbers
        numbers = [str(number) for number, other in enumerate(waypoints, start=1) if other == place]
        at = {"ha": "center", "va": "center", "fontsize": 9, "fontweight": "bold", "color": INK, "zorder": 6}
        left.text(*place, ",".join(numbers), bbox=badge, **at)
    if tuple(start) != tuple(maze.start):
        style = {"color": "white", "markeredgecolor": "white", "zorder": 5.5}
        left.plot(*start, "o", markersize=15, markerfacecolor="#d55e00", **style)
        left.text(*start, "S'", ha="center", va="center", fontsize=8, fontweight="bold", color="white", zorder=6)
    label_axes(left, "Where the behaviour policy has been")
    label_axes(right, "What its episodes return", "episodes, best first", "return (rewards of an episode)")
    right.set_ylim(-1.06 * maze.horizon, 0)
    right.grid(axis="y", color="#e8e8e8")
    references = {"J*": best}
    if data is not None and len(data.episode_returns):
        references["mean"] = data.episode_returns.mean()
    draw_references(right, references)
    return figure, left


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
    """A place of the data's maze, how often each action was tried there, and its values: figure, and map's axes.

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
    words = "Believed and true" if "believed" in facts else "No beliefs, only the truth"
    label_axes(right, words, "value (discounted)")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8.5, labelcolor=INK, frameon=False)
    return figure, left
