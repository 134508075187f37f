"""Choosing an agent without acting, on transitions that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents.awac import expected_value
from rlkit_mini.agents.critic import Critic, td_target
from rlkit_mini.evaluation.rollouts import checked_probabilities
from rlkit_mini.mazes import Maze
from rlkit_mini.training import train_offline

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rlkit_mini.data.transitions import Transitions


def td_error(transitions: Transitions, agent: Critic) -> np.ndarray:
    """Mean squared TD error of each member's critic, by the agent's own target: (members,)."""
    batch = transitions.as_batch(agent.device)
    batch = type(batch)(*(column.expand(agent.members, *column.shape[1:]) for column in batch))
    with torch.no_grad():
        return Critic.loss(agent, batch, agent.critic(batch.observations)).mean(dim=-1).cpu().numpy()


class FQE(Critic):
    """A critic of given policies: V(s') = sum_a' pi(a' | s') Q_target(s', a'). A policy per member, one seed for all.

    Args:
        given: maps observations (n, size) to action probabilities (n, actions), or (members, n, actions).
        critic: the settings of `Critic`.
    """

    def __init__(self, given: Callable[[Tensor], ArrayLike | Tensor], **critic) -> None:
        super().__init__(**critic)
        self.given = lambda observations: checked_probabilities(given, observations, self.action_count).float()

    def next_values(self, next_observations: Tensor) -> Tensor:
        """Of minibatches (members, batch, size) that are the same for all members: (members, batch)."""
        return expected_value(self.target_critic(next_observations), self.given(next_observations[0]))


def fitted_q_evaluation(
    transitions: Transitions,
    policy: Callable[[Tensor], ArrayLike | Tensor],
    discount: float = 0.95,
    updates: int = 2000,
    seed: int = 0,
    **settings,
) -> np.ndarray:
    """What a policy's start is worth, estimated from transitions alone (Le et al. 2019, arXiv 1903.08738).

    A critic is fitted to y = r + discount * m * sum_a' pi(a' | s') Q(s', a'), kept within what rewards like the
    transitions' can add up to. It knows no more than they do: where the policy takes actions that they lack, its guess
    is as good as its network's. Each copy of the target looks one step further ahead, so that updates / target_period
    should be several times 1 / (1 - discount).

    Args:
        transitions: best such that the policy's agent was not trained on.
        policy: maps observations (n, size) to action probabilities (n, actions), or (members, n, actions) for several
            policies at once, such as an agent's `policy`.
        updates, seed: of the critics, one per policy; all begin with the same weights and see the same minibatches.
        settings: others of `Critic`; the target is copied every 20 updates unless `target_period` says otherwise.

    Returns:
        the estimated discounted value at the start, beyond the mazes the mean over the starts of the transitions'
        episodes: (members,), or () for one policy.

    Raises:
        ValueError: no policy, no transitions, or a setting that cannot be. TrainingDivergedError: as `train_offline`.
    """
    rewards, start, beyond = transitions.rewards.numpy(), transitions.starts, not isinstance(transitions.maze, Maze)
    at_start = checked_probabilities(policy, start, transitions.sizes["action_count"]).float()  # (..., starts, actions)
    bounds = rewards.min(initial=0) / (1 - discount), rewards.max(initial=0) / (1 - discount)
    usual = {"target_period": 20} | (transitions.sizes | {"features": "raw"} if beyond else {})
    critic = FQE(
        policy,
        discount=[discount] * (len(at_start) if at_start.ndim == 3 else 1),  # equal settings of one seed
        td_target=lambda *parts: td_target(*parts).clamp(*bounds),
        seeds=[seed],
        device=at_start.device,
        **usual | settings,
    )
    train_offline(critic, transitions, updates, evaluations=1, progress=False)
    values = expected_value(critic.q_values(start), at_start).mean(dim=-1).cpu().numpy()
    return values if at_start.ndim == 3 else values[0]
