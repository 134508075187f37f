"""Other right formulations of the exercises on RND, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative
from torch import nn


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


@alternative("novelty_bonus")
def novelty_bonus_by_mse_loss(predicted, target):
    return nn.functional.mse_loss(predicted, target, reduction="none").sum(dim=-1)


@alternative("novelty_bonus")
def novelty_bonus_by_matmul(predicted, target):
    error = predicted - target
    return (error[..., None, :] @ error[..., None]).squeeze(-1).squeeze(-1)


@alternative("novelty_bonus")
def novelty_bonus_by_the_mean(predicted, target):
    return predicted.shape[-1] * (predicted - target).square().mean(-1)


@alternative("td_target")
def td_target_by_masking(rewards, terminations, next_values, discount):
    return rewards + discount * next_values.masked_fill(terminations == 1, 0.0)


@alternative("td_target")
def td_target_in_numpy(rewards, terminations, next_values, discount):
    return np.where(terminations > 0.5, rewards, rewards + discount * next_values.numpy())


@alternative("td_target")
def td_target_by_addcmul(rewards, terminations, next_values, discount):
    return torch.addcmul(rewards, 1.0 - terminations, next_values, value=discount)


@alternative("td_target")
def td_target_by_subtraction(rewards, terminations, next_values, discount):
    return rewards + discount * (next_values - terminations * next_values)


@alternative("epsilon_greedy")
def epsilon_greedy_by_where(q_values, epsilon):
    count = q_values.shape[-1]
    greedy = torch.arange(count) == q_values.argmax(dim=-1, keepdim=True)
    return torch.where(greedy, 1 - epsilon + epsilon / count, epsilon / count)


@alternative("epsilon_greedy")
def epsilon_greedy_by_lerp(q_values, epsilon):
    greedy = nn.functional.one_hot(q_values.argmax(-1), q_values.size(-1)).to(q_values)
    return torch.lerp(greedy, torch.full_like(greedy, 1 / greedy.size(-1)), epsilon)


@alternative("epsilon_greedy")
def epsilon_greedy_by_the_identity(q_values, epsilon):
    count = q_values.shape[-1]
    return epsilon / count + (1 - epsilon) * torch.eye(count)[q_values.argmax(-1)]
