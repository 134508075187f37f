"""Other right formulations of the exercises on DQN, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("double_q_value")
def double_q_value_by_one_hot(online_q, target_q):
    chosen = torch.nn.functional.one_hot(online_q.max(-1).indices, online_q.shape[-1])
    return (chosen * target_q).sum(-1)


@alternative("double_q_value")
def double_q_value_by_a_loop(online_q, target_q):
    rows = zip(online_q.reshape(-1, online_q.shape[-1]), target_q.reshape(-1, target_q.shape[-1]), strict=True)
    return torch.stack([judge[choose.argmax()] for choose, judge in rows]).reshape(online_q.shape[:-1])


@alternative("double_q_value")
def double_q_value_in_numpy(online_q, target_q):
    best = online_q.numpy().argmax(-1)[..., None]
    return np.take_along_axis(target_q.numpy(), best, -1)[..., 0]


@alternative("overestimation")
def overestimation_by_einsum(q_values, policy, true_q_values):
    return np.einsum("...a,...a->...", policy, q_values - true_q_values)


@alternative("overestimation")
def overestimation_in_torch(q_values, policy, true_q_values):
    error = torch.as_tensor(q_values) - torch.as_tensor(true_q_values)
    return (torch.as_tensor(policy) * error).sum(-1)


@alternative("max_bias")
def max_bias_by_a_loop(estimates, true_values):
    errors = [max(row) - max(true_values) for row in estimates]
    return sum(errors) / len(errors)


@alternative("max_bias")
def max_bias_in_torch(estimates, true_values):
    return torch.as_tensor(estimates).max(dim=1).values.mean() - torch.as_tensor(true_values).max()


@alternative("double_q_value")
def double_q_value_by_take_along_dim(online_q, target_q):
    return torch.take_along_dim(target_q, online_q.argmax(dim=-1, keepdim=True), dim=-1).squeeze(-1)


@alternative("double_q_value")
def double_q_value_by_rows(online_q, target_q):
    online, target = (q.reshape(-1, q.shape[-1]) for q in (online_q, target_q))
    return target[torch.arange(len(target)), online.argmax(1)].view(online_q.shape[:-1])


@alternative("overestimation")
def overestimation_of_values(q_values, policy, true_q_values):
    believed, true = (np.einsum("...a,...a", policy, q) for q in (q_values, true_q_values))
    return believed - true


@alternative("overestimation")
def overestimation_by_an_average(q_values, policy, true_q_values):
    return np.average(q_values - true_q_values, axis=-1, weights=policy)


@alternative("overestimation")
def overestimation_by_matmul(q_values, policy, true_q_values):
    return np.squeeze(policy[..., None, :] @ (q_values - true_q_values)[..., None], axis=(-2, -1))


@alternative("max_bias")
def max_bias_by_sorting(estimates, true_values):
    return np.sort(estimates, axis=1)[:, -1].mean() - sorted(true_values)[-1]


@alternative("max_bias")
def max_bias_of_errors(estimates, true_values):
    return np.mean(np.amax(estimates - true_values.max(), axis=-1))
