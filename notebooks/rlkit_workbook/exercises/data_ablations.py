"""Notebook 08: how much a behaviour will show, and a behaviour whose coverage and quality are knobs of their own."""

import numpy as np
from numpy import array

from rlkit_workbook.exercises.checking import Exercise


def expected_share(probabilities, steps):
    """Expected share (...,) of the pairs of probabilities (..., pairs) that `steps` independent draws show."""
    return (1 - (1 - np.asarray(probabilities)) ** steps).mean(axis=-1)


def two_knobs(on_path, anywhere, optimal, random_places, random_actions):
    """Joint distribution (places, actions) of which steps are drawn: the place and the action by a knob each.

    on_path and anywhere are distributions (places,), optimal is the optimal policy (places, actions).
    """
    places = (1 - random_places) * on_path + random_places * anywhere
    actions = (1 - random_actions) * optimal + random_actions / optimal.shape[-1]
    return places[:, None] * actions


def _missed(p, n):
    return (1 - p) ** n


def _drawn_parts(draw):
    path, optimal = draw.distribution("places"), draw.distribution("places actions")
    return path, draw.distribution("places"), optimal, draw.number(0, 1), draw.number(0, 1)


HALVES = array([0.5, 0.5])
BEST = array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
NEAR, FAR = array([0.7, 0.2, 0.1]), array([0.2, 0.3, 0.5])
UNDECIDED = array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
EXERCISES = [
    Exercise(
        reference=expected_share,
        inputs=lambda d: (d.distribution("... pairs"), round(d.number(1, 400))),
        cases={
            "one draw from two pairs": (array([0.25, 0.75]), 1),
            "two draws from two pairs": (array([0.25, 0.75]), 2),
            "a pair that never comes": (array([0.5, 0.3, 0.2, 0.0]), 3),
            "a thousand draws": (array([0.997, 0.001, 0.001, 0.0005, 0.0005]), 1000),
            "two behaviours": (array([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01]]), 5),
        },
        misconceptions={
            "how_often": lambda p, n: (n * p).mean(-1),
            "how_often_at_most_one": lambda p, n: np.minimum(n * p, 1).mean(-1),
            "missed": lambda p, n: _missed(p, n).mean(-1),
            "possible": lambda p, n: (p > 0).mean(-1),
            "of_possible": lambda p, n: (1 - _missed(p, n)).sum(-1) / (p > 0).sum(-1),
            "weighted": lambda p, n: (p * (1 - _missed(p, n))).sum(-1),
            "every_draw": lambda p, n: (p**n).mean(-1),
            "exactly_once": lambda p, n: (n * p * _missed(p, n - 1)).mean(-1),
            "exponential": lambda p, n: (1 - np.exp(-n * p)).mean(-1),
            "number": lambda p, n: (1 - _missed(p, n)).sum(-1),
            "each_pair": lambda p, n: 1 - _missed(p, n),
            "flattened": lambda p, n: (1 - _missed(p, n)).mean(),
        },
    ),
    Exercise(
        reference=two_knobs,
        inputs=_drawn_parts,
        cases={
            "random places, optimal actions": (HALVES, array([0.9, 0.1]), BEST, 1.0, 0.0),
            "the path's places, random actions": (array([0.8, 0.2]), HALVES, BEST, 0.0, 1.0),
            "both knobs in between": (array([0.8, 0.2]), HALVES, BEST, 0.3, 0.6),
            "an optimal policy that is undecided": (NEAR, FAR, UNDECIDED, 0.25, 0.4),
        },
        misconceptions={
            "knobs_exchanged": lambda path, free, best, q, p: two_knobs(path, free, best, p, q),
            "shares_reversed": lambda path, free, best, q, p: two_knobs(path, free, best, 1 - q, 1 - p),
            "one_coin": lambda path, free, best, q, p: (
                (1 - q) * path[:, None] * best + q * free[:, None] / best.shape[1]
            ),
            "another_action": lambda path, free, best, q, p: two_knobs(
                path, free, (1 - p) * best + p * (1 - best) / (best.shape[1] - 1), q, 0
            ),
            "policy_only": lambda path, free, best, q, p: (1 - p) * best + p / best.shape[1],
            "no_random_places": lambda path, free, best, q, p: two_knobs(path, free, best, 0, p),
            "no_random_actions": lambda path, free, best, q, p: two_knobs(path, free, best, q, 0),
            "not_divided": lambda path, free, best, q, p: two_knobs(path, free, (1 - p) * best + p, q, 0),
            "added": lambda path, free, best, q, p: (path + q * free)[:, None] * (best + p / best.shape[1]),
            "transposed": lambda *x: two_knobs(*x).T,
        },
    ),
]
