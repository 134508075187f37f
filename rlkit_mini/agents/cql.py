"""CQL: conservative Q-learning, the discrete CQL(H) (Kumar et al. 2020, arXiv 2006.04779, equation 4).

The paper halves the squared TD error and we do not, so alpha here is twice the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rlkit_mini.agents.critic import value_of_action
from rlkit_mini.agents.dqn import DQN

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Batch


def cql_penalty(q_values: Tensor, actions: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
    """T logsumexp_a(Q(s, a) / T) - Q(s, a_data), over all actions: one value per transition, never negative.

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

    The settings are those of `DQN`, and:

    Args:
        alpha: weight of the penalty; one number, or a list to sweep.
        temperature: T of the penalty's soft maximum, divides; one number, or a list to sweep.
        penalty: `cql_penalty`, or yours, for which the temperature is one number, also where it is swept.
    """

    alpha: float | Sequence[float] = 0.3
    temperature: float | Sequence[float] = 1.0
    penalty: Callable[..., Tensor] = cql_penalty

    def loss(self, batch: Batch, q_values: Tensor) -> Tensor:
        """DQN's loss of each transition plus alpha times its penalty: (members, batch)."""
        td_loss = super().loss(batch, q_values)
        if self.penalty is cql_penalty:  # for all temperatures at once
            penalty = cql_penalty(q_values, batch.actions, self.temperature)
        else:
            penalty = self.by_value("temperature", self.penalty, q_values, batch.actions)
        return td_loss + self.alpha * penalty
