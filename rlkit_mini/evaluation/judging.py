"""What an agent believes, held against what is true."""

from __future__ import annotations

import dataclasses

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.oracle import Oracle

MOST = 1e6  # a believed value beyond is shown as this


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The seed with the median return, after `updates` updates, beside the truth.

    Attributes:
        policy, q_values, true_q: (sub-cells, 5): greedy, believed (None for BC), and Q^pi.
    """

    updates: int
    policy: np.ndarray
    q_values: np.ndarray | None
    true_q: np.ndarray

    @classmethod
    def of(cls, agent: Agent, oracle: Oracle) -> Judgement:
        """Of a trained agent as it is now.

        Raises:
            ValueError: it has several settings, or another discount than the oracle.
        """
        if agent.grid:
            raise ValueError(f"{', '.join(agent.grid)} was swept; expected an agent with one setting")
        discount = agent.settings[0].get("discount", oracle.discount)
        if discount != oracle.discount:
            raise ValueError(f"the agent's discount is {discount}; expected the oracle's {oracle.discount}")
        at_points = agent.policy(oracle.points).numpy()
        return _judge(oracle, getattr(agent, "updates", 0), at_points, *_snapshot(agent, oracle))[1]

    def believed(self) -> np.ndarray | None:
        """sum_a pi(a | s) Q_hat(s, a), (sub-cells,)."""
        return None if self.q_values is None else (self.policy * self.q_values).sum(axis=-1)

    def true(self) -> np.ndarray:
        """V^pi (sub-cells,)."""
        return (self.policy * self.true_q).sum(axis=-1)


def _snapshot(agent: Agent, oracle: Oracle) -> tuple[np.ndarray, np.ndarray | None]:
    """Greedy policies and Q-values (members, sub-cells, 5) as they are now."""
    policies = agent.policy(oracle.observations).numpy()
    if not hasattr(agent, "q_values"):
        return policies, None
    return policies, agent.q_values(oracle.observations).clamp(-MOST, MOST).numpy()


def _judge(oracle: Oracle, updates: int, at_points, policies, q_values) -> tuple[np.ndarray, Judgement, int]:
    """Exact returns (members,), and the member with the median one (the lower of an even number) held against Q^pi.

    Args:
        at_points, policies: greedy, on the oracle's `points` and on its `observations`.
    """
    returns = oracle.evaluate(at_points).episode_return
    member = int(returns.argsort(kind="stable")[(len(returns) - 1) // 2])
    true_q = oracle.evaluate(at_points[member]).q_values
    believed = None if q_values is None else q_values[member]
    return returns, Judgement(updates, policies[member], believed, true_q), member


def start_values(policy, q_values, oracle: Oracle) -> np.ndarray:
    """sum_a pi(a | s) Q(s, a) at the start, of policies and Q-values (..., sub-cells, 5): (...,)."""
    return (np.asarray(policy) * np.asarray(q_values)).sum(axis=-1) @ oracle.start_weights
