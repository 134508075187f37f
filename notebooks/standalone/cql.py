"""CQL: conservative Q-learning with discrete actions: one agent, plain PyTorch, one file.

Kumar et al. 2020, arXiv 2006.04779, equation 4, on top of double DQN (`dqn.py`).

    python cql.py data.npz

reads arrays of n transitions: observations (n, size), actions (n,), rewards (n,), next_observations (n, size) and
terminations (n,), in which a time limit is no termination.
"""

import copy
import math
import sys

import numpy as np
import torch
from torch import nn


class FourierFeatures(nn.Module):
    """sin and cos of 2 pi B x, B random and fixed (Tancik et al. 2020, arXiv 2006.10739): (batch, 64)."""

    def __init__(self, inputs: int, count: int = 32) -> None:
        super().__init__()
        self.register_buffer("frequencies", 2 * math.pi * torch.randn(inputs, count))

    def forward(self, observations):
        phases = observations @ self.frequencies
        return torch.cat([phases.sin(), phases.cos()], dim=-1)


def network(inputs: int, outputs: int) -> nn.Module:
    """Observations (batch, inputs) -> (batch, outputs)."""
    return nn.Sequential(
        FourierFeatures(inputs), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs)
    )


class CQL:
    """DQN's loss + alpha * mean [logsumexp_a Q(s, a) - Q(s, a_data)], over all actions.

    Args:
        alpha: weight of the penalty; twice the paper's, whose TD error carries a factor 1/2.
        target_period: updates between two copies of the critic into the target network.
    """

    def __init__(
        self, observation_size, action_count, alpha=0.3, discount=0.95, learning_rate=1e-3, target_period=50
    ) -> None:
        self.critic = network(observation_size, action_count)
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), learning_rate)
        self.alpha, self.discount, self.target_period, self.updates = alpha, discount, target_period, 0

    def update(self, batch):
        """One step on a minibatch of the five columns (batch, ...), terminations 0.0 or 1.0; gives the loss."""
        observations, actions, rewards, next_observations, terminations = batch
        with torch.no_grad():
            best = self.critic(next_observations).argmax(dim=1, keepdim=True)
            next_values = self.target_critic(next_observations).gather(1, best).squeeze(1)
            targets = rewards + self.discount * (1 - terminations) * next_values

        q_values = self.critic(observations)
        of_data = q_values.gather(1, actions.unsqueeze(1)).squeeze(1)
        penalty = torch.logsumexp(q_values, dim=1) - of_data  # pushes all actions down and the data's up
        loss = ((of_data - targets) ** 2 + self.alpha * penalty).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target_critic.load_state_dict(self.critic.state_dict())
        return loss.detach()

    def act(self, observations):
        """The greedy actions (batch,)."""
        with torch.no_grad():
            return self.critic(observations).argmax(dim=1)


def train(agent, data, updates=4000, batch_size=64, seed=0) -> None:
    """Updates on minibatches drawn with replacement from the five columns (n, ...)."""
    rng = np.random.default_rng(seed)
    for update in range(1, updates + 1):
        chosen = torch.from_numpy(rng.integers(len(data[0]), size=batch_size))
        loss = agent.update([column[chosen] for column in data])
        if update % 500 == 0:
            print(f"{update:6,} updates: loss {loss:.4f}")


def load(path: str):
    """The five columns of an npz file, of the types that `update` takes."""
    with np.load(path, allow_pickle=False) as file:
        observations, actions, rewards, next_observations, terminations = (
            torch.from_numpy(file[name])
            for name in ("observations", "actions", "rewards", "next_observations", "terminations")
        )
    return observations.float(), actions.long(), rewards.float(), next_observations.float(), terminations.float()


if __name__ == "__main__":
    torch.manual_seed(0)
    data = load(sys.argv[1])
    agent = CQL(observation_size=data[0].shape[1], action_count=int(data[1].max()) + 1)
    train(agent, data)
    agrees = (agent.act(data[0]) == data[1]).float().mean()
    print(f"the greedy action is the data's at {agrees:.0%} of its places")
