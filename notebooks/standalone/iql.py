"""IQL: implicit Q-learning with discrete actions: one agent, plain PyTorch, one file.

Kostrikov et al. 2021, arXiv 2110.06169, equations 5 to 7.

    python iql.py data.npz

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


class IQL:
    """V learns an upper expectile of the data's Q-values, Q learns from V, the actor clones, weighted by exp(A / T).

    Args:
        expectile: tau in (0, 1).
        temperature: T, divides the advantage; the paper's beta is 1 / T.
        target_period: updates between two copies of Q (the authors' code: two of them, softly) into the target.
    """

    def __init__(self, observation_size, action_count, expectile=0.7, temperature=0.1, target_period=50) -> None:
        self.critic, self.actor = (network(observation_size, action_count) for _ in range(2))
        self.value = network(observation_size, 1)
        self.target_critic = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), 1e-3)
        self.value_optimizer = torch.optim.Adam(self.value.parameters(), 1e-3)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), 1e-3)
        self.expectile, self.temperature, self.max_weight = expectile, temperature, 100.0
        self.discount, self.target_period, self.updates = 0.95, target_period, 0

    def update(self, batch):
        """One step on a minibatch of the five columns (batch, ...), terminations 0.0 or 1.0; gives Q's loss."""
        observations, actions, rewards, next_observations, terminations = batch
        chosen = actions.unsqueeze(1)
        with torch.no_grad():
            data_values = self.target_critic(observations).gather(1, chosen).squeeze(1)
        differences = data_values - self.value(observations).squeeze(1)  # equation 5
        weights = torch.where(differences < 0, 1 - self.expectile, self.expectile)
        step(self.value_optimizer, (weights * differences**2).mean())
        with torch.no_grad():
            targets = rewards + self.discount * (1 - terminations) * self.value(next_observations).squeeze(1)
        loss = ((self.critic(observations).gather(1, chosen).squeeze(1) - targets) ** 2).mean()  # equation 6
        step(self.optimizer, loss)
        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target_critic.load_state_dict(self.critic.state_dict())
        with torch.no_grad():
            advantages = data_values - self.value(observations).squeeze(1)
            weights = (advantages / self.temperature).exp().clamp(max=self.max_weight)
        log_policy = self.actor(observations).log_softmax(dim=1).gather(1, chosen).squeeze(1)
        step(self.actor_optimizer, -(weights * log_policy).mean())  # equation 7
        return loss.detach()

    def act(self, observations):
        """The actor's likeliest actions (batch,)."""
        with torch.no_grad():
            return self.actor(observations).argmax(dim=1)


def step(optimizer, loss) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


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
    agent = IQL(observation_size=data[0].shape[1], action_count=int(data[1].max()) + 1)
    train(agent, data)
    agrees = (agent.act(data[0]) == data[1]).float().mean()
    print(f"the greedy action is the data's at {agrees:.0%} of its places")
