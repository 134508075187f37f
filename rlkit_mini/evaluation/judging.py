"""What an agent believes, held against what is true."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.oracle import Evaluation, Oracle

MOST = 1e6  # Q-values beyond are kept as this: what diverges can still be drawn


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A population as it was at one time, held against the truth; what is true is computed when it is asked for.

    `...` stands for the members; `judgement[3]` is member 3's own, without that axis.

    Args:
        policy: (..., sub-cells, 5) action probabilities at the oracle's `observations`.
        q_values: (..., sub-cells, 5) believed, Q_hat; None for an agent that learns none, such as BC.
        at_points: (..., points, 5) action probabilities at the oracle's `points`, of which the truth is; None: those of
            `policy`, the same all over a sub-cell.
    """

    oracle: Oracle
    policy: np.ndarray
    q_values: np.ndarray | None
    at_points: np.ndarray | None = None

    @classmethod
    def of(cls, agent: Agent, oracle: Oracle, greedy: bool = True) -> Judgement:
        """Of all members of an agent as it is now; what it learns afterwards changes nothing here.

        Args:
            greedy: the likeliest action; else the distribution that `act` draws from, which is what the critic of an
                agent with an actor estimates.

        Raises:
            TypeError: another judge. ValueError: a member has another discount than the oracle.
        """
        judged = cls.at_centres(agent, oracle, greedy)
        return dataclasses.replace(judged, at_points=agent.policy(oracle.points, greedy=greedy).cpu().numpy())

    @classmethod
    def at_centres(cls, agent: Agent, oracle: Oracle, greedy: bool = True) -> Judgement:
        """As `of`, in a fifth of the time, where only policy and beliefs are asked for: its truth is a coarser one.

        Raises:
            TypeError: another judge. ValueError: a member has another discount than the oracle.
        """
        if not isinstance(oracle, Oracle):
            raise TypeError(f"oracle is {oracle!r}; expected an Oracle: only of mazes it is known what is true")
        for setting in agent.settings:
            if setting.get("discount", oracle.discount) != oracle.discount:
                wanted = f"expected the oracle's {oracle.discount}"
                raise ValueError(f"the agent's discount is {setting['discount']}; {wanted}")
        policy, q_values = agent.policy(oracle.observations, greedy=greedy).cpu().numpy(), None
        if hasattr(agent, "q_values"):
            q_values = agent.q_values(oracle.observations).clamp(-MOST, MOST).cpu().numpy()
        return cls(oracle, policy, q_values)

    def __getitem__(self, members: int | Sequence[int] | np.ndarray) -> Judgement:
        """Of one member, or of several, as an array is indexed."""
        parts = {"policy": self.policy, "q_values": self.q_values, "at_points": self.at_points}
        parts = {name: None if part is None else part[members] for name, part in parts.items()}
        those = dataclasses.replace(self, **parts)
        if "truth" in vars(self):  # it is known already
            vars(those)["truth"] = self.truth[members]
        return those

    @cached_property
    def truth(self) -> Evaluation:
        """What the oracle says of the policy: success rate, visitation and more."""
        return self.oracle.evaluate(self.policy if self.at_points is None else self.at_points)

    @property
    def returns(self) -> np.ndarray:
        """Exact returns (...,), undiscounted."""
        return self.truth.episode_return

    @property
    def true_q(self) -> np.ndarray:
        """Q^pi (..., sub-cells, 5)."""
        return self.truth.q_values

    @cached_property
    def believed(self) -> np.ndarray:
        """sum_a pi(a | s) Q_hat(s, a), (..., sub-cells); NaN for an agent that learns no values."""
        if self.q_values is None:
            return np.full(self.policy.shape[:-1], np.nan)
        return (self.policy * self.q_values).sum(axis=-1, dtype=np.float64)

    @cached_property
    def true(self) -> np.ndarray:
        """V^pi (..., sub-cells), discounted."""
        return (self.policy * self.true_q).sum(axis=-1)

    @property
    def overestimation(self) -> np.ndarray:
        """By how much a place is believed to be worth more than it truly is, (..., sub-cells)."""
        return self.believed - self.true

    @property
    def believed_start(self) -> np.ndarray:
        """The believed value of the start (...,)."""
        return self.believed @ self.oracle.start_weights

    @property
    def true_start(self) -> np.ndarray:
        """The true value of the start (...,), discounted."""
        return self.true @ self.oracle.start_weights

    @property
    def median(self) -> int:
        """The member with the median return."""
        return int(median_member(self.returns))


def median_member(returns: np.ndarray) -> np.ndarray:
    """Which member has the median of returns (..., members), the lower one of an even number: integers (...,)."""
    return np.argsort(returns, axis=-1, kind="stable")[..., (np.shape(returns)[-1] - 1) // 2]
