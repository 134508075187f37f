"""BC: behavioural cloning, the control of every offline comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.networks import observation_network
from rlkit_mini.pointmass import ACTIONS


def log_likelihood(logits: Tensor, actions: Tensor) -> Tensor:
    """log pi(a | s) of logits (..., actions) and actions (...,) integers: (...,)."""
    return torch.log_softmax(logits, dim=-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)


class BC(Agent):
    """Maximises log pi(a | s) of the data's actions.

    Args:
        learning_rate, hidden, features, batch_size: of the actor (see `observation_network`).
        seeds, device: see `Agent`.
    """

    def __init__(self, *, learning_rate=3e-4, hidden=(64, 64), features="fourier", batch_size=64, **population) -> None:
        super().__init__(
            learning_rate=learning_rate, hidden=hidden, features=features, batch_size=batch_size, **population
        )
        self.actor = observation_network(self.seeds, "actor", len(ACTIONS), hidden, features).to(self.device)
        self.optimizer = torch.optim.Adam(self.actor.parameters(), lr=learning_rate, fused=True)

    def action_probabilities(self, observations: Tensor) -> Tensor:
        return torch.softmax(self.actor(observations), dim=-1)

    def update(self, batch) -> Tensor:
        """One step on a minibatch of transitions (members, batch); the loss of each member (members,)."""
        losses = -log_likelihood(self.actor(batch.observations), batch.actions).mean(dim=-1)
        self.optimizer.zero_grad()
        losses.sum().backward()
        self.optimizer.step()
        return losses.detach()
