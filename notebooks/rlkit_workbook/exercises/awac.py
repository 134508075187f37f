"""Notebook 06: cloning, a critic of the actor's own policy, weights near the data, and the constraint as a bonus."""

import numpy as np
import torch
from torch import tensor

from rlkit_mini.agents.awac import advantage_weights, expected_value
from rlkit_mini.agents.bc import log_likelihood
from rlkit_mini.agents.dqn import value_of_action
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.cql import Q_VALUES
from rlkit_workbook.exercises.drawing import tensors
from rlkit_workbook.faults import best_value, unclipped_weights


def kl_bonus(policy, behaviour, weight):
    """-weight * (log pi(a|s) - log beta(a|s)) of two (..., actions); 0 where pi is 0, -inf where only beta is."""
    acts = np.asarray(policy) > 0
    with np.errstate(divide="ignore"):
        return weight * (np.log(np.where(acts, behaviour, 1)) - np.log(np.where(acts, policy, 1)))


def masked(policy, values):
    """`values` where the policy acts, else 0."""
    return np.where(policy > 0, values, 0.0)


LOGITS = tensor([[[1.0, 0.5, 2.0], [0.3, -1.0, 0.1]], [[2.0, 0.2, -0.5], [0.4, 1.5, 3.0]]])
ACTIONS = tensor([[0, 1], [2, 1]])
ACTOR = tensor([[[0.7, 0.1, 0.2], [0.0, 1.0, 0.0]], [[0.3, 0.3, 0.4], [0.2, 0.6, 0.2]]])
ADVANTAGES = tensor([[0.5, -1.0, 0.0], [-0.2, 3.0, 1.0]])
POLICY = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
BEHAVIOUR = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
DETERMINISTIC = np.array([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
NARROW = np.array([[0.7, 0.3, 0.0], [0.5, 0.5, 0.0]])

EXERCISES = [
    Exercise(
        reference=log_likelihood,
        inputs=lambda d: tensors(x := d.values("+ actions"), d.choices("+", x.shape[-1])),
        cases={
            "one state": (LOGITS[0, :1], ACTIONS[0, :1]),
            "large logits": (tensor([[400.0, 0.0, 200.0]]), tensor([2])),
            "two states": (LOGITS[0], ACTIONS[0]),
            "a population (members, batch, actions)": (LOGITS, ACTIONS),
        },
        misconceptions={
            "no_logarithm": lambda x, a: value_of_action(x.softmax(-1), a),
            "not_normalised": lambda x, a: value_of_action(x, a),
            "log_of_logits": lambda x, a: torch.log(value_of_action(x, a)),
            "greedy_action": lambda x, a: x.log_softmax(-1).amax(-1),
            "sign_error": lambda x, a: -value_of_action(x.log_softmax(-1), a),
            "over_batch": lambda x, a: value_of_action(x.log_softmax(-2), a),
            "axis_1": lambda x, a: value_of_action(x.log_softmax(1), a),
            "summed_over_actions": lambda x, a: x.log_softmax(-1).sum(-1),
            "not_gathered": lambda x, a: x.log_softmax(-1),
            "one_number": lambda x, a: value_of_action(x.log_softmax(-1), a).mean(),
            "cross_entropy": torch.nn.functional.cross_entropy,
            "overflow": lambda x, a: value_of_action(x.softmax(-1), a).log(),
            "logits_as_probabilities": lambda x, a: torch.distributions.Categorical(x).log_prob(a),
        },
        differentiable="logits",
    ),
    Exercise(
        reference=expected_value,
        inputs=lambda d: tensors(d.values("... actions"), d.distribution("... actions")),
        cases={
            "one state": (tensor([[-3.0, -1.0, -2.0]]), tensor([[0.7, 0.1, 0.2]])),
            "an actor that is certain": (tensor([[-3.0, -1.0, -2.0]]), tensor([[1.0, 0.0, 0.0]])),
            "two states": (Q_VALUES[0], ACTOR[0]),
            "a population (members, batch, actions)": (Q_VALUES, ACTOR),
        },
        misconceptions={
            "maximum": best_value,
            "likeliest_action": lambda q, p: value_of_action(q, p.argmax(-1)),
            "drawn_action": lambda q, p: value_of_action(q, torch.distributions.Categorical(p).sample()),
            "plain_mean": lambda q, p: q.mean(-1),
            "weighted_mean": lambda q, p: (p * q).mean(-1),
            "soft_maximum": lambda q, p: torch.logsumexp(q, -1),
            "critics_own_softmax": lambda q, p: (q.softmax(-1) * q).sum(-1),
            "softmax_again": lambda q, p: (p.softmax(-1) * q).sum(-1),
            "log_probabilities": lambda q, p: (torch.log(p) * q).sum(-1),
            "one_number": lambda q, p: (p * q).sum(-1).mean(),
            "not_summed": lambda q, p: p * q,
            "axis_1": lambda q, p: (p * q).sum(1),
        },
    ),
    Exercise(
        reference=advantage_weights,
        inputs=lambda d: (*tensors(d.values("+")), d.number(0.05, 5), d.number(0.3, 100)),
        cases={
            "one advantage": (tensor([0.5]), 2.0, 100.0),
            "a very good and a very bad action": (tensor([1e4, -1e4]), 1.0, 100.0),
            "three advantages, a lower clip": (ADVANTAGES[1], 0.5, 2.0),
            "a population, one temperature per member": (ADVANTAGES, tensor([[0.5], [2.0]]), 100.0),
        },
        misconceptions={
            "multiplied": lambda a, t, w: torch.exp(a * t).clamp(max=w),
            "no_clip": unclipped_weights,
            "no_temperature": lambda a, t, w: torch.exp(a).clamp(max=w),
            "temperature_outside": lambda a, t, w: (torch.exp(a) / t).clamp(max=w),
            "advantage_clipped": lambda a, t, w: torch.exp(a.clamp(max=w) / t),
            "exponent_clipped": lambda a, t, w: torch.exp((a / t).clamp(max=w)),
            "sign_error": lambda a, t, w: torch.exp(-a / t).clamp(max=w),
            "linear": lambda a, t, w: (a / t).clamp(min=0).clamp(max=w),
            "only_good_actions": lambda a, t, w: (a > 0).float(),
            "bad_actions_removed": lambda a, t, w: (a > 0) * torch.exp(a / t).clamp(max=w),
            "clipped_below": lambda a, t, w: torch.exp(a / t).clamp(min=w),
            "normalised": lambda a, t, w: torch.softmax(a / t, -1),
            "normalised_over_members": lambda a, t, w: torch.softmax(a / t, 0),
            "normalised_to_mean_1": lambda a, t, w: torch.softmax(a / t, -1) * a.shape[-1],
            "fixed_clip": lambda a, t, w: torch.exp(a / t).clamp(max=100.0),
            "multiplied_and_fixed_clip": lambda a, t, w: torch.exp(a * t).clamp(max=100.0),
        },
    ),
    Exercise(
        reference=kl_bonus,
        inputs=lambda d: (d.distribution("... actions"), d.distribution("... actions"), d.number(0.3, 2)),
        cases={
            "one state": (POLICY[:1], BEHAVIOUR[:1], 1.0),
            "one state, weight 0.5": (POLICY[1:], BEHAVIOUR[1:], 0.5),
            "actions that the policy never takes": (DETERMINISTIC[:1], BEHAVIOUR[:1], 2.0),
            "an action that the behaviour never takes": (POLICY[:1], NARROW[:1], 2.0),
            "two states": (POLICY, BEHAVIOUR, 2.0),
        },
        misconceptions={
            "sign_error": lambda p, b, w: -kl_bonus(p, b, w),
            "weighted_by_policy": lambda p, b, w: p * kl_bonus(p, b, w),
            "divergence_itself": lambda p, b, w: (p * kl_bonus(p, b, w)).sum(-1),
            "divergence_everywhere": lambda p, b, w: (p * kl_bonus(p, b, w)).sum(-1, keepdims=True) + 0 * p,
            "no_behaviour": lambda p, b, w: -w * masked(p, np.log(p)),
            "no_policy": lambda p, b, w: w * masked(p, np.log(b)),
            "probabilities": lambda p, b, w: -w * masked(p, p - b),
            "no_logarithm": lambda p, b, w: -w * masked(p, p / b),
            "reverse_divergence": lambda p, b, w: -masked(p, b / p) * kl_bonus(p, b, w),
            "no_weight": lambda p, b, w: kl_bonus(p, b, 1),
            "weight_divides": lambda p, b, w: kl_bonus(p, b, 1 / w),
            "never_taken_infinite": lambda p, b, w: -w * (np.log(p) - np.log(b)),
            "nan_to_num": lambda p, b, w: np.nan_to_num(-w * np.log(p / b)),
            "unseen_forgiven": lambda p, b, w: np.where(b > 0, kl_bonus(p, b, w), 0.0),
            "smoothed": lambda p, b, w: -w * (np.log(p + 1e-8) - np.log(b + 1e-8)),
            "smoothed_where_it_acts": lambda p, b, w: -w * masked(p, np.log(p + 1e-8) - np.log(b + 1e-8)),
            "base_2": lambda p, b, w: kl_bonus(p, b, w) / np.log(2),
        },
    ),
]
