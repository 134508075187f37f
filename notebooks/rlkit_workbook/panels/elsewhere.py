"""What was learned where nobody knows the truth: the returns of real episodes, and what the agent believes."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import median_member
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.plots.maps import VALUES, VISITS
from rlkit_mini.plots.style import QUIET, label_axes, style_of
from rlkit_mini.training import History
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.sweeps import Swept, layout

EPISODES = "return (mean of real episodes)"
NAMES = {"MountainCar-v0": ("position", "velocity")}  # Gymnasium's spaces have no names
CELLS, STATES = 40, 1000  # along an axis of a plane; of the data, where beliefs are asked for


def value_bounds(rewards, discount):
    """The lowest and the highest value (2,) that can be, where each reward is one of `rewards`, until an end comes."""
    reachable = np.append(np.asarray(rewards).ravel(), 0.0)
    return np.array([reachable.min(), reachable.max()]) / (1 - discount)


@dataclasses.dataclass(frozen=True)
class Belief:
    """A population as it was at one time, where nobody knows the truth; `belief[3]` is member 3's own.

    `...` stands for the members.

    Attributes:
        played: (..., episodes) returns of real episodes.
        values: (..., states) what the greedy policy is believed to be worth at `states_of(data)`.
        believed_start: (...,) that where the data's episodes begin, on average; both NaN of an agent without values.
    """

    played: np.ndarray
    values: np.ndarray
    believed_start: np.ndarray

    @classmethod
    def of(cls, agent: Agent, judge: Rollouts, data: Transitions) -> Belief:
        """Of all members of an agent as it is now."""
        played = judge.evaluate(agent.policy).returns
        return cls(played, believed(agent, states_of(data)), believed_at_starts(agent, data))

    def __getitem__(self, member: int) -> Belief:
        return Belief(self.played[member], self.values[member], self.believed_start[member])

    @property
    def returns(self) -> np.ndarray:
        """Means of the episodes (...,)."""
        return self.played.mean(axis=-1)

    @property
    def median(self) -> int:
        """The member with the median return."""
        return int(median_member(self.returns))


def believed(agent: Agent, observations: Tensor) -> np.ndarray:
    """(members, n) what each greedy policy is believed to be worth at observations (n, size); NaN without values."""
    policy = agent.policy(observations)
    q_values = agent.q_values(observations) if hasattr(agent, "q_values") else np.nan
    return (policy * q_values).sum(dim=-1).cpu().numpy()


def believed_at_starts(agent: Agent, data: Transitions) -> np.ndarray:
    """(members,) what each greedy policy is believed to be worth, on average over the starts of the data's episodes."""
    return believed(agent, data.starts).mean(axis=-1)


def plane_of(data: Transitions) -> np.ndarray | None:
    """The ends of both axes (2, 2), low and high, where an observation is two numbers."""
    if data.sizes["observation_size"] != 2:
        return None
    if data.maze.bounds is not None:
        return data.maze.bounds
    seen = data.observations.numpy().astype(np.float64)
    return np.stack([seen.min(axis=0) - 1e-6, seen.max(axis=0) + 1e-6])


def states_of(data: Transitions) -> np.ndarray:
    """Where beliefs are asked for (states, size): on a grid over both axes of a plane, row by row; else in the data."""
    if (ends := plane_of(data)) is None:
        return data.observations[:: -(-len(data) // STATES)].numpy()
    shares = (np.arange(CELLS)[:, None] + 0.5) / CELLS
    return np.stack(np.meshgrid(*(ends[0] + shares * (ends[1] - ends[0])).T), axis=-1).reshape(-1, 2)


class Plane:
    """Of observations of two numbers: the data's visits, and the values that the median seed believes, over both.

    Args:
        title: of what it believes. bounds: the least and the largest value that can be.
    """

    def __init__(self, left: Axes, right: Axes, data: Transitions, title: str, bounds: np.ndarray) -> None:
        (low, high), names = plane_of(data), NAMES.get(data.maze.name, ("first number", "second number"))
        extent, seen = [low[0], high[0], low[1], high[1]], data.observations.numpy().T
        norm = LogNorm(1, max(2, len(data) / CELLS))
        left.hist2d(*seen, bins=CELLS, range=[extent[:2], extent[2:]], cmap=VISITS, norm=norm, cmin=1)
        look = {"vmin": bounds[0], "vmax": bounds[1], "origin": "lower", "extent": extent, "aspect": "auto"}
        self.values = right.imshow(np.full((CELLS, CELLS), np.nan), VALUES, **look)
        bar = right.figure.colorbar(self.values, cax=right.inset_axes([1.03, 0, 0.04, 1]))
        bar.set_label("believed value (discounted)", fontsize=9)
        label_axes(left, "Where the data has been (dark: often)", *names)
        label_axes(right, title, *names)

    def show(self, belief: Belief) -> None:
        """The belief of one member."""
        self.values.set_data(belief.values.reshape(CELLS, CELLS))


class Spread:
    """How the values believed at the data's states are spread, and the returns of real episodes, beside the data's.

    Args:
        title: of the values. bounds, returns: the least and the largest value that can be, and return that is shown.
        color: of the agent.
    """

    def __init__(self, left: Axes, right: Axes, data: Transitions, title: str, bounds, returns, color: str) -> None:
        margin = 0.25 * np.ptp(bounds) + 1e-6
        self.edges = [np.linspace(*ends, 41) for ends in ((bounds[0] - margin, bounds[1] + margin), returns)]
        for bound in bounds:
            left.axvline(bound, color=QUIET, linestyle=(0, (5, 3)), linewidth=1)
        right.stairs(_shares(data.episode_returns, self.edges[1]), self.edges[1], fill=True, color="#bbbbbb")
        look = {"fill": True, "color": color, "alpha": 0.6}
        self.bars = []
        for ax, edges in zip((left, right), self.edges, strict=True):
            self.bars.append(ax.stairs(np.zeros(40), edges, **look))
            ax.set_ylim(0, 1)
        label_axes(left, title, "believed value (dashed: bounds)", "share of the data's states")
        label_axes(right, "What its episodes return (grey: data)", "return", "share of episodes")

    def show(self, belief: Belief) -> None:
        """The belief of one member."""
        for bars, numbers, edges in zip(self.bars, (belief.values, belief.played), self.edges, strict=True):
            bars.set_data(_shares(numbers, edges))


def _shares(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the numbers between each two edges (edges - 1,); those beyond count at the ends, NaN nowhere."""
    known = np.clip(numbers[~np.isnan(numbers)], edges[0], edges[-1])
    return np.histogram(known, edges)[0] / max(len(known), 1)


@dataclasses.dataclass
class Elsewhere(Swept):
    """A population over a grid of settings, judged by real episodes.

    Attributes:
        data: that it learnt from.
        bounds: the least and the largest value (2,) that can be.
        updates: (evaluations,).
        returns: (evaluations, *settings, seeds) mean returns of the judge's episodes.
        belief: at the end, (*settings, seeds) for its `...`.
    """

    data: Transitions
    bounds: np.ndarray
    updates: np.ndarray
    returns: np.ndarray
    belief: Belief

    @classmethod
    def of(cls, agent: Agent, history: History, judge: Rollouts, data: Transitions) -> Elsewhere:
        """Summarise an agent after `train_offline(agent, data, oracle=judge)`; plays its last episodes once more."""
        grid, shape = layout(agent)
        returns = history.returns.reshape(len(history.returns), *shape)
        bounds = value_bounds(data.rewards.numpy(), torch.as_tensor(agent.discount).max().item())
        belief = Belief.of(agent, judge, data)
        parts = (part.reshape(*shape, *part.shape[1:]) for part in vars(belief).values())
        return cls(type(agent).__name__, judge, grid, data, bounds, history.updates, returns, Belief(*parts))


class ElsewhereFigure(SweepFigure):
    """A `SweepFigure` where there are no maps: beliefs of each setting's median seed, `Plane` or `Spread`."""

    kind = EPISODES

    def draw_above(self) -> tuple[float, float, dict[str, float]]:
        """Beliefs; returns lie between those that were seen."""
        swept, axes, belief = self.sweep, (self.left, self.right), self.sweep.belief
        seen = np.concatenate([swept.data.episode_returns, swept.returns.ravel(), belief.played.ravel()])
        margin = 0.06 * np.ptp(seen) + 1e-6
        limits = seen.min() - margin, seen.max() + margin
        title = "What the median seed believes"
        if plane_of(swept.data) is not None:
            self.above = Plane(*axes, swept.data, title, swept.bounds)
        else:
            self.above = Spread(*axes, swept.data, title, swept.bounds, limits, style_of(swept.algorithm)["color"])
        return *limits, {}

    def show_above(self, here: tuple[int, ...]) -> None:
        """Bring them to another setting."""
        belief = self.sweep.belief[here]
        self.above.show(belief[belief.median])

    def in_words(self, who: str, here: tuple[int, ...]) -> str:
        """Two lines on one setting."""
        returns, believed = self.sweep.returns[-1, *here], np.median(self.sweep.belief.believed_start[here])
        words = f"return {self.means[-1, *here]:.0f}, {returns.min():.0f} to {returns.max():.0f} over the seeds."
        return f"{who}: " + f"{words}\n{believes(believed, self.sweep.bounds)}".replace("-", "−")


def believes(value: float, bounds: np.ndarray) -> str:
    """A sentence on the value believed at the start; NaN of an agent without values."""
    if np.isnan(value):
        return "It learns no values."
    low, high = bounds
    beyond = "" if low <= value <= high else ", which cannot be"
    return f"At the start it believes {value:.1f}{beyond}: values lie from {low:g} to {high:g}."
