"""DQN (Mnih et al. 2015) with double Q-learning (van Hasselt et al. 2015, arXiv 1509.06461)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from rlkit_mini.agents.agent import all_on_the_best
from rlkit_mini.agents.critic import Critic, td_target, value_of_action

__all__ = ["DQN", "double_q_value", "td_target", "value_of_action"]


def double_q_value(online_q: Tensor, target_q: Tensor) -> Tensor:
    """Q_target(s', argmax_a' Q(s', a')) of two (..., actions): the online network chooses, the target one judges."""
    chosen = online_q.max(dim=-1, keepdim=True).indices  # as argmax, faster for few actions
    return target_q.gather(-1, chosen).squeeze(-1)


class DQN(Critic):
    """Bootstraps from the best next action, and takes the best action itself.

    The settings are those of `Critic`, and:

    Args:
        double: whether the online network chooses the next action (else the target network's own maximum).
        double_q_value: the function of that name, or yours.
    """

    double: bool = True
    double_q_value: Callable[..., Tensor] = double_q_value

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """All on the action of the highest Q: (members, n, size) -> (members, n, actions)."""
        return all_on_the_best(self.critic(observations))

    def next_values(self, next_observations: Tensor) -> Tensor:
        """Q_target(s', a') of the action that the online (or the target) network holds best: (members, batch)."""
        target_q = self.target_critic(next_observations)
        if not self.double:
            return target_q.amax(dim=-1)
        return self.double_q_value(self.critic(next_observations), target_q)
