"""Notebook 07: a number between the mean and the maximum, the loss that finds it, and any f-divergence as a bonus."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import tensor

from rlkit_mini.agents.iql import expectile_loss
from rlkit_workbook.exercises.awac import BEHAVIOUR, DETERMINISTIC, NARROW, POLICY, masked
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.drawing import tensors


def expectile(values, tau):
    """The v that minimises sum |tau - 1{u < 0}| u^2 with u = values - v, of values (n,): one number."""
    v = values.mean()
    for _ in range(len(values) + 1):  # a value changes its side at most once, and v only rises or only falls
        weights = np.where(values < v, 1 - tau, tau)
        v = (weights * values).sum() / weights.sum()
    return v


def f_divergence_bonus(policy, behaviour, f, weight):
    """-weight * (beta / pi) f(pi / beta) of two (..., actions); 0 where pi is 0."""
    acts = policy > 0
    ratio = np.divide(policy, behaviour, out=np.ones_like(policy), where=acts)
    return np.where(acts, -weight * f(ratio) / ratio, 0.0)


@dataclass(frozen=True)
class Generator:
    """A function f of a divergence that is printed as its formula; equal after being copied."""

    formula: str
    function: Callable

    def __call__(self, t):
        return self.function(t)

    def __repr__(self) -> str:
        return self.formula


def _reweighed(values, tau, times):
    v = values.mean()
    for _ in range(times):
        weights = np.where(values < v, 1 - tau, tau)
        v = (weights * values).sum() / weights.sum()
    return v


def _divergence(policy, behaviour, f):
    return (behaviour * f(policy / behaviour)).sum(-1, keepdims=True)


SMALL, LARGE = np.array([2.0, 3.0, 10.0]), np.array([-18.0, -12.0, -16.0, -14.0, -15.0])
DIFFERENCES = tensor([[2.0, -1.0, 0.5], [-3.0, 0.0, 4.0]])
KL, CHI2 = Generator("t log t", lambda t: t * np.log(t)), Generator("(t - 1)^2", lambda t: (t - 1) ** 2)
TOTAL_VARIATION = Generator("|t - 1| / 2", lambda t: abs(t - 1) / 2)


def _drawn_policies(draw):
    behaviour = draw.distribution("... actions", positive=True)
    f = (KL, CHI2, TOTAL_VARIATION)[draw.rng.integers(3)]
    return draw.distribution("... actions"), behaviour, f, draw.number(0.1, 5)


EXERCISES = [
    Exercise(
        reference=expectile,
        inputs=lambda d: (d.values("n"), d.number(0.002, 0.998)),
        cases={
            "tau 0.5, the mean": (SMALL, 0.5),
            "tau 0.9": (SMALL, 0.9),
            "five values, tau 0.9": (LARGE, 0.9),
            "five values, tau 0.1": (LARGE, 0.1),
            "five values, close to the maximum": (LARGE, 0.999),
            "twenty values, close to the maximum": (-np.arange(20.0), 0.999),
        },
        misconceptions={
            "quantile": lambda x, t: np.quantile(x, t),
            "reversed": lambda x, t: expectile(x, 1 - t),
            "mean": lambda x, t: x.mean(),
            "maximum": lambda x, t: x.max(),
            "one_step": lambda x, t: _reweighed(x, t, 1),
            "two_steps": lambda x, t: _reweighed(x, t, 2),
            "few_steps": lambda x, t: _reweighed(x, t, 3),
            "duplicates_once": lambda x, t: expectile(np.unique(x), t),
            "interpolated": lambda x, t: (1 - t) * x.min() + t * x.max(),
            "mean_to_maximum": lambda x, t: x.mean() + (2 * t - 1) * (x.max() - x.mean()),
            "weights_not_normalised": lambda x, t: (np.where(x < x.mean(), 1 - t, t) * x).mean(),
            "loss_returned": lambda x, t: expectile_loss(tensor(x - expectile(x, t)), t).sum(),
        },
    ),
    Exercise(
        reference=expectile_loss,
        inputs=lambda d: (*tensors(d.values("+")), d.number(0.002, 0.998)),
        differentiable="differences",
        cases={
            "Q above V": (tensor([2.0]), 0.9),
            "Q below V": (tensor([-2.0]), 0.9),
            "both, expectile 0.5": (tensor([2.0, -2.0]), 0.5),
            "several": (DIFFERENCES[1], 0.7),
            "a population, one expectile per member": (DIFFERENCES, tensor([[0.9], [0.5]])),
        },
        misconceptions={
            "reversed": lambda u, t: expectile_loss(-u, t),
            "quantile_loss": lambda u, t: (t - (u < 0).float()) * u,
            "square": lambda u, t: u**2,
            "half_square": lambda u, t: u**2 / 2,
            "one_weight": lambda u, t: t * u**2,
            "only_above": lambda u, t: t * u.clamp(min=0) ** 2,
            "no_absolute_value": lambda u, t: (t - (u < 0).float()) * u**2,
            "weight_squared": lambda u, t: ((t - (u < 0).float()) * u) ** 2,
            "halved": lambda u, t: expectile_loss(u, t) / 2,
            "doubled": lambda u, t: 2 * expectile_loss(u, t),
            "one_number": lambda u, t: expectile_loss(u, t).mean(),
            "reversed_one_number": lambda u, t: expectile_loss(-u, t).mean(),
            "summed": lambda u, t: expectile_loss(u, t).sum(),
            "batch_mean": lambda u, t: expectile_loss(u, t).mean(-1),
        },
    ),
    Exercise(
        reference=f_divergence_bonus,
        inputs=_drawn_policies,
        cases={
            "one state, KL": (POLICY[:1], BEHAVIOUR[:1], KL, 1.0),
            "one state, chi-squared, weight 0.5": (POLICY[1:], BEHAVIOUR[1:], CHI2, 0.5),
            "actions that the policy never takes, KL": (DETERMINISTIC[:1], BEHAVIOUR[:1], KL, 2.0),
            "an action that neither takes, chi-squared": (DETERMINISTIC[:1], NARROW[1:], CHI2, 1.0),
            "two states, total variation": (POLICY, BEHAVIOUR, TOTAL_VARIATION, 2.0),
        },
        misconceptions={
            "sign_error": lambda p, b, f, w: w * masked(p, b / p * f(p / b)),
            "no_inverse_ratio": lambda p, b, f, w: -w * masked(p, f(p / b)),
            "term_of_the_sum": lambda p, b, f, w: -w * masked(p, b * f(p / b)),
            "factor_turned": lambda p, b, f, w: -w * masked(p, p / b * f(p / b)),
            "ratio_turned": lambda p, b, f, w: -w * masked(p, p / b * f(b / p)),
            "reverse_divergence": lambda p, b, f, w: -w * masked(p, f(b / p)),
            "divergence_itself": lambda p, b, f, w: -w * _divergence(p, b, f)[..., 0],
            "divergence_everywhere": lambda p, b, f, w: np.broadcast_to(-w * _divergence(p, b, f), p.shape),
            "whole_divergence": lambda p, b, f, w: -w * masked(p, np.nansum(b * f(p / b), -1, keepdims=True)),
            "never_taken_not_a_number": lambda p, b, f, w: -w * b / p * f(p / b),
            "no_inverse_ratio_unmasked": lambda p, b, f, w: -w * f(p / b),
            "term_of_the_sum_unmasked": lambda p, b, f, w: -w * b * f(p / b),
            "always_kl": lambda p, b, f, w: -w * masked(p, np.log(p / b)),
            "no_weight": lambda p, b, f, w: -masked(p, b / p * f(p / b)),
            "weight_divides": lambda p, b, f, w: -masked(p, b / p * f(p / b)) / w,
            "difference": lambda p, b, f, w: -w * masked(p, f(p - b + 1)),
        },
    ),
]
