"""The critic that DQN, AWAC and IQL share: Q(s, a) with a target network, a copy made at times (Mnih et al. 2015)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent, as_by_default
from rlkit_mini.agents.networks import Adam

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rlkit_mini.data.transitions import Batch


def td_target(rewards: Tensor, terminations: Tensor, next_values: Tensor, discount: float | Tensor) -> Tensor:
    """y = r + discount * m * V(s') with m = 1 - termination; all of shape (...,). A truncation is no termination."""
    return rewards + discount * (1 - terminations.to(next_values.dtype)) * next_values


def value_of_action(q_values: Tensor, actions: Tensor) -> Tensor:
    """Q(s, a) of q_values (..., actions) and actions (...,) integers: (...,)."""
    return q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


class Critic(Agent):
    """Minimises mean (Q(s, a) - y)^2 with y = r + discount * m * V(s'); what V(s') is, each algorithm says itself.

    The settings are those of `Agent`, and:

    Args:
        discount: one number, or a list to sweep.
        learning_rate, hidden, features, batch_size: of the critic (see `observation_network`).
        target_period: updates between two copies of the critic into the target network.
        td_target: the function of that name, or yours.
    """

    discount: float | Sequence[float] = 0.95
    learning_rate: float = 1e-3
    hidden: Sequence[int] = (64, 64)
    features: str = "fourier"
    batch_size: int = 64
    target_period: int = 50
    td_target: Callable[..., Tensor] = td_target

    def __post_init__(self) -> None:
        super().__post_init__()
        self.critic = self.network("critic", self.action_count, self.hidden, self.features)
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimizer = Adam(self.critic.parameters(), self.learning_rate)
        self.updates = 0

    def q_values(self, observations: ArrayLike | Tensor) -> Tensor:
        """Q (members, n, actions) at observations (n, size) or (members, n, size)."""
        with as_by_default(self.device, gradients=False):
            return self.critic(self.as_inputs(observations))

    def next_values(self, next_observations: Tensor) -> Tensor:
        """V(s') that the TD target bootstraps from, without gradients: (members, batch, size) -> (members, batch)."""
        raise NotImplementedError

    def loss(self, batch: Batch, q_values: Tensor) -> Tensor:
        """The loss of each transition (members, batch), given Q(s, .) (members, batch, actions) with its gradients."""
        with torch.no_grad():
            next_values = self.next_values(batch.next_observations)
            targets = self.td_target(batch.rewards, batch.terminations, next_values, self.discount)
        return (value_of_action(q_values, batch.actions) - targets) ** 2

    def update(self, batch: Batch) -> Tensor:
        """One step on a minibatch of transitions (members, batch); the critic's loss of each member (members,)."""
        losses = self.loss(batch, self.critic(batch.observations))
        losses = self.optimizer.minimise(losses.mean(dim=-1))
        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target_critic.load_state_dict(self.critic.state_dict())
        return losses
