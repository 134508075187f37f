"""DQN (Mnih et al. 2015) with double Q-learning (van Hasselt et al. 2015, arXiv 1509.06461)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.networks import Adam, observation_network
from rlkit_mini.pointmass import ACTIONS


def td_target(rewards: Tensor, terminations: Tensor, next_values: Tensor, discount: float | Tensor) -> Tensor:
    """y = r + discount * m * V(s') with m = 1 - termination; all of shape (...,). A truncation is no termination."""
    return rewards + discount * (1 - terminations.to(next_values.dtype)) * next_values


def double_q_value(online_q: Tensor, target_q: Tensor) -> Tensor:
    """Q_target(s', argmax_a' Q(s', a')) of two (..., actions): the online network chooses, the target one judges."""
    chosen = online_q.max(dim=-1, keepdim=True).indices  # as argmax, faster for few actions
    return target_q.gather(-1, chosen).squeeze(-1)


def value_of_action(q_values: Tensor, actions: Tensor) -> Tensor:
    """Q(s, a) of q_values (..., actions) and actions (...,) integers: (...,)."""
    return q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


class DQN(Agent):
    """Minimises mean (Q(s, a) - y)^2, y the TD target with a periodically copied target network.

    Args:
        discount: one number, or a list to sweep.
        learning_rate, hidden, features, batch_size: of the critic (see `observation_network`).
        target_period: updates between two copies of the critic into the target network.
        double: whether the online network chooses the next action (else the target network's own maximum).
        td_target, double_q_value: the functions of those names, or yours.
        seeds, device: see `Agent`.
    """

    def __init__(
        self,
        *,
        discount=0.95,
        learning_rate=1e-3,
        hidden=(64, 64),
        features="fourier",
        batch_size=64,
        target_period=50,
        double=True,
        td_target=td_target,
        double_q_value=double_q_value,
        **population,
    ) -> None:
        super().__init__(
            discount=discount,
            learning_rate=learning_rate,
            hidden=hidden,
            features=features,
            batch_size=batch_size,
            target_period=target_period,
            double=double,
            **population,
        )
        self.td_target, self.double_q_value = td_target, double_q_value
        self.critic = observation_network(self.seeds, "critic", len(ACTIONS), hidden, features).to(self.device)
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimizer = Adam(self.critic.parameters(), learning_rate)
        self.updates = 0

    def q_values(self, observations) -> Tensor:
        """Q (members, n, 5) at observations (n, 2) or (members, n, 2)."""
        with torch.no_grad():
            return self.critic(self.as_inputs(observations))

    def action_probabilities(self, observations: Tensor) -> Tensor:
        return nn.functional.one_hot(self.critic(observations).argmax(dim=-1), len(ACTIONS)).to(torch.float32)

    def next_values(self, next_observations: Tensor) -> Tensor:
        """V(s') (members, batch) that the TD target bootstraps from."""
        target_q = self.target_critic(next_observations)
        if not self.double:
            return target_q.amax(dim=-1)
        return self.double_q_value(self.critic(next_observations), target_q)

    def loss(self, batch, q_values: Tensor) -> Tensor:
        """The loss of each transition (members, batch), given Q(s, .) (members, batch, 5)."""
        with torch.no_grad():
            next_values = self.next_values(batch.next_observations)
            targets = self.td_target(batch.rewards, batch.terminations, next_values, self.discount)
        return (value_of_action(q_values, batch.actions) - targets) ** 2

    def update(self, batch) -> Tensor:
        """One step on a minibatch of transitions (members, batch); the loss of each member (members,)."""
        losses = self.loss(batch, self.critic(batch.observations))
        losses = self.optimizer.minimise(losses.mean(dim=-1))
        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target_critic.load_state_dict(self.critic.state_dict())
        return losses
