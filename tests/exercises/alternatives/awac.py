"""Other right formulations of the exercises on AWAC, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("log_likelihood")
def log_likelihood_by_cross_entropy(logits, actions):
    return -torch.nn.functional.cross_entropy(logits.movedim(-1, 1), actions, reduction="none")


@alternative("log_likelihood")
def log_likelihood_by_a_distribution(logits, actions):
    return torch.distributions.Categorical(logits=logits).log_prob(actions)


@alternative("log_likelihood")
def log_likelihood_by_one_hot(logits, actions):
    chosen = torch.nn.functional.one_hot(actions, logits.shape[-1]).to(logits.dtype)
    return torch.einsum("...a,...a->...", logits - logits.logsumexp(-1, keepdim=True), chosen)


@alternative("expected_value")
def expected_value_by_einsum(q_values, action_probabilities):
    return torch.einsum("...a,...a->...", q_values, action_probabilities)


@alternative("expected_value")
def expected_value_in_numpy(q_values, action_probabilities):
    return np.sum(q_values.numpy() * action_probabilities.numpy(), axis=-1)


@alternative("advantage_weights")
def advantage_weights_by_clamping_the_exponential(advantages, temperature, max_weight=100.0):
    return (advantages / temperature).exp().clamp(max=max_weight)


@alternative("advantage_weights")
def advantage_weights_in_float64(advantages, temperature, max_weight):
    exponent = advantages.double() / temperature
    limit = float(np.log(max_weight))
    return torch.where(exponent < limit, exponent, limit).exp()


@alternative("kl_bonus")
def kl_bonus_by_a_ratio(policy, behaviour, weight):
    bonus = np.zeros_like(policy)
    taken = policy > 0
    with np.errstate(divide="ignore"):
        bonus[taken] = weight * np.log(behaviour[taken] / policy[taken])
    return bonus


@alternative("kl_bonus")
def kl_bonus_by_torch(policy, behaviour, weight):
    policy, behaviour = torch.as_tensor(policy), torch.as_tensor(behaviour)
    return torch.where(policy > 0, weight * (behaviour.log() - policy.log()), 0.0)


@alternative("kl_bonus")
def kl_bonus_in_loops(policy, behaviour, weight):
    rows = zip(np.reshape(policy, (-1, policy.shape[-1])), np.reshape(behaviour, (-1, policy.shape[-1])), strict=True)
    bonus = [[-weight * np.log(p / b) if p > 0 else 0.0 for p, b in zip(*row, strict=True)] for row in rows]
    return np.reshape(bonus, policy.shape)
