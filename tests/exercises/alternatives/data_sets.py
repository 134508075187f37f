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
    return ~terminations


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
