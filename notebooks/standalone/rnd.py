"""RND: exploring by random network distillation: one agent, plain PyTorch, one file.

Burda et al. 2018, arXiv 1810.12894; a double DQN (`dqn.py`) on the bonus alone takes PPO's place.

    python rnd.py rlkit_mini/PointmassMedium-v0

explores a Gymnasium environment with Box observations (size,) and Discrete actions, without its rewards.
"""

import copy
import itertools
import sys

import numpy as np
import torch
from torch import nn


def network(*sizes: int) -> nn.Module:
    """Layers of these sizes with tanh between them: (batch, in) -> (batch, out)."""
    layers = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


class RND:
    """The bonus of s' is the error of a network that learns to predict the features of a fixed random one.

    Args:
        start: the observation (size,) at which episodes begin. The bonus does not end with the episode: after a
            termination the return goes on from the start.
        epsilon: share of random actions.
    """

    def __init__(self, start, action_count, epsilon=0.3, discount=0.95, target_period=50) -> None:
        size = len(start)
        self.random_network, self.predictor = (network(size, 32, 32, 5) for _ in range(2))
        for layer in self.random_network[::2]:
            nn.init.normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.critic = network(size, 64, 64, action_count)
        self.target_critic = copy.deepcopy(self.critic)
        self.predictor_optimizer = torch.optim.Adam(self.predictor.parameters(), 1e-3)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), 1e-3)
        self.mean_square = torch.zeros(())  # of the bonus, running
        self.start, self.action_count, self.epsilon = torch.as_tensor(start), action_count, epsilon
        self.discount, self.target_period, self.updates = discount, target_period, 0

    def update(self, batch):
        """One step of predictor and critic on a minibatch of the five columns (batch, ...): the critic's loss."""
        observations, actions, _, next_observations, terminations = batch  # the environment's rewards are not used
        with torch.no_grad():
            features = self.random_network(next_observations)
        bonus = ((self.predictor(next_observations) - features) ** 2).sum(dim=1)
        step(self.predictor_optimizer, bonus.mean())

        bonus = bonus.detach()
        rate = max(0.01, 1 / (self.updates + 1))  # at first the plain mean of what was seen, later a running one
        self.mean_square += rate * ((bonus**2).mean() - self.mean_square)
        rewards = bonus / self.mean_square.sqrt().clamp_min(1e-8)
        continued = torch.where(terminations.bool().unsqueeze(1), self.start, next_observations)
        with torch.no_grad():
            best = self.critic(continued).argmax(dim=1, keepdim=True)
            targets = rewards + self.discount * self.target_critic(continued).gather(1, best).squeeze(1)
        loss = ((self.critic(observations).gather(1, actions.unsqueeze(1)).squeeze(1) - targets) ** 2).mean()
        step(self.optimizer, loss)
        self.updates += 1
        if self.updates % self.target_period == 0:
            self.target_critic.load_state_dict(self.critic.state_dict())
        return loss.detach()

    def act(self, observation, rng) -> int:
        """Epsilon-greedy on the critic's values."""
        if rng.random() < self.epsilon:
            return int(rng.integers(self.action_count))
        with torch.no_grad():
            return int(self.critic(torch.as_tensor(observation)).argmax())


def step(optimizer, loss) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def explore(agent, env, steps=10_000, batch_size=64, seed=0):
    """Act and learn, one update per step: the places visited (steps, size), and how often an episode terminated."""
    rng, goals, stored = np.random.default_rng(seed), 0, []
    observation, _ = env.reset(seed=seed)
    for _ in range(steps):
        action = agent.act(observation, rng)
        after, reward, terminated, truncated, _ = env.step(action)
        stored.append((observation, action, np.float32(reward), after, np.float32(terminated)))
        goals += terminated
        observation = env.reset()[0] if terminated or truncated else after
        if len(stored) >= batch_size:
            chosen = [stored[i] for i in rng.integers(len(stored), size=batch_size)]
            agent.update([torch.from_numpy(np.array(column)) for column in zip(*chosen, strict=True)])
    return np.array([step[3] for step in stored]), goals


if __name__ == "__main__":
    import gymnasium

    import rlkit_mini  # noqa: F401  registers its mazes

    torch.manual_seed(0)
    env = gymnasium.make(sys.argv[1])
    agent = RND(env.reset(seed=0)[0], int(env.action_space.n))
    places, goals = explore(agent, env)
    print(f"{len(np.unique(places.round(1), axis=0))} places on a grid of tenths, {goals} episodes that terminated")
