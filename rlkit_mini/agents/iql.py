"""IQL: implicit Q-learning (Kostrikov et al. 2021, arXiv 2110.06169, equations 5 to 7)."""

from __future__ import annotations

import torch
from torch import Tensor

from rlkit_mini.agents.awac import advantage_weights
from rlkit_mini.agents.bc import Actor
from rlkit_mini.agents.dqn import DQN, value_of_action
from rlkit_mini.agents.networks import Adam, observation_network


def expectile_loss(differences: Tensor, expectile: float | Tensor) -> Tensor:
    """|tau - 1{u < 0}| u^2 of u = Q - V (...,): expectile 0.5 halves the square, larger ones chase the upper end."""
    weights = torch.where(differences < 0, 1 - expectile, expectile * torch.ones_like(differences))
    return weights * differences**2


class IQL(DQN):
    """V learns an upper expectile of the data's own Q-values, Q learns from V, and the actor, which acts, from both.

    No action outside the data is ever asked about.

    Args:
        expectile: tau in (0, 1); one number, or a list to sweep.
        temperature: divides the advantage (the paper's beta is 1 / temperature); one number, or a list to sweep.
        max_weight: at which the cloning weights are clipped.
        actor_hidden: of the actor.
        expectile_loss, advantage_weights: the functions of those names, or yours.
        dqn: the settings of `DQN`; one learning rate for V, Q and the actor.
    """

    def __init__(
        self,
        *,
        expectile=0.9,
        temperature=0.1,
        max_weight=100.0,
        actor_hidden=(64, 64),
        learning_rate=3e-4,
        expectile_loss=expectile_loss,
        advantage_weights=advantage_weights,
        **dqn,
    ) -> None:
        super().__init__(
            expectile=expectile,
            temperature=temperature,
            max_weight=max_weight,
            actor_hidden=actor_hidden,
            learning_rate=learning_rate,
            **dqn,
        )
        self.expectile_loss, self.advantage_weights = expectile_loss, advantage_weights
        self.value = observation_network(self.seeds, "value", 1, self.hidden, self.features).to(self.device)
        self.value_optimizer = Adam(self.value.parameters(), learning_rate)
        self.actor = Actor(self.seeds, actor_hidden, self.features, learning_rate, self.device)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        return self.actor.probabilities(observations)

    def next_values(self, next_observations: Tensor) -> Tensor:
        return self.value(next_observations).squeeze(-1)

    def update(self, batch) -> Tensor:
        """One step of V (equation 5), Q (6) and the actor (7); Q's loss of each member (members,)."""
        with torch.no_grad():
            data_values = value_of_action(self.target_critic(batch.observations), batch.actions)
        values = self.value(batch.observations).squeeze(-1)
        self.value_optimizer.minimise(self.expectile_loss(data_values - values, self.expectile).mean(dim=-1))

        losses = super().update(batch)

        with torch.no_grad():
            advantages = data_values - self.value(batch.observations).squeeze(-1)
            weights = self.advantage_weights(advantages, self.temperature, self.max_weight)
        self.actor.improve(batch, weights)
        return losses
