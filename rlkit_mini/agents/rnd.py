"""RND: random network distillation (Burda et al. 2018, arXiv 1810.12894).

Differs from the paper: a double DQN takes PPO's place, exploration is reward-free unless asked otherwise, and the bonus
is divided by a running root mean square of itself (the paper: by the running deviation of its discounted sums).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rlkit_mini.agents.agent import as_by_default
from rlkit_mini.agents.dqn import DQN
from rlkit_mini.agents.networks import Adam

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rlkit_mini.data.transitions import Batch


def novelty_bonus(predicted: Tensor, target: Tensor) -> Tensor:
    """||f_hat(s') - f(s')||^2 of features (..., features): one value per transition, (...,)."""
    return ((predicted - target) ** 2).sum(dim=-1)


def epsilon_greedy(q_values: Tensor, epsilon: float | Tensor) -> Tensor:
    """Probabilities (..., actions): epsilon spread evenly over all actions, the rest on the greedy one.

    Args:
        q_values: (..., actions).
        epsilon: a number, or a tensor that broadcasts against (...,).
    """
    epsilon = torch.as_tensor(epsilon, dtype=q_values.dtype, device=q_values.device).unsqueeze(-1)
    count = q_values.shape[-1]
    greedy = nn.functional.one_hot(q_values.argmax(dim=-1), count).to(q_values.dtype)
    return epsilon / count + (1 - epsilon) * greedy


class RND(DQN):
    """Explores where a network fails to predict the features of a fixed random one.

    The settings are those of `DQN`, and:

    Args:
        rnd_weight: of the normalised bonus in the critic's reward; one number, or a list to sweep.
        epsilon: share of random actions; one number, or a list to sweep.
        rnd_hidden, rnd_features: layers and outputs of both RND networks.
        extrinsic: whether the critic's reward includes the environment's.
        bonus: `novelty_bonus`, or yours.
        epsilon_greedy: the function of that name, or yours, for which epsilon is one number, also where it is swept.
        normalise: whether the bonus is divided by its running scale.
        features: of the critic. On raw observations it goes where the bonus is; on random Fourier features it wanders
            so far without any bonus that the bonus adds no coverage.
    """

    rnd_weight: float | Sequence[float] = 1.0
    epsilon: float | Sequence[float] = 0.3
    rnd_hidden: Sequence[int] = (32, 32)
    rnd_features: int = 5
    extrinsic: bool = False
    normalise: bool = True
    bonus: Callable[..., Tensor] = novelty_bonus
    epsilon_greedy: Callable[..., Tensor] = epsilon_greedy
    features: str = "raw"

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = (self.rnd_features, self.rnd_hidden, "raw")
        self.random_network = self.network("rnd target", *kind, "normal").requires_grad_(False)
        self.predictor = self.network("rnd predictor", *kind)
        self.predictor_optimizer = Adam(self.predictor.parameters(), self.learning_rate)
        self.register_buffer("mean_square", torch.zeros(self.members, 1, dtype=torch.float32, device=self.device))

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """Epsilon-greedy in Q: (members, n, size) -> (members, n, actions)."""
        q_values = self.critic(observations)
        if self.epsilon_greedy is epsilon_greedy:  # for all epsilons at once
            return epsilon_greedy(q_values, self.epsilon)
        return self.by_value("epsilon", self.epsilon_greedy, q_values)

    def novelty(self, observations: ArrayLike | Tensor) -> Tensor:
        """The bonus (members, n) that the observations (n, size) or (members, n, size) would earn, unnormalised."""
        with as_by_default(self.device, gradients=False):
            observations = self.as_inputs(observations)
            return self.bonus(self.predictor(observations), self.random_network(observations))

    def rewarded_places(self, batch: Batch) -> Tensor:
        """The places (members, batch, size) that the bonus pays for: where each step led."""
        return batch.next_observations

    def update(self, batch: Batch) -> Tensor:
        """One step of predictor and critic on a minibatch; the critic's loss of each member (members,).

        Raises:
            RuntimeError: nobody said where episodes start, as `explore` does.
        """
        if self.start_observation is None:
            raise RuntimeError("RND does not know where episodes start; it learns in explore(agent, maze)")
        places = self.rewarded_places(batch)
        bonus = self.bonus(self.predictor(places), self.random_network(places))
        self.predictor_optimizer.minimise(bonus.mean(dim=-1))

        bonus = bonus.detach()
        rate = max(0.01, 1 / (self.updates + 1))  # at first the mean over all minibatches, later over some hundred
        self.mean_square += rate * ((bonus**2).mean(dim=-1, keepdim=True) - self.mean_square)
        scale = self.mean_square.sqrt().clamp_min(1e-8) if self.normalise else 1.0
        rewards = self.rnd_weight * bonus / scale + (batch.rewards if self.extrinsic else 0.0)
        # The intrinsic return goes on after the goal: from a start, where episodes begin
        ended = batch.terminations.bool().unsqueeze(-1)
        continued = torch.where(ended, self.start_observation, batch.next_observations)
        never = torch.zeros_like(batch.terminations)
        return super().update(batch._replace(rewards=rewards, next_observations=continued, terminations=never))
