"""AWAC: advantage-weighted actor-critic (Nair et al. 2020, arXiv 2006.09359, equations 6 and 7).

AWAC as published clips no weight; codes in use do, and so do we.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rlkit_mini.agents.bc import Actor
from rlkit_mini.agents.critic import Critic, value_of_action

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Batch


def expected_value(q_values: Tensor, action_probabilities: Tensor) -> Tensor:
    """sum_a pi(a | s) Q(s, a) of two (..., actions): (...,)."""
    return (action_probabilities * q_values).sum(dim=-1)


def advantage_weights(advantages: Tensor, temperature: float | Tensor, max_weight: float = 100.0) -> Tensor:
    """min(exp(A / temperature), max_weight), shape (...,), for advantages of any size.

    Args:
        temperature: lambda > 0, divides; a number, or a tensor that broadcasts against (...,).
    """
    return torch.exp((advantages / temperature).clamp(max=math.log(max_weight)))


class AWAC(Critic):
    """A critic of the actor's own policy, and an actor that clones the data's actions by their advantage; it acts.

    The settings are those of `Critic`, and:

    Args:
        temperature: lambda, divides the advantage: small is greedy, large clones; one number, or a list to sweep.
        max_weight: at which the cloning weights are clipped.
        actor_learning_rate, actor_hidden: of the actor.
        expected_value, advantage_weights: the functions of those names, or yours.
    """

    temperature: float | Sequence[float] = 0.3
    max_weight: float = 100.0
    actor_learning_rate: float = 1e-3
    actor_hidden: Sequence[int] = (64, 64)
    expected_value: Callable[..., Tensor] = expected_value
    advantage_weights: Callable[..., Tensor] = advantage_weights

    def __post_init__(self) -> None:
        super().__post_init__()
        network = self.network("actor", self.action_count, self.actor_hidden, self.features)
        self.actor = Actor(network, self.actor_learning_rate)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The actor's own distribution: (members, n, size) -> (members, n, actions)."""
        return self.actor.probabilities(observations)

    def next_values(self, next_observations: Tensor) -> Tensor:
        """sum_a' pi(a' | s') Q_target(s', a'): (members, batch, size) -> (members, batch)."""
        return self.expected_value(self.target_critic(next_observations), self.actor.probabilities(next_observations))

    def update(self, batch: Batch) -> Tensor:
        """One step of the critic, then of the actor; the critic's loss of each member (members,)."""
        losses = super().update(batch)
        with torch.no_grad():  # the advantage A(s, a) = Q(s, a) - sum_a' pi(a' | s) Q(s, a'), of the new critic
            q_values, policy = self.critic(batch.observations), self.actor.probabilities(batch.observations)
            advantages = value_of_action(q_values, batch.actions) - self.expected_value(q_values, policy)
            weights = self.advantage_weights(advantages, self.temperature, self.max_weight)
        self.actor.improve(batch, weights)
        return losses
