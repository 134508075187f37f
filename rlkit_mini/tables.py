"""Tables of results, readable in a terminal and in a notebook."""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping, Sequence

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.evaluation.judging import start_values
from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle


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
