"""The random agent: uniform actions, the least one can do, and the control for everything else."""

from __future__ import annotations

import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.pointmass import ACTIONS


class RandomAgent(Agent):
    """Acts uniformly at random; does not learn."""

    def policy(self, observations, greedy: bool = True) -> Tensor:
        """Uniform probabilities (members, n, 5), whether greedy or not."""
        shape = (*self.as_inputs(observations).shape[:-1], len(ACTIONS))
        return torch.full(shape, 1 / len(ACTIONS), device=self.device)
