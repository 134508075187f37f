"""Notebook 11: what is known without an oracle, and what a file of steps allows one to learn from."""

import numpy as np
from numpy import array

from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.data_sets import flags
from rlkit_workbook.panels.elsewhere import value_bounds


def usable_steps(terminations, truncations):
    """Which steps (steps,) of a file without next observations a TD target can be made of."""
    followed = np.append(np.ones(len(terminations) - 1, dtype=bool), False) & ~truncations
    return terminations | followed


def _ends(r):
    return array([r.min(), r.max()])


def _last(steps):
    return np.arange(len(steps)) == len(steps) - 1


CART, MOUNTAIN = np.ones(4), array([-1.0, -1.0, -1.0])
MIXED = array([-2.0, 0.5, 3.0, -0.5])
EXERCISES = [
    Exercise(
        reference=value_bounds,
        cases={
            "−1 a step": (MOUNTAIN, 0.8),
            "1 a step, as in CartPole": (CART, 0.9),
            "gains and losses": (MIXED, 0.75),
            "no future": (MIXED, 0.0),
            "small rewards": (MIXED / 100, 0.5),
        },
        inputs=lambda d: (d.values("steps"), d.number(0, 0.999, usual=(0.3, 0.95))),
        misconceptions={
            "no_end": lambda r, g: _ends(r) / (1 - g),
            "one_step": lambda r, g: value_bounds(r, 0),
            "the_mean": lambda r, g: np.full(2, r.mean() / (1 - g)),
            "added_up": lambda r, g: array([r[r < 0].sum(), r[r > 0].sum()]),
            "these_steps_only": lambda r, g: value_bounds(r, g) * (1 - g ** len(r)),
            "without_the_first": lambda r, g: value_bounds(r, g) * g,
            "multiplied": lambda r, g: value_bounds(r, 0) * (1 - g),
            "exchanged": lambda r, g: value_bounds(r, g)[::-1],
            "symmetric": lambda r, g: array([-1, 1]) * abs(r).max() / (1 - g),
            "lowest_zero": lambda r, g: array([0, 1]) * value_bounds(r, g),
            "lowest_zero_and_no_end": lambda r, g: array([0, r.max()]) / (1 - g),
            "highest_zero": lambda r, g: array([1, 0]) * value_bounds(r, g),
        },
    ),
    Exercise(
        reference=usable_steps,
        cases={
            "it falls": (flags(0, 0, 0, 1), flags(0, 0, 0, 0)),
            "time runs out": (flags(0, 0, 0, 0), flags(0, 0, 0, 1)),
            "the recording stops": (flags(0, 0, 0, 0), flags(0, 0, 0, 0)),
            "two episodes": (flags(0, 0, 1, 0, 0), flags(0, 0, 0, 0, 1)),
            "it falls as time runs out": (flags(0, 0, 1, 0, 0), flags(0, 0, 1, 0, 0)),
            "three episodes, one of a single step": (flags(0, 0, 0, 1, 0, 0, 0), flags(0, 0, 1, 0, 0, 0, 0)),
        },
        inputs=lambda d: (d.flags("steps"), d.flags("steps")),
        misconceptions={
            "all": lambda end, cut: np.ones(len(end), dtype=bool),
            "no_ends": lambda end, cut: ~(end | cut | _last(end)),
            "the_last_forgotten": lambda end, cut: end | ~cut,
            "cut_kept": lambda end, cut: end | cut | ~_last(end),
            "ends_dropped": lambda end, cut: ~(end | _last(end)),
            "cut_wins": lambda end, cut: ~cut & (end | ~_last(end)),
            "only_ends": lambda end, cut: end | np.zeros(len(end), dtype=bool),
            "last_kept_if_cut": lambda end, cut: ~cut | (_last(end) & cut),
            "turned_around": lambda end, cut: ~(end | ~(cut | _last(end))),
            "one_behind": lambda end, cut: end | np.append(~cut[1:], False),
            "not_cut": lambda end, cut: ~cut,
            "not_terminated": lambda end, cut: ~end,
            "cut_only": lambda end, cut: cut,
            "any_end": lambda end, cut: end | cut,
            "no_end": lambda end, cut: ~(end | cut),
            "followed": lambda end, cut: ~(cut | _last(end)),
        },
    ),
]
