"""What was learned where nobody knows the truth: the returns of real episodes, and what the agent believes."""

from __future__ import annotations

import dataclasses

import numpy as np

from rlkit_mini.agents.critic import Critic
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.measures import interquartile_mean
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.plots.curves import draw_curve, draw_references, draw_settings, highlight
from rlkit_mini.plots.style import label_axes, label_of, new_figure
from rlkit_mini.training import History
from rlkit_workbook.panels.redrawn import Redrawn, axis_label
from rlkit_workbook.sweeps import Swept, layout

EPISODES = "return (mean of real episodes)"


@dataclasses.dataclass
class Elsewhere(Swept):
    """A population over a grid of settings, judged by real episodes; `oracle` is the judge.

    Attributes:
        updates: (evaluations,).
        returns: (evaluations, *settings, seeds) mean returns of the judge's episodes.
        believed: (*settings, seeds) what the greedy policy is believed to be worth where the data's episodes begin.
    """

    updates: np.ndarray
    returns: np.ndarray
    believed: np.ndarray

    @classmethod
    def of(cls, agent: Critic, history: History, judge: Rollouts, data: Transitions) -> Elsewhere:
        """Summarise an agent after `train_offline(agent, data, oracle=judge)`."""
        grid, shape = layout(agent)
        returns = history.returns.reshape(len(history.returns), *shape)
        believed = believed_at_starts(agent, data).reshape(shape)
        return cls(type(agent).__name__, judge, grid, history.updates, returns, believed)


def believed_at_starts(agent: Critic, data: Transitions) -> np.ndarray:
    """(members,) what each greedy policy is believed to be worth, on average over the starts of the data's episodes."""
    q_values, policy = agent.q_values(data.starts), agent.policy(data.starts)
    return (policy * q_values).sum(dim=-1).mean(dim=-1).cpu().numpy()


class ElsewhereFigure(Redrawn):
    """Learning curves of all settings, one of them in colour, and the returns against the settings.

    Args:
        setting: of the one hyperparameter that was swept.
    """

    rows = 1

    def __init__(
        self, swept: Elsewhere, setting: dict | None = None, references: dict | None = None, titled: bool = True
    ) -> None:
        self.swept, ((name, values),) = swept, swept.grid.items()
        self.figure, (left, right) = new_figure(1, 2, height=4.0)
        if titled:
            self.draw_title()
        curves = np.moveaxis(swept.returns, 0, 1)  # (settings, evaluations, seeds)
        for curve in curves:
            left.plot(swept.updates, interquartile_mean(curve), color="#bbbbbb", linewidth=1)
        self.curves = [draw_curve(left, swept.updates, curve, swept.algorithm) for curve in curves]
        draw_settings(right, values, swept.returns[-1], swept.algorithm)
        self.now = highlight(right, 0)
        label_axes(left, "Learning (grey: the other settings)", "updates", EPISODES)
        label_axes(right, "At the end (a dot a seed)", axis_label(name, swept.algorithm))
        for ax in (left, right):
            draw_references(ax, references or {})
        self.show(setting or swept.settings[0])
        self.settle((), [self.now, *(artist for pair in self.curves for artist in pair)])

    def show(self, setting: dict) -> None:
        """Bring the figure to another setting."""
        (at,), ((name, value),) = self.swept.index(setting), setting.items()
        for place, pair in enumerate(self.curves):
            for artist in pair:
                artist.set_visible(place == at)
        self.now.set_x(at - 0.42)
        returns, believed = self.swept.returns[-1, at], np.median(self.swept.believed[at])
        middle, low, high = interquartile_mean(returns), returns.min(), returns.max()
        self.say(
            f"{self.swept.algorithm}, {name} {label_of(value)}: return {middle:.0f}, {low:.0f} to {high:.0f} over the "
            f"seeds.\nAt the start it believes {believed:.1f}."
        )
