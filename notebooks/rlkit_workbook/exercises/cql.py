"""Notebook 05: the penalty that makes a critic conservative, and what it pushes up and down."""

import torch
from torch import logsumexp, nn, softmax, tensor

from rlkit_mini.agents.cql import cql_penalty
from rlkit_mini.agents.dqn import value_of_action
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.drawing import tensors
from rlkit_workbook.faults import no_temperature_in_front, random_action_against_all, random_action_against_data


def penalty_gradient(q_values, actions, temperature=1.0):
    """Derivative of the CQL penalty with respect to Q(s, .): softmax(Q / T) - one_hot(a_data), (..., actions)."""
    policy = torch.softmax(q_values / temperature, dim=-1)
    return policy - nn.functional.one_hot(actions, q_values.shape[-1])


def _marked(actions, q_values):
    return nn.functional.one_hot(actions, q_values.shape[-1])


def _drawn(draw, leading):
    q_values, temperature = draw.values(f"{leading} actions"), draw.number(0.05, 5)
    q_values = q_values * min(1, 4 * temperature)  # float64 holds exp(Q / T)
    return *tensors(q_values, draw.choices(leading, q_values.shape[-1])), temperature


Q_VALUES = tensor([[[-3.0, -1.0, -2.0], [-1.0, -4.0, -1.5]], [[-2.0, -6.0, -1.0], [-7.0, -8.0, -5.0]]])
CASES = {
    "one transition": (tensor([[1.0, 3.0, 2.0]]), tensor([2]), 1.0),
    "a long way to the goal, T = 0.1": (tensor([[-14.0, -15.0, -15.0]]), tensor([1]), 0.1),
    "two transitions, T = 0.5": (Q_VALUES[0], tensor([2, 0]), 0.5),
    "a population (members, batch, actions), T = 2": (Q_VALUES, tensor([[2, 0], [1, 2]]), 2.0),
}
EXERCISES = [
    Exercise(
        reference=cql_penalty,
        inputs=lambda d: _drawn(d, "+"),
        differentiable="q_values",
        cases=CASES,
        misconceptions={
            "no_temperature_in_front": no_temperature_in_front,
            "no_temperature_inside": lambda q, a, t: t * logsumexp(q, -1) - value_of_action(q, a),
            "no_temperature": lambda q, a, t: no_temperature_in_front(q, a, 1.0),
            "data_term_scaled": lambda q, a, t: t * (logsumexp(q / t, -1) - value_of_action(q, a)),
            "over_temperature": lambda q, a, t: logsumexp(q / t, -1) - value_of_action(q, a) / t,
            "maximum": lambda q, a, t: q.amax(-1) - value_of_action(q, a),
            "softmax_mean": lambda q, a, t: (softmax(q / t, -1) * q).sum(-1) - value_of_action(q, a),
            "softmax_mean_no_temperature": lambda q, a, t: (softmax(q, -1) * q).sum(-1) - value_of_action(q, a),
            "mean_subtracted": lambda q, a, t: t * logsumexp(q / t, -1) - q.mean(-1),
            "random_action": lambda q, a, t: random_action_against_data(q, a, 1.0),
            "random_action_over_temperature": random_action_against_data,
            "blog_data_action": lambda q, a, t: random_action_against_data(q, a, t).mean(),
            "blog_all_actions": lambda q, a, t: random_action_against_all(q, a, t).mean(),
            "one_number": lambda q, a, t: (t * logsumexp(q / t, -1) - value_of_action(q, a)).mean(),
            "axis_1": lambda q, a, t: t * logsumexp(q / t, 1) - q.gather(1, a.unsqueeze(-1)).squeeze(-1),
            "sign_error": lambda q, a, t: value_of_action(q, a) - t * logsumexp(q / t, -1),
            "overflow": lambda q, a, t: t * (q / t).exp().sum(-1).log() - value_of_action(q, a),
        },
    ),
    Exercise(
        reference=penalty_gradient,
        inputs=lambda d: _drawn(d, "..."),
        cases=CASES,
        misconceptions={
            "sign_error": lambda q, a, t: _marked(a, q) - softmax(q / t, -1),
            "no_temperature": lambda q, a, t: softmax(q, -1) - _marked(a, q),
            "factor_too_small": lambda q, a, t: softmax(q / t, -1) / t - _marked(a, q),
            "factor_too_large": lambda q, a, t: t * softmax(q / t, -1) - _marked(a, q),
            "no_data_term": lambda q, a, t: softmax(q / t, -1),
            "maximum": lambda q, a, t: _marked(q.argmax(-1), q) - _marked(a, q),
            "uniform": lambda q, a, t: 1 / q.shape[-1] - _marked(a, q),
            "batch_mean": lambda q, a, t: (softmax(q / t, -1) - _marked(a, q)) / a.numel(),
            "axis_1": lambda q, a, t: softmax(q / t, 1) - _marked(a, q),
            "overflow": lambda q, a, t: (q / t).exp() / (q / t).exp().sum(-1, keepdim=True) - _marked(a, q),
        },
    ),
]
