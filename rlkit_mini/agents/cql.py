"""CQL: conservative Q-learning, the discrete CQL(H) (Kumar et al. 2020, arXiv 2006.04779, equation 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from rlkit_mini.agents.dqn import DQN, value_of_action


def cql_penalty(q_values: Tensor, actions: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """T logsumexp_a(Q(s, a) / T) - Q(s, a_data), over all actions: one value a transition, never negative.

    Args:
        q_values: (..., actions).
        actions: (...,) integers, the data's.
        temperature: T > 0, divides; a number, or a tensor that broadcasts against (...,).
    """
    each = temperature.unsqueeze(-1) if isinstance(temperature, Tensor) else temperature
    soft_maximum = temperature * torch.logsumexp(q_values / each, dim=-1)
    return soft_maximum - value_of_action(q_values, actions)


class CQL(DQN):
    """DQN's loss + alpha * mean CQL penalty; with alpha 0 it is DQN.

    Args:
        alpha: weight of the penalty; one number, or a list to sweep.
        temperature: T of the penalty's soft maximum, divides; one number, or a list to sweep.
        penalty: `cql_penalty`, or yours; a swept temperature reaches it as a (members, 1) tensor.
        dqn: the settings of `DQN`.
    """

    def __init__(self, *, alpha=0.1, temperature=1.0, penalty=cql_penalty, **dqn) -> None:
        super().__init__(alpha=alpha, temperature=temperature, **dqn)
        self.penalty = penalty

    def loss(self, batch, q_values: Tensor) -> Tensor:
        return super().loss(batch, q_values) + self.alpha * self.penalty(q_values, batch.actions, self.temperature)
