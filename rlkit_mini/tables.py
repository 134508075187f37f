"""Tables of results, readable in a terminal and in a notebook."""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping, Sequence

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Transitions
from rlkit_mini.evaluation import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle
from rlkit_mini.sweeps import Sweep


class Table:
    """Rows of already worded cells; the first column is left aligned, the others right."""

    def __init__(self, rows: Sequence[Mapping[str, object]], caption: str = "") -> None:
        self.rows = [{name: str(cell) for name, cell in row.items()} for row in rows]
        self.caption = caption

    def __repr__(self) -> str:
        names = list(self.rows[0])
        widths = {name: max(len(name), *(len(row[name]) for row in self.rows)) for name in names}

        def line(cells):
            first, *rest = names
            return "  ".join([cells[first].ljust(widths[first]), *(cells[name].rjust(widths[name]) for name in rest)])

        lines = [line(dict(zip(names, names, strict=True))), "  ".join("-" * widths[name] for name in names)]
        return "\n".join([self.caption] * bool(self.caption) + lines + [line(row) for row in self.rows])

    def _repr_html_(self) -> str:
        def cells(tag, values):
            sides = ["left"] + ["right"] * (len(values) - 1)
            return "".join(
                f'<{tag} style="text-align:{side}">{html.escape(value)}</{tag}>'
                for side, value in zip(sides, values, strict=True)
            )

        body = "".join(f"<tr>{cells('td', list(row.values()))}</tr>" for row in self.rows)
        caption = f'<caption style="text-align:left">{html.escape(self.caption)}</caption>' if self.caption else ""
        return f"<table>{caption}<tr>{cells('th', list(self.rows[0]))}</tr>{body}</table>"


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of already worded cells as Markdown has them."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(row.values()) + " |" for row in rows])


def with_interval(values, digits: int = 1) -> str:
    """Interquartile mean over seeds and its 95% bootstrap interval, in words: "-20.7 [-20.9, -20.6]"."""
    low, high = bootstrap_interval(values)
    return f"{interquartile_mean(np.asarray(values)):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def agent_row(label: str, agent: Agent, oracle: Oracle, greedy: bool = True) -> dict[str, str]:
    """A table's row on a population without swept settings, or on all its members taken together.

    Exact returns of the greedy (or the sampled) policy, and the value at the start, believed and true, if it has one.
    """
    act = functools.partial(agent.policy, greedy=greedy)
    policy, truth = act(oracle.observations).cpu().numpy(), oracle.evaluate(act)
    row = {
        "agent": label,
        "return: IQM [95% interval]": with_interval(truth.episode_return),
        "worst seed": f"{truth.episode_return.min():.1f}",
        "believed value at start": "–",
        "true value": f"{np.median(start_values(policy, truth.q_values, oracle)):.1f}",
    }
    if hasattr(agent, "q_values"):
        believed = start_values(policy, agent.q_values(oracle.observations).cpu().numpy(), oracle)
        row["believed value at start"] = f"{np.median(believed):.1f}"
    return row


def start_values(policy, q_values, oracle: Oracle) -> np.ndarray:
    """sum_a pi(a | s) Q(s, a) at the start, of policies and Q-values (..., sub-cells, 5): (...,)."""
    return (np.asarray(policy) * np.asarray(q_values)).sum(axis=-1) @ oracle.start_weights


def sweep_table(sweep: Sweep) -> Table:
    """A row a setting: the exact return after the last update."""
    rows = []
    for setting in sweep.settings:
        returns = sweep.returns[-1, *sweep.index(setting)]
        words = {name: value if isinstance(value, str) else f"{value:g}" for name, value in setting.items()}
        rows.append(
            words | {"return: IQM [95% interval]": with_interval(returns), "worst seed": f"{returns.min():.1f}"}
        )
    return Table(rows, f"{sweep.algorithm}, {len(sweep.seeds)} seeds; J* {sweep.oracle.optimal_return:.1f}")


def overestimation_table(sweep: Sweep, data: Transitions, caption: str) -> Table:
    """Believed - true value of a sweep over one hyperparameter at the states of a data set, a row a setting."""
    ((name, values),) = sweep.grid.items()
    at_data = sweep.overestimation[:, sweep.oracle.sub_cells(data.observations)]  # (settings, transitions)
    rows = [
        {
            name: value if isinstance(value, str) else f"{value:g}",
            "mean over the data's states": f"{at_data[i].mean():+.2f}",
            "share of them overestimated": f"{(at_data[i] > 0).mean():.0%}",
            "largest anywhere": f"{sweep.overestimation[i].max():+.1f}",
        }
        for i, value in enumerate(values)
    ]
    return Table(rows, caption)
