"""Tables of results, readable in a terminal and in a notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rlkit_mini.agents.agent import Agent
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean
from rlkit_mini.oracle import Oracle

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Transitions


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


def with_interval(values: ArrayLike, digits: int = 1) -> str:
    """Interquartile mean over seeds and its 95% bootstrap interval, in words: "-20.7 [-20.9, -20.6]".

    Args:
        values: (seeds,).

    Raises:
        ValueError: no values, or values that are not finite.
    """
    low, high = bootstrap_interval(values)
    return f"{interquartile_mean(np.asarray(values)):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


class Paired(NamedTuple):
    """A difference over seeds in pairs: interquartile mean and 95% bootstrap interval.

    Formatted with the digits wanted, f"{paired(a, b):.1f}", it is "-1.9 [-5.7, 0.1], not settled".
    """

    middle: float
    low: float
    high: float

    @property
    def settled(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0

    def __format__(self, digits: str) -> str:
        middle, low, high = (format(value, digits or ".1f") for value in self)
        return f"{middle} [{low}, {high}], {'settled' if self.settled else 'not settled'}"


def paired(a: ArrayLike, b: ArrayLike) -> Paired:
    """By how much a (seeds,) is above b (seeds,), of the same seeds in the same order.

    Raises:
        ValueError: they are not of equally many seeds, or not finite.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"a and b have shapes {a.shape} and {b.shape}; expected (seeds,), the same seeds in both")
    return Paired(float(interquartile_mean(a - b)), *bootstrap_interval(a - b).tolist())


def references(data: Transitions, oracle: Oracle) -> dict[str, float]:
    """Returns to hold an agent's against: of the optimum, the best that the data allows, the data, random actions.

    Args:
        oracle: of the data's maze.
    """
    returns = data.episode_returns
    return {
        "J*": oracle.optimal_return,
        "best of data": oracle.best_return(data.observations, data.actions),
        "behaviour": float(returns.mean()) if len(returns) else math.nan,
        "random": oracle.random_return,
    }


def in_a_row(numbers: Mapping[str, float]) -> str:
    """Numbers by name for a caption: "J* -20.7, best of data -20.7"."""
    return ", ".join(f"{name} {value:.1f}" for name, value in numbers.items())


def agent_row(label: str, judged: Judgement) -> dict[str, str]:
    """A table's row on a population without swept settings, or on all its members taken together.

    Exact returns, and the median over members of the start's discounted value, believed (if they learn any) and true.
    """
    returns, believed = judged.returns, np.median(judged.believed_start)
    return {
        "agent": label,
        "return: IQM [95% interval]": with_interval(returns),
        "worst seed": f"{returns.min():.1f}",
        "believed at start (median)": "–" if np.isnan(believed) else f"{believed:.1f}",
        "true (median)": f"{np.median(judged.true_start):.1f}",
    }


def agent_rows(label: str, agent: Agent, oracle: Oracle) -> list[dict[str, str]]:
    """The rows on an agent's greedy policy and on the distribution that it draws actions from; one where they agree.

    Raises:
        ValueError: a member has another discount than the oracle.
    """
    greedy, sampled = (Judgement.of(agent, oracle, way) for way in (True, False))
    if np.array_equal(greedy.at_points, sampled.at_points):
        return [agent_row(label, greedy)]
    return [agent_row(f"{label}, greedy", greedy), agent_row(f"{label}, sampled", sampled)]
