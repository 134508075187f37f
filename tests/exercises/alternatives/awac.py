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


@alternative("log_likelihood")
def log_likelihood_by_indexing_rows(logits, actions):
    flat = torch.log_softmax(logits, dim=-1).reshape(-1, logits.shape[-1])
    return flat[torch.arange(len(flat)), actions.reshape(-1)].reshape(actions.shape)


@alternative("log_likelihood")
def log_likelihood_by_a_mask(logits, actions):
    mine = torch.arange(logits.shape[-1]) == actions.unsqueeze(-1)
    return torch.where(mine, logits, 0.0).sum(-1) - torch.logsumexp(logits, -1)


@alternative("log_likelihood")
def log_likelihood_by_take_along_dim(logits, actions):
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    mine = torch.take_along_dim(shifted, actions[..., None], dim=-1)
    return (mine - shifted.exp().sum(-1, keepdim=True).log()).squeeze(-1)


@alternative("expected_value")
def expected_value_by_matmul(q_values, action_probabilities):
    return (q_values.unsqueeze(-2) @ action_probabilities.unsqueeze(-1))[..., 0, 0]


@alternative("expected_value")
def expected_value_by_vecdot(q_values, action_probabilities):
    return torch.linalg.vecdot(action_probabilities, q_values)


@alternative("expected_value")
def expected_value_in_a_loop(q_values, action_probabilities):
    total = torch.zeros(q_values.shape[:-1])
    for action in range(q_values.shape[-1]):
        total = total + action_probabilities[..., action] * q_values[..., action]
    return total


@alternative("advantage_weights")
def advantage_weights_by_minimum(advantages, temperature, max_weight):
    return torch.minimum(torch.exp(advantages / temperature), torch.full_like(advantages, max_weight))


@alternative("advantage_weights")
def advantage_weights_by_where(advantages, temperature, max_weight):
    weights = torch.e ** (advantages / temperature)
    return torch.where(weights > max_weight, torch.full_like(weights, max_weight), weights)


@alternative("advantage_weights")
def advantage_weights_in_numpy(advantages, temperature, max_weight):
    with np.errstate(over="ignore"):
        return np.minimum(np.exp(np.asarray(advantages) / np.asarray(temperature)), max_weight)


@alternative("kl_bonus")
def kl_bonus_with_masked_logarithms(policy, behaviour, weight):
    ours = np.log(policy, where=policy > 0, out=np.zeros_like(policy))
    with np.errstate(divide="ignore"):
        return np.where(policy > 0, -weight * (ours - np.log(behaviour)), 0.0)
