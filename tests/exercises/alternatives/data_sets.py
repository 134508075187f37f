"""Other right formulations of the exercises on data sets, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("episode_returns")
def episode_returns_by_a_loop(rewards, terminations, truncations):
    returns, total = [], 0.0
    for reward, terminated, truncated in zip(rewards, terminations, truncations, strict=True):
        total += reward
        if terminated or truncated:
            returns.append(total)
            total = 0.0
    return returns


@alternative("continuation_mask")
def continuation_mask_by_negation(terminations, truncations):
    return np.logical_not(terminations).astype(np.float32)


@alternative("continuation_mask")
def continuation_mask_in_torch(terminations, truncations):
    return 1 - torch.as_tensor(terminations).float()


@alternative("behaviour_policy")
def behaviour_policy_by_a_loop(cells, actions, number_of_cells):
    policy = np.full((number_of_cells, 5), 0.2, dtype=np.float32)
    for cell in set(cells.tolist()):
        taken = actions[cells == cell]
        policy[cell] = [(taken == action).mean() for action in range(5)]
    return policy


@alternative("episode_returns")
def episode_returns_by_differences(rewards, terminations, truncations):
    total = np.cumsum(rewards)[np.logical_or(terminations, truncations)]
    return np.diff(total, prepend=0.0)


@alternative("episode_returns")
def episode_returns_by_labels(rewards, terminations, truncations):
    ends = (terminations | truncations).astype(int)
    labels = np.cumsum(ends) - ends
    return np.bincount(labels, weights=rewards, minlength=ends.sum() + 1)[: ends.sum()]


@alternative("episode_returns")
def episode_returns_by_reduceat(rewards, terminations, truncations):
    ends = np.flatnonzero(terminations | truncations)
    return np.add.reduceat(rewards[: ends[-1] + 1], np.append(0, ends[:-1] + 1))


@alternative("continuation_mask")
def continuation_mask_by_where(terminations, truncations):
    return np.where(terminations, 0.0, 1.0)


@alternative("continuation_mask")
def continuation_mask_by_cases(terminations, truncations):
    return np.select([terminations, truncations], [0.0, 1.0], default=1.0)


@alternative("behaviour_policy")
def behaviour_policy_by_bincount(cells, actions, number_of_cells):
    counts = np.bincount(5 * cells + actions, minlength=5 * number_of_cells).reshape(number_of_cells, 5)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals == 0, 0.2, counts / np.maximum(totals, 1))


@alternative("behaviour_policy")
def behaviour_policy_by_one_hot(cells, actions, number_of_cells):
    counts = np.eye(number_of_cells)[cells].T @ np.eye(5)[actions]
    counts[~counts.any(axis=1)] = 1.0
    return (counts.T / counts.sum(axis=1)).T


@alternative("behaviour_policy")
def behaviour_policy_in_torch(cells, actions, number_of_cells):
    counts = torch.zeros(number_of_cells, 5)
    counts.index_put_((torch.as_tensor(cells), torch.as_tensor(actions)), torch.ones(len(cells)), accumulate=True)
    return torch.where(counts.sum(1, keepdim=True) > 0, counts / counts.sum(1, keepdim=True), 0.2)
