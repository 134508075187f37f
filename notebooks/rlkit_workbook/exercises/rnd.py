"""Notebook 02: a bonus for what is new, the target a critic learns from, and a policy that still tries things."""

from torch import tensor, where

from rlkit_mini.agents.agent import all_on_the_best
from rlkit_mini.agents.dqn import td_target
from rlkit_mini.agents.rnd import epsilon_greedy, novelty_bonus
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.drawing import tensors
from rlkit_workbook.faults import minus_the_next_value, without_mask

PREDICTED = tensor([[[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]], [[2.0, 2.0, 2.0], [1.0, 0.0, 0.0]]])
TARGET = tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 3.0]], [[1.0, 0.0, 5.0], [0.0, 3.0, 0.0]]])
REWARDS = tensor([[-1.0, 0.0, -1.0], [2.0, -1.0, 3.0]])
TERMINATIONS = tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
NEXT_VALUES = tensor([[-4.0, -2.0, -8.0], [6.0, -10.0, 1.0]])
Q_VALUES = tensor([[[-3.0, -1.0, -2.0], [-1.0, -4.0, -5.0]], [[-2.0, -6.0, -1.0], [-7.0, -8.0, -6.0]]])


EXERCISES = [
    Exercise(
        reference=novelty_bonus,
        inputs=lambda d: tensors(d.values("+ features"), d.values("+ features")),
        differentiable="predicted",
        cases={
            "one transition": (tensor([[1.0, 2.0]]), tensor([[1.5, 0.0]])),
            "two transitions": (PREDICTED[0], TARGET[0]),
            "a population (members, batch, features)": (PREDICTED, TARGET),
        },
        misconceptions={
            "batch_mean": lambda p, t: ((p - t) ** 2).mean(),
            "batch_sum": lambda p, t: ((p - t) ** 2).sum(),
            "feature_mean": lambda p, t: ((p - t) ** 2).mean(-1),
            "distance": lambda p, t: ((p - t) ** 2).sum(-1).sqrt(),
            "absolute": lambda p, t: (p - t).abs().sum(-1),
            "signed": lambda p, t: (p - t).sum(-1),
            "axis_1": lambda p, t: ((p - t) ** 2).sum(1),
            "halved": lambda p, t: ((p - t) ** 2).sum(-1) / 2,
        },
    ),
    Exercise(
        reference=td_target,
        inputs=lambda d: (*tensors(d.values("+"), 1.0 * d.flags("+"), d.values("+")), d.number(0, 1)),
        cases={
            "a step that goes on": (tensor([-1.0]), tensor([0.0]), tensor([-10.0]), 0.9),
            "a step that terminates": (tensor([5.0]), tensor([1.0]), tensor([-10.0]), 0.9),
            "a population (members, batch)": (REWARDS, TERMINATIONS, NEXT_VALUES, 0.5),
        },
        misconceptions={
            "no_mask": without_mask,
            "mask_inverted": lambda r, t, v, d: r + d * t * v,
            "undiscounted": lambda r, t, v, d: r + (1 - t) * v,
            "reward_masked": lambda r, t, v, d: (1 - t) * (r + d * v),
            "reward_discounted": lambda r, t, v, d: d * (r + (1 - t) * v),
            "sign_error": minus_the_next_value,
            "no_reward": lambda r, t, v, d: d * (1 - t) * v,
        },
    ),
    Exercise(
        reference=epsilon_greedy,
        inputs=lambda d: (*tensors(d.values("... actions")), d.number(0, 1)),
        cases={
            "one state": (tensor([[-3.0, -1.0, -2.0]]), 0.3),
            "no exploration": (tensor([[-3.0, -1.0, -2.0]]), 0.0),
            "two states": (tensor([[-3.0, -1.0, -2.0, -4.0], [0.0, -1.0, -2.0, -3.0]]), 0.4),
            "a population (members, batch, actions)": (Q_VALUES, 0.3),
        },
        misconceptions={
            "others_share_epsilon": lambda q, e: where(all_on_the_best(q) > 0, 1 - e, e / (q.shape[-1] - 1)),
            "not_normalised": lambda q, e: where(all_on_the_best(q) > 0, 1 - e, e / q.shape[-1]),
            "exchanged": lambda q, e: (1 - e) / q.shape[-1] + e * all_on_the_best(q),
            "worst_action": lambda q, e: e / q.shape[-1] + (1 - e) * all_on_the_best(-q),
            "softmax": lambda q, e: e / q.shape[-1] + (1 - e) * q.softmax(-1),
            "actions_returned": lambda q, e: q.argmax(-1),
            "all_of_a_tie": lambda q, e: e / q.shape[-1] + (1 - e) * (q == q.amax(-1, keepdim=True)),
            "five_actions": lambda q, e: e / 5 + (1 - e) * all_on_the_best(q),
            "axis_1": lambda q, e: e / q.shape[-1] + (1 - e) * (q == q.amax(1, keepdim=True)),
        },
    ),
]
