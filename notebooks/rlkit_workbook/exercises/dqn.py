"""Notebook 04: one network chooses and another judges, how wrong a critic is, and what a maximum does to noise."""

import numpy as np
import torch
from torch import tensor

from rlkit_mini.agents.dqn import double_q_value, value_of_action
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.drawing import tensors


def overestimation(q_values, policy, true_q_values):
    """sum_a pi(a | s) Q_hat(s, a) - sum_a pi(a | s) Q^pi(s, a) of three (..., actions): (...,)."""
    return (policy * q_values).sum(axis=-1) - (policy * true_q_values).sum(axis=-1)


def max_bias(estimates, true_values):
    """Mean of max_a estimates (trials, actions) over the trials - max_a of the true values (actions,): a number."""
    return np.max(estimates, axis=1).mean() - np.max(true_values)


ONLINE = tensor([[-3.0, -1.0, -2.0, -6.0], [-4.0, -5.0, -9.0, -3.5]])
TARGET = tensor([[-4.0, -5.0, -1.5, -7.0], [-2.0, -8.0, -6.0, -3.0]])
MORE = torch.stack([ONLINE, ONLINE.flip(-1) - 1, ONLINE.roll(1, -1) * 2])

Q_VALUES = np.array([[-2.0, -6.0, -5.0], [-9.0, -4.0, -7.0]])
POLICY = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
TRUE_Q_VALUES = np.array([[-8.0, -5.0, -9.0], [-6.0, -12.0, -7.5]])

ESTIMATES = np.array([[1.0, -2.0, 0.5], [-1.0, 0.5, 2.0], [0.0, -3.0, -1.5], [2.0, 4.0, -1.0]])

EXERCISES = [
    Exercise(
        reference=double_q_value,
        inputs=lambda d: tensors(d.values("+ actions"), d.values("+ actions")),
        cases={
            "one state": (ONLINE[:1], TARGET[:1]),
            "two states": (ONLINE, TARGET),
            "a population (members, batch, actions)": (MORE, torch.stack([TARGET, TARGET + 3, TARGET.flip(0)])),
        },
        misconceptions={
            "target_maximum": lambda q, t: t.amax(-1),
            "online_maximum": lambda q, t: q.amax(-1),
            "roles_exchanged": lambda q, t: value_of_action(q, t.argmax(-1)),
            "smaller_maximum": lambda q, t: torch.minimum(q.amax(-1), t.amax(-1)),
            "mean_of_both": lambda q, t: ((q + t) / 2).amax(-1),
            "worst_action": lambda q, t: value_of_action(t, q.argmin(-1)),
            "actions_returned": lambda q, t: q.argmax(-1),
            "all_pairs": lambda q, t: t[..., q.argmax(-1)],
            "axis_left": lambda q, t: t.gather(-1, q.argmax(-1, keepdim=True)),
            "axis_1": lambda q, t: t.gather(1, q.argmax(1, keepdim=True)).squeeze(1),
            "one_number": lambda q, t: value_of_action(t, q.argmax(-1)).mean(),
        },
    ),
    Exercise(
        reference=overestimation,
        inputs=lambda d: (d.values("+ actions"), d.distribution("+ actions"), d.values("+ actions")),
        cases={
            "one state": (Q_VALUES[:1], POLICY[:1], TRUE_Q_VALUES[:1]),
            "two states": (Q_VALUES, POLICY, TRUE_Q_VALUES),
            "a population (members, states, actions)": (
                np.stack([Q_VALUES, Q_VALUES[::-1], 2 * Q_VALUES, Q_VALUES - 1]),
                np.stack([POLICY, POLICY[:, ::-1], POLICY, POLICY[::-1]]),
                np.stack([TRUE_Q_VALUES, TRUE_Q_VALUES, TRUE_Q_VALUES + 1, 2 * TRUE_Q_VALUES]),
            ),
        },
        misconceptions={
            "maxima": lambda q, p, t: q.max(-1) - t.max(-1),
            "maximum_believed": lambda q, p, t: q.max(-1) - (p * t).sum(-1),
            "against_the_best": lambda q, p, t: (p * q).sum(-1) - t.max(-1),
            "largest_error": lambda q, p, t: (q - t).max(-1),
            "likeliest_action": lambda q, p, t: np.take_along_axis(q - t, p.argmax(-1)[..., None], -1)[..., 0],
            "unweighted": lambda q, p, t: (q - t).mean(-1),
            "summed_unweighted": lambda q, p, t: (q - t).sum(-1),
            "weighted_mean": lambda q, p, t: (p * (q - t)).mean(-1),
            "not_summed": lambda q, p, t: p * (q - t),
            "absolute": lambda q, p, t: (p * np.abs(q - t)).sum(-1),
            "sign_error": lambda q, p, t: (p * (t - q)).sum(-1),
            "one_number": lambda q, p, t: (p * (q - t)).sum(-1).mean(),
            "axis_1": lambda q, p, t: (p * (q - t)).sum(1),
        },
    ),
    Exercise(
        reference=max_bias,
        inputs=lambda d: (d.values("trials actions"), d.values("actions") + d.number(-9, 9)),
        cases={
            "two trials, two actions": (ESTIMATES[:2, :2], np.array([0.5, 0.0])),
            "two trials, three actions": (ESTIMATES[:2], np.array([0.0, 0.0, 0.0])),
            "four trials, different true values": (ESTIMATES, np.array([1.0, -0.5, 0.25])),
        },
        misconceptions={
            "maximum_of_means": lambda e, t: e.mean(0).max() - t.max(),
            "mean_error": lambda e, t: (e - t).mean(),
            "largest_error": lambda e, t: (e - t).max(1).mean(),
            "largest_error_of_all": lambda e, t: (e - t).max(),
            "true_mean": lambda e, t: e.max(1).mean() - t.mean(),
            "chosen_truth": lambda e, t: (e.max(1) - t[e.argmax(1)]).mean(),
            "best_action": lambda e, t: e[:, t.argmax()].mean() - t.max(),
            "over_trials": lambda e, t: e.max(0).mean() - t.max(),
            "maximum_of_all": lambda e, t: e.max() - t.max(),
            "not_averaged": lambda e, t: e.max(1) - t.max(),
            "squared": lambda e, t: ((e.max(1) - t.max()) ** 2).mean(),
            "sign_error": lambda e, t: t.max() - e.max(1).mean(),
        },
    ),
]
