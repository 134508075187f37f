"""Notebook 01: how much of a maze was seen, what a sequence of rewards is worth, and what a value says in steps."""

import numpy as np

from rlkit_mini.evaluation.measures import coverage, discounted_return, steps_to_go
from rlkit_workbook.exercises.checking import Exercise

OPEN = np.zeros((1, 2), dtype=bool)  # two free cells: x = 0, y = 0 and 1
BLOCKED = np.array([[False, True]])  # the cell at y = 1 is a wall
ROOM = np.array([[False, False, True], [True, False, False]])
WALK = np.array([[0.1, 0.1], [0.3, 0.4], [0.6, 0.7], [0.6, 1.2], [0.9, 1.4], [1.2, 1.7], [1.7, 2.2], [2.0, 3.0]])


def _parts(positions, walls, parts=2):
    """What part of a cell each position is in; a cell has parts x parts of them."""
    return np.minimum(np.floor(parts * positions), parts * np.array(walls.shape) - 1)


def _left(values, discount):
    return 1 + (1 - discount) * values  # discount^(steps - 1)


def _never(values, discount, instead):
    steps = steps_to_go(values, discount)
    return np.where(np.isinf(steps), instead, steps)


EXERCISES = [
    Exercise(
        reference=coverage,
        inputs=lambda d: d.maze(),
        cases={
            "one position": (np.array([[0.2, 0.2]]), OPEN),
            "two positions in one half-cell": (np.array([[0.2, 0.2], [0.3, 0.4]]), OPEN),
            "a position on the far border": (np.array([[0.9, 1.9], [1.0, 2.0]]), OPEN),
            "a maze with a wall": (np.array([[0.2, 0.2], [0.7, 0.2]]), BLOCKED),
            "a walk": (WALK, ROOM),
        },
        misconceptions={
            "positions_counted": lambda p, w: len(p) / (4 * (~w).sum()),
            "walls_in_denominator": lambda p, w: coverage(p, w) * (~w).mean(),
            "whole_cells": lambda p, w: len(np.unique(_parts(p, w, parts=1), axis=0)) / (~w).sum(),
            "cells_in_denominator": lambda p, w: 4 * coverage(p, w),
            "steps_in_denominator": lambda p, w: coverage(p, w) * 4 * (~w).sum() / len(p),
            "axis_forgotten": lambda p, w: len(np.unique(_parts(p, w))) / (4 * (~w).sum()),
            "rounded": lambda p, w: len(np.unique(np.round(2 * p), axis=0)) / (4 * (~w).sum()),
            "border_outside": lambda p, w: len(np.unique(np.floor(2 * p), axis=0)) / (4 * (~w).sum()),
        },
    ),
    Exercise(
        reference=discounted_return,
        inputs=lambda d: (d.values("... steps"), d.number(0, 1, usual=(0.5, 0.99))),
        cases={
            "three steps": (np.array([-1.0, -1.0, 0.0]), 0.5),
            "different rewards": (np.array([1.0, 2.0, 4.0, 8.0]), 0.9),
            "a population (members, steps)": (np.array([[1.0, 0.0, 2.0], [-1.0, -1.0, -1.0]]), 0.5),
        },
        misconceptions={
            "first_reward_discounted": lambda r, d: d * discounted_return(r, d),
            "undiscounted": lambda r, d: r.sum(-1),
            "backwards": lambda r, d: discounted_return(r[..., ::-1], d),
            "linear_weights": lambda r, d: (d * np.arange(r.shape[-1]) * r).sum(-1),
            "summed_over_members": lambda r, d: discounted_return(r, d).sum(),
            "not_summed": lambda r, d: d ** np.arange(r.shape[-1]) * r,
            "mean": lambda r, d: discounted_return(r, d) / r.shape[-1],
            "fixed_discount": lambda r, d: discounted_return(r, 0.95),
        },
    ),
    Exercise(
        reference=steps_to_go,
        inputs=lambda d: (-abs(d.values("...")), d.number(0.02, 0.998, usual=(0.5, 0.95))),
        cases={
            "one value": (-1.0, 0.5),
            "at the goal's door, and two steps further": (np.array([0.0, -1.5]), 0.5),
            "nobody arrives": (np.array([-1.75, -2.0, -2.5]), 0.5),
            "a map (x, y)": (np.array([[-0.3, -6.0], [-12.9, -19.4]]), 0.95),
        },
        misconceptions={
            "paid_steps": lambda v, d: steps_to_go(v, d) - 1,
            "one_too_many": lambda v, d: steps_to_go(v, d) + 1,
            "undiscounted": lambda v, d: 1 - v,
            "linear": lambda v, d: 1 - (1 - d) * v,
            "not_rescaled": lambda v, d: steps_to_go(v / (1 - d), d),
            "sign_error": lambda v, d: steps_to_go(-v, d),
            "natural_logarithm": lambda v, d: 1 - np.log(np.maximum(_left(v, d), 0)),
            "whole_steps": lambda v, d: np.ceil(steps_to_go(v, d)),
            "never_is_nan": lambda v, d: _never(v, d, np.nan),
            "nan_below": lambda v, d: 1 + np.log(_left(v, d)) / np.log(d),
            "never_is_zero": lambda v, d: _never(v, d, 0.0),
        },
    ),
]
