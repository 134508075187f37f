"""Other right formulations of the exercises on IQL, written from the equations alone."""

import numpy as np
import torch
from helpers import alternative
from scipy.optimize import brentq


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


@alternative("expectile")
def expectile_by_a_root(values, tau):
    def balance(v):
        return tau * np.maximum(values - v, 0).sum() - (1 - tau) * np.maximum(v - values, 0).sum()

    if values.min() == values.max():
        return values[0]
    return brentq(balance, values.min(), values.max(), xtol=1e-12)


@alternative("expectile")
def expectile_until_nothing_changes(values, tau):
    v, before = values.mean(), None
    while v != before:
        weights = np.abs(tau - (values < v))
        v, before = np.average(values, weights=weights), v
        if before is not None and abs(v - before) < 1e-12 * max(1, abs(v)):
            break
    return v


@alternative("expectile_loss")
def expectile_loss_by_asymmetry(differences, expectile):
    return (0.5 + (expectile - 0.5) * torch.sign(differences)) * differences.square()


@alternative("expectile_loss")
def expectile_loss_by_clamping(differences, expectile):
    return expectile * differences.clamp(min=0) ** 2 + (1 - expectile) * differences.clamp(max=0) ** 2


@alternative("f_divergence_bonus")
def f_divergence_bonus_by_indexing(policy, behaviour, f, weight):
    bonus, taken = np.zeros_like(policy), policy > 0
    t = policy[taken] / behaviour[taken]
    bonus[taken] = -weight * f(t) / t
    return bonus


@alternative("f_divergence_bonus")
def f_divergence_bonus_with_safe_ratios(policy, behaviour, f, weight):
    p, b = np.where(policy > 0, policy, 1.0), np.where(policy > 0, behaviour, 1.0)
    return (policy > 0) * (-weight) * b * f(p / b) / p
