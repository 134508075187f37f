"""Other right formulations of the exercises on judging, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("paired_interval")
def paired_interval_by_a_loop(a, b, picks):
    means = sorted(sum(a[i] - b[i] for i in row) / len(row) for row in picks)
    return np.percentile(means, 2.5), np.percentile(means, 97.5)


@alternative("paired_interval")
def paired_interval_in_torch(a, b, picks):
    means = torch.as_tensor(a)[picks].mean(-1) - torch.as_tensor(b)[picks].mean(-1)
    return torch.quantile(means, torch.tensor([0.025, 0.975], dtype=means.dtype))


@alternative("trajectory_bonus")
def trajectory_bonus_by_loops(policy, behaviour, transitions, weight):
    bonus = np.zeros(transitions.shape[::2])
    for s, n in np.ndindex(bonus.shape):
        ours, theirs = (sum(p[s, a] * transitions[s, a, n] for a in range(p.shape[1])) for p in (policy, behaviour))
        if ours > 0:
            bonus[s, n] = weight * (np.log(theirs) - np.log(ours)) if theirs > 0 else -np.inf
    return bonus


@alternative("trajectory_bonus")
def trajectory_bonus_by_matmul(policy, behaviour, transitions, weight):
    ours, theirs = ((p[:, None] @ transitions)[:, 0] for p in (policy, behaviour))
    safe = np.where(ours > 0, ours, 1.0)
    return weight * np.where(ours > 0, np.log(np.maximum(theirs, 0)) - np.log(safe), 0.0)


@alternative("fqe_backup")
def fqe_backup_by_a_loop(q_values, cells, actions, rewards, next_cells, terminations, policy, discount):
    targets = {}
    for c, a, r, n, m in zip(cells, actions, rewards, next_cells, terminations, strict=True):
        ahead = 0.0 if m else discount * np.dot(policy[n], q_values[n])
        targets.setdefault((c, a), []).append(r + ahead)
    new = q_values.copy()
    for pair, found in targets.items():
        new[pair] = np.mean(found)
    return new


@alternative("fqe_backup")
def fqe_backup_by_bincount(q_values, cells, actions, rewards, next_cells, terminations, policy, discount):
    pairs, size = cells * q_values.shape[1] + actions, q_values.size
    targets = rewards + discount * (1 - terminations) * np.einsum("ca,ca->c", policy, q_values)[next_cells]
    counts = np.bincount(pairs, minlength=size)
    means = np.bincount(pairs, targets, size) / np.clip(counts, 1, None)
    return np.where(counts > 0, means, q_values.ravel()).reshape(q_values.shape)


@alternative("paired_interval")
def paired_interval_by_counts(a, b, picks):
    counts = np.array([np.bincount(row, minlength=len(a)) for row in picks])
    return np.percentile(counts @ (a - b) / picks.shape[1], [2.5, 97.5])


@alternative("paired_interval")
def paired_interval_of_two_means(a, b, picks):
    difference = np.take(a, picks).mean(axis=1) - np.take(b, picks).mean(axis=1)
    return [np.quantile(difference, q) for q in (0.025, 0.975)]


@alternative("trajectory_bonus")
def trajectory_bonus_by_sums(policy, behaviour, transitions, weight):
    ours, theirs = ((p[:, :, None] * transitions).sum(axis=1) for p in (policy, behaviour))
    bonus, goes = np.zeros_like(ours), ours > 0
    with np.errstate(divide="ignore"):
        bonus[goes] = weight * np.log(theirs[goes]) - weight * np.log(ours[goes])
    return bonus


@alternative("fqe_backup")
def fqe_backup_by_matrices(q_values, cells, actions, rewards, next_cells, terminations, policy, discount):
    ahead = np.diag(policy @ q_values.T)[next_cells]
    targets = rewards + np.where(terminations > 0, 0.0, discount * ahead)
    here = (np.eye(len(q_values))[cells][:, :, None] * np.eye(q_values.shape[1])[actions][:, None, :]).reshape(
        len(cells), -1
    )
    counts = here.sum(0)
    means = np.divide(targets @ here, counts, out=q_values.ravel().copy(), where=counts > 0)
    return means.reshape(q_values.shape)
