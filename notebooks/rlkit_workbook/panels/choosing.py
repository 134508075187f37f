"""Choosing one of several trained agents by real episodes: two ways to spend them, and what either choice costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.evaluation.rollouts import rollout_returns
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.curves import draw_references
from rlkit_mini.plots.style import label_axes, new_figure
from rlkit_workbook.panels.redrawn import Redrawn
from rlkit_workbook.sweeps import Swept


def equal_shares(returns: np.ndarray, episodes: int) -> np.ndarray:
    """The agent with the best mean of equally many episodes of each: (trials,).

    Args:
        returns: (trials, agents, n) of each agent's episodes, in the order in which they are made.
        episodes: to spend in all.

    Raises:
        ValueError: too few for one of each, or more than there are.
    """
    each = episodes // returns.shape[1]
    _check(each, returns)
    return returns[..., :each].mean(axis=-1).argmax(axis=-1)


def successive_halving(returns: np.ndarray, episodes: int) -> np.ndarray:
    """Rounds of equal cost, after each of which the better half remains (Karnin et al. 2013): (trials,).

    Episodes of earlier rounds go on counting. Arguments and errors as in `equal_shares`.
    """
    rounds, made = math.ceil(math.log2(returns.shape[1])), 0
    remaining = np.tile(np.arange(returns.shape[1]), (len(returns), 1))
    for _ in range(rounds):
        made += episodes // (rounds * remaining.shape[1])
        _check(made, returns)
        means = np.take_along_axis(returns[..., :made].mean(axis=-1), remaining, axis=1)
        better = np.argsort(-means, axis=1, kind="stable")[:, : math.ceil(remaining.shape[1] / 2)]
        remaining = np.take_along_axis(remaining, better, axis=1)
    return remaining[:, 0]


def _check(each: int, returns: np.ndarray) -> None:
    if not 1 <= each <= returns.shape[2]:
        raise ValueError(f"that is {each} episodes of an agent; expected 1 to {returns.shape[2]}, those that there are")


WAYS = {"equal shares": equal_shares, "successive halving": successive_halving}


@dataclasses.dataclass
class Choosing(Swept):
    """Which of several agents is chosen by how many real episodes, over many trials; `grid` is {"episodes": [...]}.

    Attributes:
        names: of the agents.
        truth: (agents,) exact returns.
        chosen: way -> (budgets, trials) integers, the agents.
    """

    names: list[str]
    truth: np.ndarray
    chosen: dict[str, np.ndarray]

    @classmethod
    def of(cls, agent: Agent, oracle: Oracle, episodes: Sequence[int], trials: int = 1000, made: int = 300) -> Choosing:
        """Among the members of a population.

        Args:
            episodes: to spend in all, one budget after another.
            trials: each draws its episodes anew from those that were made.
            made: episodes of each member, in the environment itself.
        """
        rolled = [
            rollout_returns(lambda o, m=m: agent.policy(o)[m], oracle.maze, made, m) for m in range(agent.members)
        ]
        drawn = np.random.default_rng(0).integers(made, size=(trials, agent.members, made))
        returns = np.take_along_axis(np.array(rolled)[None], drawn, axis=2)
        chosen = {way: np.stack([choose(returns, budget) for budget in episodes]) for way, choose in WAYS.items()}
        names = [agent.describe(member) for member in range(agent.members)]
        truth = oracle.evaluate(agent.policy).episode_return
        return cls("episodes", oracle, {"episodes": list(episodes)}, names, truth, chosen)

    @property
    def regret(self) -> dict[str, np.ndarray]:
        """Way -> (budgets, trials): the best exact return minus that of the agent chosen."""
        return {way: self.truth.max() - self.truth[chosen] for way, chosen in self.chosen.items()}

    @property
    def best(self) -> dict[str, np.ndarray]:
        """Way -> (budgets,): the share of trials that choose the best agent."""
        return {way: (chosen == self.truth.argmax()).mean(axis=1) for way, chosen in self.chosen.items()}


COLORS = {"equal shares": "#0072b2", "successive halving": "#d55e00"}


class ChoosingFigure(Redrawn):
    """Which agents are chosen at one budget, and what the choice costs at all of them; `show` moves to another budget.

    Attributes:
        message: two sentences, one on each way.
    """

    def __init__(
        self, choosing: Choosing, setting: dict | None = None, references: dict | None = None, titled: bool = True
    ) -> None:
        self.choosing, order = choosing, np.argsort(-choosing.truth)
        self.order, places, budgets = order, np.arange(len(order)), choosing.grid["episodes"]
        self.figure, (left, right) = new_figure(1, 2, height=4.4)
        if titled:
            self.draw_title()
        self.bars = {}
        for (way, regret), shift in zip(choosing.regret.items(), (-0.2, 0.2), strict=True):
            self.bars[way] = left.barh(places + shift, np.ones(len(order)), 0.36, color=COLORS[way])
            right.plot(budgets, regret.mean(axis=1), "o-", color=COLORS[way], label=way)
        words = [f"{choosing.names[agent]}: {choosing.truth[agent]:.1f}".replace("-", "−") for agent in order]
        left.set_yticks(places, words, fontsize=8.5)
        left.invert_yaxis()
        left.set_xlim(0, 1)
        self.now = right.axvline(budgets[0], color="#ffc935", linewidth=7, alpha=0.4)
        right.set_xscale("log")
        right.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
        right.minorticks_off()
        right.set_ylim(0)
        label_axes(left, "Who is chosen (exact returns, best first)", "share of trials")
        label_axes(right, "What the choice costs", "episodes in all", "regret (mean of the trials)", "upper right")
        draw_references(right, references or {})
        self.show(setting or choosing.settings[0])
        self.settle((), [*(bar for bars in self.bars.values() for bar in bars), self.now])

    def show(self, setting: dict) -> None:
        """Bring the figure to another budget, {"episodes": 160}."""
        (at,), choosing = self.choosing.index(setting), self.choosing
        for way, bars in self.bars.items():
            shares = np.bincount(choosing.chosen[way][at], minlength=len(self.order)) / choosing.chosen[way].shape[1]
            for bar, share in zip(bars, shares[self.order], strict=True):
                bar.set_width(share)
        self.now.set_xdata([setting["episodes"]] * 2)
        said = [
            f"{way}: the best agent in {choosing.best[way][at]:.0%} of the trials, regret "
            f"{choosing.regret[way][at].mean():.1f} on average"
            for way in self.bars
        ]
        self.say(f"{setting['episodes']:,} episodes. {said[0].capitalize()};\n{said[1]}.")
