"""Other right formulations of the exercises on fine-tuning, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("symmetric_indices")
def symmetric_indices_in_two_parts(uniforms, n_offline, n_online):
    if n_offline == 0 or n_online == 0:
        return np.floor((n_offline + n_online) * uniforms).astype(int)
    old, new = np.split(uniforms, [uniforms.shape[-1] // 2], axis=-1)
    return np.concatenate([np.floor(old * n_offline), n_offline + np.floor(new * n_online)], axis=-1).astype(int)


@alternative("symmetric_indices")
def symmetric_indices_by_a_loop(uniforms, n_offline, n_online):
    members, batch = uniforms.shape
    indices = np.zeros((members, batch), dtype=int)
    for member in range(members):
        for place in range(batch):
            old = place < batch // 2
            if n_online == 0 or (n_offline > 0 and old):
                indices[member, place] = int(uniforms[member, place] * n_offline)
            else:
                indices[member, place] = n_offline + int(uniforms[member, place] * n_online)
    return indices


@alternative("cumulative_regret")
def cumulative_regret_by_counting(returns, best):
    return best * np.arange(1, returns.shape[-1] + 1) - returns.cumsum(-1)


@alternative("cumulative_regret")
def cumulative_regret_by_a_triangle(returns, best):
    return (best - returns) @ np.triu(np.ones((returns.shape[-1],) * 2))


@alternative("cumulative_regret")
def cumulative_regret_by_a_loop(returns, best):
    lost, sums = np.zeros(returns.shape[:-1]), []
    for episode in range(returns.shape[-1]):
        lost = lost + best - returns[..., episode]
        sums.append(lost)
    return np.stack(sums, axis=-1)


@alternative("symmetric_indices")
def symmetric_indices_by_bounds(uniforms, n_offline, n_online):
    given = np.broadcast_to(np.arange(uniforms.shape[1]) < uniforms.shape[1] // 2, uniforms.shape)
    given = given & (n_offline > 0) | (n_online == 0)
    sizes, starts = np.where(given, n_offline, n_online), np.where(given, 0, n_offline)
    return starts + np.trunc(uniforms * sizes).astype(np.int32)


@alternative("cumulative_regret")
def cumulative_regret_by_accumulate(returns, best):
    return np.add.accumulate(best - returns, axis=returns.ndim - 1)


@alternative("cumulative_regret")
def cumulative_regret_in_torch(returns, best):
    return (best - torch.as_tensor(returns)).cumsum(dim=-1)
