"""What to measure: coverage, returns, intervals over seeds, real rollouts, off-policy estimates."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats
import torch

from rlkit_mini.agents.awac import expected_value
from rlkit_mini.agents.dqn import DQN, td_target, value_of_action
from rlkit_mini.mazes import Maze, check_maze
from rlkit_mini.networks import Adam, observation_network
from rlkit_mini.pointmass import ACTIONS, check_count, sample_actions, transition

if TYPE_CHECKING:
    from rlkit_mini.data import Transitions


def coverage(positions: np.ndarray, walls: np.ndarray) -> float:
    """Share of a maze's free half-cells that hold at least one of the positions.

    Args:
        positions: (n, 2) in cells.
        walls: (width, height) bool; each cell has 2 x 2 half-cells.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.shape[1:] != (2,) or not ((positions >= 0) & (positions <= walls.shape)).all():
        raise ValueError(f"positions {positions.shape} are not all in the maze; expected (n, 2), at most {walls.shape}")
    cells = np.minimum(np.floor(2 * positions).astype(int), 2 * np.array(walls.shape) - 1)
    visited = np.zeros((2 * walls.shape[0], 2 * walls.shape[1]), dtype=bool)
    visited[cells[:, 0], cells[:, 1]] = True
    return float(visited.sum() / (4 * (~walls).sum()))


def coverage_curve(runs, steps) -> np.ndarray:
    """Coverage (points, runs) of each run's first `steps` (points,) steps; `runs` are `Transitions`, one a member."""
    return np.array([[coverage(run[:count].positions, run.maze.walls) for run in runs] for count in steps])


def discounted_return(rewards: np.ndarray, discount: float) -> np.ndarray:
    """sum_t discount^t r_t of rewards (..., steps): (...,)."""
    rewards = np.asarray(rewards, dtype=np.float64)
    return (discount ** np.arange(rewards.shape[-1]) * rewards).sum(axis=-1)


def steps_to_go(values: np.ndarray, discount: float) -> np.ndarray:
    """How many steps from the goal a value (...,) says one is: the n of -(1 - discount^(n - 1)) / (1 - discount).

    A step costs 1 and the last one, to the goal, nothing; at -1 / (1 - discount) and below one never arrives (inf).
    """
    left = np.maximum(1 + (1 - discount) * np.asarray(values, dtype=np.float64), 0)  # discount^(n - 1)
    with np.errstate(divide="ignore"):
        return 1 + np.log(left) / np.log(discount)


def episode_returns(rewards: np.ndarray, terminations: np.ndarray, truncations: np.ndarray) -> np.ndarray:
    """Undiscounted return of each finished episode in a run of steps (n,): (episodes,)."""
    ends = np.flatnonzero(np.asarray(terminations) | np.asarray(truncations))
    totals = np.cumsum(np.asarray(rewards, dtype=np.float64))[ends]
    return np.diff(totals, prepend=0.0)


def cumulative_regret(returns: np.ndarray, best: float) -> np.ndarray:
    """What acting has cost so far: the sum of best - return up to each episode, of returns (..., episodes)."""
    return np.cumsum(best - np.asarray(returns, dtype=np.float64), axis=-1)


def behaviour_policy(cells: np.ndarray, actions: np.ndarray, number_of_cells: int) -> np.ndarray:
    """Relative frequency of each action in each cell; uniform where there is no data.

    Args:
        cells, actions: (n,) integers, the place and the action of each step.

    Returns:
        probabilities (number_of_cells, 5).
    """
    counts = np.zeros((number_of_cells, len(ACTIONS)))
    np.add.at(counts, (np.asarray(cells), np.asarray(actions)), 1)
    counts[counts.sum(axis=1) == 0] = 1
    return counts / counts.sum(axis=1, keepdims=True)


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half of `values` along an axis (Agarwal et al. 2021, arXiv 2108.13264)."""
    if not np.size(values):
        raise ValueError(f"values have shape {np.shape(values)}; expected at least one number")
    return scipy.stats.trim_mean(values, 0.25, axis=axis)


def bootstrap_interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000) -> np.ndarray:
    """Percentile bootstrap interval of the interquartile mean over the last axis, the seeds.

    Args:
        values: (..., seeds).

    Returns:
        (2, ...): low and high.

    Raises:
        ValueError: no values, values that are not finite, a level outside (0, 1), no resamples.
    """
    values = np.asarray(values, dtype=np.float64)
    if not values.ndim or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values have shape {values.shape} or are not finite; expected finite numbers (..., seeds)")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level is {level} and resamples {resamples}; expected 0 < level < 1 and at least 1 resample")
    picks = np.random.default_rng(0).integers(values.shape[-1], size=(resamples, values.shape[-1]))
    means = interquartile_mean(values[..., picks])  # (..., resamples)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)


def rollout_returns(policy, maze: Maze, episodes: int, seed: int = 0) -> np.ndarray:
    """Undiscounted returns (episodes,) of one policy acting in the environment itself, all episodes side by side.

    Args:
        policy: maps observations (n, 2) to action probabilities (n, 5).
    """
    check_maze(maze)
    check_count("episodes", episodes)
    rng = np.random.default_rng(seed)
    positions = np.tile(np.array(maze.start, dtype=np.float64), (episodes, 1))
    returns, going = np.zeros(episodes), np.ones(episodes, dtype=bool)
    for _ in range(maze.horizon):
        probabilities = np.asarray(_asked(policy, maze.observe(positions)))
        if probabilities.ndim != 2:
            raise ValueError(f"policy gives {probabilities.shape}; expected one policy's probabilities ({episodes}, 5)")
        actions = sample_actions(probabilities, rng.random(episodes))
        positions, rewards, terminations = transition(maze, positions, actions, rng.standard_normal((episodes, 2)))
        returns += rewards * going
        going &= ~terminations
    return returns


def _asked(policy, observations) -> torch.Tensor:
    """A policy's action probabilities (..., n, 5) at observations (n, 2); raises where they are none."""
    probabilities = torch.as_tensor(policy(observations))
    if probabilities.shape[-2:] != (len(observations), len(ACTIONS)):
        given = tuple(probabilities.shape)
        raise ValueError(f"policy gives {given}; expected probabilities (..., {len(observations)}, 5)")
    if not ((probabilities >= 0).all() and ((probabilities.sum(dim=-1) - 1).abs() <= 1e-3).all()):
        raise ValueError("policy is no distribution; expected probabilities >= 0 that sum to 1 over the actions")
    return probabilities


# Choosing an agent without acting, on transitions that it was not trained on


def td_error(transitions: Transitions, agent: DQN) -> np.ndarray:
    """Mean squared TD error of each member's critic, by the agent's own target: (members,)."""
    batch = transitions.as_batch(agent.device)
    batch = type(batch)(*(column.expand(agent.members, *column.shape[1:]) for column in batch))
    with torch.no_grad():
        return DQN.loss(agent, batch, agent.critic(batch.observations)).mean(dim=-1).cpu().numpy()


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
