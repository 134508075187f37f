"""Notebook 03: what a data set holds: where episodes end, what may be bootstrapped, and who acted."""

import numpy as np

from rlkit_mini.data.transitions import episode_returns
from rlkit_mini.evaluation.measures import behaviour_policy
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.faults import mask_of_limits_too


def continuation_mask(terminations, truncations):
    """m = 1 - termination: 1 where the next state's value counts, also at a truncation; (...,) bool -> float."""
    return 1.0 - np.asarray(terminations, dtype=np.float64)


def counts(cells, actions, number_of_cells, number_of_actions=5):
    """How often each action was seen in each cell, (cells, actions)."""
    pairs = cells * number_of_actions + actions
    return np.bincount(pairs, minlength=number_of_cells * number_of_actions).reshape(number_of_cells, -1)


def _shares(counted, unseen=1 / 5):
    totals = counted.sum(1, keepdims=True)
    return np.where(totals > 0, counted / np.maximum(totals, 1), unseen)


def flags(*steps):
    return np.array(steps, dtype=bool)


def _drawn_steps(draw):
    """Some episode ends: at its end, where the clock runs out, or where both happen at once."""
    rewards, terminations, truncations = draw.values("n"), draw.flags("n"), draw.flags("n")
    truncations[len(truncations) // 2] = True
    return rewards, terminations, truncations


def _drawn_pairs(draw):
    """The last cell has no data, and the last action was never taken."""
    cells = draw.size("cells", many=7)
    return draw.choices("n", cells, n=12_000), draw.choices("n", 4, n=12_000), cells + 1


REWARDS = np.array([-1.0, -2.0, 0.0, -1.0, -4.0, -1.0, 5.0, -1.0])
GOALS, LIMITS = flags(0, 0, 1, 0, 0, 0, 1, 0), flags(0, 0, 0, 0, 1, 0, 1, 0)
CELLS, ACTIONS = np.array([0, 0, 0, 2, 2, 0]), np.array([1, 4, 1, 0, 3, 2])

EXERCISES = [
    Exercise(
        reference=episode_returns,
        inputs=_drawn_steps,
        cases={
            "an episode cut off by its time limit": (REWARDS[3:5], GOALS[3:5], LIMITS[3:5]),
            "an episode that reaches the goal": (REWARDS[:3], GOALS[:3], LIMITS[:3]),
            "an unfinished episode at the end": (REWARDS[:4], GOALS[:4], LIMITS[:4]),
            "several episodes": (REWARDS, GOALS, LIMITS),
        },
        misconceptions={
            "terminations_only": lambda r, e, t: episode_returns(r, e, e),
            "truncations_only": lambda r, e, t: episode_returns(r, t, t),
            "unfinished_counted": lambda r, e, t: episode_returns(r, e, t | (np.arange(len(t)) == len(t) - 1)),
            "never_restarted": lambda r, e, t: np.cumsum(r)[e | t],
            "last_reward_moved": lambda r, e, t: episode_returns(r[:-1], e[1:], t[1:]),
            "means": lambda r, e, t: episode_returns(r, e, t) / episode_returns(r**0, e, t),
        },
    ),
    Exercise(
        reference=continuation_mask,
        inputs=lambda d: (d.flags("+"), d.flags("+")),
        cases={
            "a step that goes on": (flags(0), flags(0)),
            "a step that terminates": (flags(1), flags(0)),
            "a step that is truncated": (flags(0), flags(1)),
            "a step that is both": (flags(1), flags(1)),
            "a population (members, steps)": (flags([0, 1, 0], [0, 0, 1]), flags([0, 0, 1], [1, 0, 0])),
        },
        misconceptions={
            "truncations_too": mask_of_limits_too,
            "truncations_only": lambda e, t: 1.0 - t,
            "inverted": lambda e, t: 1.0 * e,
            "never_masked": lambda e, t: np.ones(e.shape),
            "truncation_wins": lambda e, t: 1.0 - (e & ~t),
            "subtracted_twice": lambda e, t: 1.0 - e - t,
        },
    ),
    Exercise(
        reference=behaviour_policy,
        inputs=_drawn_pairs,
        cases={
            "one step": (CELLS[:1], ACTIONS[:1], 1),
            "three steps in one cell": (CELLS[:3], ACTIONS[:3], 1),
            "a cell without data": (CELLS[:3], ACTIONS[:3], 2),
            "several cells": (CELLS, ACTIONS, 4),
        },
        misconceptions={
            "pairs_once": lambda c, a, n: _shares(counts(c, a, n) > 0),
            "counts": lambda c, a, n: counts(c, a, n),
            "joint": lambda c, a, n: counts(c, a, n) / len(c),
            "zeros_unseen": lambda c, a, n: _shares(counts(c, a, n), unseen=0.0),
            "nan_unseen": lambda c, a, n: _shares(counts(c, a, n), unseen=np.nan),
            "columns": lambda c, a, n: _shares(counts(c, a, n).T).T,
            "smoothed": lambda c, a, n: _shares(counts(c, a, n) + 1),
            "greedy_clone": lambda c, a, n: _shares(np.eye(5)[counts(c, a, n).argmax(1)] * (counts(c, a, n) > 0)),
        },
    ),
]
