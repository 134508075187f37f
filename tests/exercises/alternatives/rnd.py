"""Other right formulations of the exercises on RND, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("novelty_bonus")
def novelty_bonus_by_einsum(predicted, target):
    error = target - predicted
    return torch.einsum("...f,...f->...", error, error)


@alternative("td_target")
def td_target_by_where(rewards, terminations, next_values, discount):
    return torch.where(terminations.bool(), rewards, rewards + discount * next_values).double()


@alternative("epsilon_greedy")
def epsilon_greedy_by_scatter(q_values, epsilon):
    probabilities = torch.full_like(q_values, epsilon / q_values.size(-1))
    best = q_values.argmax(-1, keepdim=True)
    return probabilities.scatter_add(-1, best, torch.full(best.shape, 1.0 - epsilon))


@alternative("epsilon_greedy")
def epsilon_greedy_in_numpy(q_values, epsilon):
    q_values = q_values.numpy()
    greedy = np.eye(q_values.shape[-1])[q_values.argmax(-1)]
    return (1 - epsilon) * greedy + epsilon * np.full(q_values.shape, 1 / q_values.shape[-1])
