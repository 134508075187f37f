"""AWAC: advantage-weighted actor-critic (Nair et al. 2020, arXiv 2006.09359, equations 6 and 7)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rlkit_mini.agents.bc import Actor
from rlkit_mini.agents.dqn import DQN, value_of_action


def expected_value(q_values: Tensor, action_probabilities: Tensor) -> Tensor:
    """sum_a pi(a | s) Q(s, a) of two (..., actions): (...,)."""
    return (action_probabilities * q_values).sum(dim=-1)


def advantage_weights(advantages: Tensor, temperature: float | Tensor, max_weight: float = 100.0) -> Tensor:
    """min(exp(A / temperature), max_weight), shape (...,), for advantages of any size.

    Args:
        temperature: lambda > 0, divides; a number, or a tensor that broadcasts against (...,).
    """
    return torch.exp((advantages / temperature).clamp(max=math.log(max_weight)))


class AWAC(DQN):
    """A critic of the actor's own policy, and an actor that clones the data's actions by their advantage; it acts.

    Args:
        temperature: lambda, divides the advantage: small is greedy, large clones; one number, or a list to sweep.
        max_weight: at which the cloning weights are clipped.
        actor_learning_rate, actor_hidden: of the actor.
        expected_value, advantage_weights: the functions of those names, or yours.
        dqn: the settings of `DQN`, for the critic (`double` has nothing to choose here).
    """

    def __init__(
        self,
        *,
        temperature=0.3,
        max_weight=100.0,
        actor_learning_rate=3e-4,
        actor_hidden=(64, 64),
        expected_value=expected_value,
        advantage_weights=advantage_weights,
        **dqn,
    ) -> None:
        super().__init__(
            temperature=temperature,
            max_weight=max_weight,
            actor_learning_rate=actor_learning_rate,
            actor_hidden=actor_hidden,
            **dqn,
        )
        self.expected_value, self.advantage_weights = expected_value, advantage_weights
        self.actor = Actor(self.seeds, actor_hidden, self.features, actor_learning_rate, self.device)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        return self.actor.probabilities(observations)

    def next_values(self, next_observations: Tensor) -> Tensor:
        return self.expected_value(self.target_critic(next_observations), self.actor.probabilities(next_observations))

    def advantages(self, batch) -> Tensor:
        """A(s, a) = Q(s, a) - sum_a' pi(a' | s) Q(s, a'): (members, batch)."""
        q_values = self.critic(batch.observations)
        return value_of_action(q_values, batch.actions) - self.expected_value(
            q_values, self.actor.probabilities(batch.observations)
        )

    def update(self, batch) -> Tensor:
        """One step of the critic, then of the actor; the critic's loss of each member (members,)."""
        losses = super().update(batch)
        with torch.no_grad():
            weights = self.advantage_weights(self.advantages(batch), self.temperature, self.max_weight)
        self.actor.improve(batch, weights)
        return losses
