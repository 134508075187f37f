"""IQL: implicit Q-learning (Kostrikov et al. 2021, arXiv 2110.06169, equations 5 to 7).

The paper's code takes the minimum of two critics, and a target network that follows slowly; here there is one critic,
and its target network is copied at times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rlkit_mini.agents.awac import advantage_weights
from rlkit_mini.agents.bc import Actor
from rlkit_mini.agents.critic import Critic, value_of_action
from rlkit_mini.agents.networks import Adam

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Batch


def expectile_loss(differences: Tensor, expectile: float | Tensor) -> Tensor:
    """|tau - 1{u < 0}| u^2 of u = Q - V (...,): expectile 0.5 halves the square, larger ones chase the upper end.

    Args:
        expectile: tau in (0, 1); a number, or a tensor that broadcasts against (...,).
    """
    weights = torch.where(differences < 0, 1 - expectile, expectile * torch.ones_like(differences))
    return weights * differences**2


class IQL(Critic):
    """V learns an upper expectile of the data's own Q-values, Q learns from V, and the actor, which acts, from both.

    No action outside the data is ever asked about.

    The settings are those of `Critic`, and:

    Args:
        expectile: tau in (0, 1); one number, or a list to sweep.
        temperature: divides the advantage (the paper's beta is 1 / temperature); one number, or a list to sweep.
        max_weight: at which the cloning weights are clipped.
        actor_hidden: of the actor.
        learning_rate: of V, Q and the actor.
        expectile_loss, advantage_weights: the functions of those names, or yours.
    """

    expectile: float | Sequence[float] = 0.7
    temperature: float | Sequence[float] = 0.1
    max_weight: float = 100.0
    actor_hidden: Sequence[int] = (64, 64)
    expectile_loss: Callable[..., Tensor] = expectile_loss
    advantage_weights: Callable[..., Tensor] = advantage_weights

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value = self.network("value", 1, self.hidden, self.features)
        self.value_optimizer = Adam(self.value.parameters(), self.learning_rate)
        network = self.network("actor", self.action_count, self.actor_hidden, self.features)
        self.actor = Actor(network, self.learning_rate)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The actor's own distribution: (members, n, size) -> (members, n, actions)."""
        return self.actor.probabilities(observations)

    def state_values(self, observations: Tensor) -> Tensor:
        """V(s): (members, batch, size) -> (members, batch)."""
        return self.value(observations).squeeze(-1)

    def next_values(self, next_observations: Tensor) -> Tensor:
        """V(s') of the V that has just learnt: it has no target network."""
        return self.state_values(next_observations)

    def update(self, batch: Batch) -> Tensor:
        """One step of V (equation 5), Q (6) and the actor (7); Q's loss of each member (members,)."""
        with torch.no_grad():  # before Q's step, which may end in a new target network
            data_values = value_of_action(self.target_critic(batch.observations), batch.actions)
        differences = data_values - self.state_values(batch.observations)
        self.value_optimizer.minimise(self.expectile_loss(differences, self.expectile).mean(dim=-1))

        losses = super().update(batch)  # towards r + discount * m * V(s')

        with torch.no_grad():
            advantages = data_values - self.state_values(batch.observations)  # over the new V
            weights = self.advantage_weights(advantages, self.temperature, self.max_weight)
        self.actor.improve(batch, weights)
        return losses
