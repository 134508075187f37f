"""Other right formulations of the exercises on IQL, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("expectile")
def expectile_by_bisection(values, tau):
    low, high = min(values), max(values)
    for _ in range(60):
        v = (low + high) / 2
        above = sum(max(x - v, 0) for x in values)
        below = sum(max(v - x, 0) for x in values)
        low, high = (v, high) if tau * above > (1 - tau) * below else (low, v)
    return (low + high) / 2


@alternative("expectile")
def expectile_by_sorting(values, tau):
    ordered, candidates = np.sort(values), []
    for below in range(len(values)):  # as if so many values were below it
        weights = np.array([1 - tau] * below + [tau] * (len(values) - below))
        candidates.append(weights @ ordered / weights.sum())
    return torch.tensor(max(candidates) if tau >= 0.5 else min(candidates))


@alternative("expectile_loss")
def expectile_loss_by_the_equation(differences, expectile):
    return torch.abs(expectile - (differences < 0).to(differences.dtype)) * differences.pow(2)


@alternative("expectile_loss")
def expectile_loss_by_two_sides(differences, expectile):
    above, below = torch.relu(differences), torch.relu(-differences)
    return expectile * above * above + (1 - expectile) * below * below


@alternative("f_divergence_bonus")
def f_divergence_bonus_by_a_loop(policy, behaviour, f, weight):
    bonus = np.zeros(policy.shape)
    for place in np.ndindex(policy.shape):
        if policy[place] > 0:
            bonus[place] = -weight * behaviour[place] / policy[place] * f(policy[place] / behaviour[place])
    return bonus


@alternative("f_divergence_bonus")
def f_divergence_bonus_in_one_line(policy, behaviour, f, weight):
    return -weight * np.nan_to_num(behaviour * f(policy / behaviour) / policy, nan=0.0, posinf=0.0, neginf=0.0)
