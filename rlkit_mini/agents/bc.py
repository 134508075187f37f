"""BC: behavioural cloning, the control of every offline comparison; and the actor that AWAC and IQL share with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.critic import value_of_action
from rlkit_mini.agents.networks import Adam

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Batch


def log_likelihood(logits: Tensor, actions: Tensor) -> Tensor:
    """log pi(a | s) of logits (..., actions) and actions (...,) integers: (...,)."""
    return value_of_action(logits, actions) - torch.logsumexp(logits, dim=-1)


class Actor(nn.Module):
    """pi(a | s), learnt by weighted cloning: (members, batch, size) -> logits (members, batch, actions)."""

    def __init__(
        self, network: nn.Module, learning_rate: float, log_likelihood: Callable[..., Tensor] = log_likelihood
    ) -> None:
        super().__init__()
        self.log_likelihood, self.network = log_likelihood, network
        self.optimizer = Adam(self.network.parameters(), learning_rate)

    def forward(self, observations: Tensor) -> Tensor:
        """Logits: (members, batch, size) -> (members, batch, actions)."""
        return self.network(observations)

    def probabilities(self, observations: Tensor) -> Tensor:
        """pi(a | s): (members, batch, size) -> (members, batch, actions)."""
        logits = self(observations)
        return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))  # a softmax, faster for few actions

    def improve(self, batch: Batch, weights: Tensor | float = 1.0) -> Tensor:
        """One step of maximising mean(weights * log pi(a | s)), weights (members, batch); the losses (members,)."""
        likelihoods = self.log_likelihood(self(batch.observations), batch.actions)
        return self.optimizer.minimise(-(weights * likelihoods).mean(dim=-1))


class BC(Agent):
    """Maximises log pi(a | s) of the data's actions.

    The settings are those of `Agent`, and:

    Args:
        learning_rate, hidden, features, batch_size: of the actor (see `observation_network`).
        log_likelihood: the function of that name, or yours.
    """

    learning_rate: float = 1e-3
    hidden: Sequence[int] = (64, 64)
    features: str = "fourier"
    batch_size: int = 64
    log_likelihood: Callable[..., Tensor] = log_likelihood

    def __post_init__(self) -> None:
        super().__post_init__()
        network = self.network("actor", self.action_count, self.hidden, self.features)
        self.actor = Actor(network, self.learning_rate, self.log_likelihood)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The clone's own distribution: (members, n, size) -> (members, n, actions)."""
        return self.actor.probabilities(observations)

    def update(self, batch: Batch) -> Tensor:
        """One step on a minibatch of transitions (members, batch); the loss of each member (members,)."""
        return self.actor.improve(batch)
