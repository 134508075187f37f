"""Choosing an agent without acting, on transitions that it was not trained on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch

from rlkit_mini.agents.awac import expected_value
from rlkit_mini.agents.critic import Critic, td_target, value_of_action
from rlkit_mini.agents.networks import Adam, observation_network
from rlkit_mini.evaluation.rollouts import _asked
from rlkit_mini.pointmass import ACTIONS

if TYPE_CHECKING:
    from rlkit_mini.data.transitions import Transitions


def td_error(transitions: Transitions, agent: Critic) -> np.ndarray:
    """Mean squared TD error of each member's critic, by the agent's own target: (members,)."""
    batch = transitions.as_batch(agent.device)
    batch = type(batch)(*(column.expand(agent.members, *column.shape[1:]) for column in batch))
    with torch.no_grad():
        return Critic.loss(agent, batch, agent.critic(batch.observations)).mean(dim=-1).cpu().numpy()


def fitted_q_evaluation(
    transitions: Transitions,
    policy,
    discount: float = 0.95,
    updates: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    target_period: int = 20,
    seed: int = 0,
) -> np.ndarray:
    """What a policy's start is worth, estimated from transitions alone (Le et al. 2019, arXiv 1903.08738).

    A critic is fitted to y = r + discount * m * sum_a' pi(a' | s') Q(s', a'), kept within what rewards like the
    transitions' can add up to. It knows no more than they do: where the policy takes actions that they lack, its guess
    is as good as its network's. Each copy of the target looks one step further ahead, so that updates / target_period
    should be several times 1 / (1 - discount).

    Args:
        transitions: best ones that the policy's agent was not trained on.
        policy: maps observations (n, 2) to action probabilities (n, 5), or (members, n, 5) for several policies at
            once, such as an agent's `policy`.
        updates, batch_size, learning_rate, target_period: of the critic, one a policy; all critics begin with the same
            weights and see the same minibatches.

    Returns:
        the estimated discounted value at the start: (members,), or () for one policy.
    """
    if min(updates, batch_size, target_period, len(transitions)) < 1:
        raise ValueError(
            f"updates is {updates}, batch_size {batch_size}, target_period {target_period}, with {len(transitions)} "
            "transitions; expected at least 1 of each"
        )
    after, start = transitions.next_observations, transitions.maze.observe(np.array([transitions.maze.start]))
    probabilities, at_start = (_asked(policy, places).float() for places in (after, torch.from_numpy(start)))
    single, members = probabilities.ndim == 2, len(probabilities) if probabilities.ndim == 3 else 1
    probabilities, at_start = probabilities.expand(members, -1, -1), at_start.expand(members, -1, -1)
    device, rng = probabilities.device, np.random.default_rng(seed)
    stored = transitions.as_batch(device)
    critic = observation_network(np.full(members, seed), "fitted q", len(ACTIONS)).to(device)
    target = copy.deepcopy(critic).requires_grad_(False)
    optimizer = Adam(critic.parameters(), learning_rate)
    worst, best = (
        min(stored.rewards.min().item(), 0) / (1 - discount),
        max(stored.rewards.max().item(), 0) / (1 - discount),
    )
    for update in range(updates):
        if update % target_period == 0:
            target.load_state_dict(critic.state_dict())
        picks = torch.from_numpy(rng.integers(len(after), size=batch_size)).to(device)
        batch = type(stored)(*(column[:, picks].expand(members, *column[:, picks].shape[1:]) for column in stored))
        next_values = expected_value(target(batch.next_observations), probabilities[:, picks])
        targets = td_target(batch.rewards, batch.terminations, next_values, discount).clamp(worst, best)
        losses = (value_of_action(critic(batch.observations), batch.actions) - targets) ** 2
        optimizer.minimise(losses.mean(dim=-1))
    with torch.no_grad():
        first = torch.from_numpy(start).to(device).expand(members, 1, 2)
        values = expected_value(critic(first), at_start)[:, 0].cpu().numpy()
    return values[0] if single else values
