"""BC: behavioural cloning, the control of every offline comparison; and the actor that AWAC and IQL share with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.critic import value_of_action
from rlkit_mini.agents.networks import Adam, observation_network
from rlkit_mini.pointmass import ACTIONS

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Batch


def log_likelihood(logits: Tensor, actions: Tensor) -> Tensor:
    """log pi(a | s) of logits (..., actions) and actions (...,) integers: (...,)."""
    return value_of_action(logits, actions) - torch.logsumexp(logits, dim=-1)


class Actor(nn.Module):
    """pi(a | s), learnt by weighted cloning: observations (members, batch, 2) -> logits (members, batch, 5)."""

    def __init__(
        self,
        seeds: Sequence[int],
        hidden: Sequence[int],
        features: str,
        learning_rate: float,
        device: torch.device,
        log_likelihood: Callable[..., Tensor] = log_likelihood,
    ) -> None:
        super().__init__()
        self.log_likelihood = log_likelihood
        self.network = observation_network(seeds, "actor", len(ACTIONS), hidden, features).to(device)
        self.optimizer = Adam(self.network.parameters(), learning_rate)

    def forward(self, observations: Tensor) -> Tensor:
        """Logits: (members, batch, 2) -> (members, batch, 5)."""
        return self.network(observations)

    def probabilities(self, observations: Tensor) -> Tensor:
        """pi(a | s): (members, batch, 2) -> (members, batch, 5)."""
        logits = self(observations)
        return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))  # a softmax, faster for few actions

    def improve(self, batch: Batch, weights: Tensor | float = 1.0) -> Tensor:
        """One step of maximising mean(weights * log pi(a | s)), weights (members, batch); the losses (members,)."""
        likelihoods = self.log_likelihood(self(batch.observations), batch.actions)
        return self.optimizer.minimise(-(weights * likelihoods).mean(dim=-1))


class BC(Agent):
    """Maximises log pi(a | s) of the data's actions.

    Args:
        learning_rate, hidden, features, batch_size: of the actor (see `observation_network`).
        log_likelihood: the function of that name, or yours.
        population: `seeds` and `device` (see `Agent`).
    """

    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        hidden: Sequence[int] = (64, 64),
        features: str = "fourier",
        batch_size: int = 64,
        log_likelihood: Callable[..., Tensor] = log_likelihood,
        **population,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, hidden=hidden, features=features, batch_size=batch_size, **population
        )
        self.actor = Actor(self.seeds, self.hidden, features, self.learning_rate, self.device, log_likelihood)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The clone's own distribution: (members, n, 2) -> (members, n, 5)."""
        return self.actor.probabilities(observations)

    def update(self, batch: Batch) -> Tensor:
        """One step on a minibatch of transitions (members, batch); the loss of each member (members,)."""
        return self.actor.improve(batch)
