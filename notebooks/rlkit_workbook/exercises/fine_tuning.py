"""Notebook 10: what minibatches are made of when data is kept and added to, and what learning by acting costs."""

import numpy as np
from numpy import array

from rlkit_mini.data.replay import symmetric_indices, uniform_indices
from rlkit_mini.evaluation.measures import cumulative_regret
from rlkit_workbook.exercises.checking import Exercise


def _mixed(offline, uniforms, n_offline, n_online, again=None, whole=np.floor):
    """Indices into the data where `offline`, else into what was collected; where one of them is empty, into the other.

    Args:
        offline: bool, broadcasts against uniforms (members, batch).
        again: random numbers that choose within the kind, instead of the uniforms.
    """
    if not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    again = uniforms if again is None else again
    return whole(np.where(offline, again * n_offline, n_offline + again * n_online))


def _first(uniforms, size=None):
    """Whether a place of the minibatch is among its first ones; by default the smaller half, (batch,) bool."""
    batch = uniforms.shape[-1]
    return np.arange(batch) < (batch // 2 if size is None else size)


def _drawn_minibatch(draw):
    """Numbers u of which some are at the ends of [0, 1); one kind of transitions may be missing."""
    uniforms = draw.rng.random(draw.shape("members batch")).round(3)
    uniforms[:, -1], uniforms[:, 0] = 0.9999, 0.0
    given = round(draw.number(0, 20_000, usual=(30, 90)))
    return uniforms, given, round(draw.number(0, 20_000, usual=(5, 20))) if given else 40


FEW = array([[0.3, 0.6]])
THREE = array([[0.0, 0.5, 0.99]])
TWO_MEMBERS = array([[0.1, 0.55, 0.35, 0.8, 0.65, 0.2], [0.95, 0.05, 0.45, 0.15, 0.75, 0.5]])
EXERCISES = [
    Exercise(
        reference=symmetric_indices,
        inputs=_drawn_minibatch,
        cases={
            "one of each kind": (FEW, 10, 4),
            "nothing collected yet": (THREE, 10, 0),
            "nothing given": (THREE, 0, 10),
            "an odd number": (THREE, 10, 2),
            "two members": (TWO_MEMBERS, 20, 8),
        },
        misconceptions={
            "uniform": uniform_indices,
            "exchanged": lambda u, *n: _mixed(~_first(u), u, *n),
            "not_behind_the_given": lambda u, g, c: _mixed(_first(u), u, g, c) - g * ~_first(u) * bool(g and c),
            "one_kind_forgotten": lambda u, g, c: np.floor(np.where(_first(u), u * g, g + u * c)),
            "not_behind_and_one_kind_forgotten": lambda u, g, c: np.floor(np.where(_first(u), u * g, u * c)),
            "not_integers_and_one_kind_forgotten": lambda u, g, c: np.where(_first(u), u * g, g + u * c),
            "not_integers_not_behind_and_one_kind_forgotten": lambda u, g, c: np.where(_first(u), u * g, u * c),
            "collected_only": lambda u, g, c: g + uniform_indices(u, 0, c) if c else uniform_indices(u, g, 0),
            "given_only": lambda u, g, c: uniform_indices(u, g or c, 0),
            "larger_half_given": lambda u, *n: _mixed(_first(u, (u.shape[-1] + 1) // 2), u, *n),
            "interleaved": lambda u, *n: _mixed(np.arange(u.shape[-1]) % 2 == 0, u, *n),
            "rest_from_all": lambda u, g, c: uniform_indices(u, g, ~_first(u) * c),
            "members_counted": lambda u, *n: _mixed(_first(u, len(u) // 2), u, *n),
            "members_halved": lambda u, *n: _mixed(np.arange(len(u))[:, None] < len(u) // 2, u, *n),
            "members_halved_and_one_kind_forgotten": lambda u, g, c: np.floor(
                np.where(np.arange(len(u))[:, None] < len(u) // 2, u * g, g + u * c)
            ),
            "coin": lambda u, *n: _mixed(u < 0.5, u, *n),
            "half_on_average": lambda u, *n: _mixed(u < 0.5, u, *n, again=2 * u % 1),
            "rounded": lambda u, *n: _mixed(_first(u), u, *n, whole=np.rint),
            "not_integers": lambda u, g, c: _mixed(_first(u), u, g, c, whole=np.asarray) if g and c else u * (g + c),
        },
    ),
    Exercise(
        reference=cumulative_regret,
        inputs=lambda d: (d.values("... episodes"), d.number(-20, 5)),
        cases={
            "one episode": (array([-30.0]), -20.0),
            "three episodes": (array([-100.0, -45.0, -25.0]), -20.0),
            "an episode luckier than the best policy's mean": (array([-50.0, -18.0, -30.0]), -20.0),
            "two members": (array([[-100.0, -45.0, -19.0], [-60.0, -100.0, -22.0]]), -20.0),
        },
        misconceptions={
            "sign_error": lambda r, b: np.cumsum(r - b, axis=-1),
            "not_summed": lambda r, b: b - r,
            "last_only": lambda r, b: (b - r).sum(axis=-1),
            "mean_so_far": lambda r, b: np.cumsum(b - r, axis=-1) / np.arange(1, r.shape[-1] + 1),
            "best_counted_once": lambda r, b: b - np.cumsum(r, axis=-1),
            "without_the_best": lambda r, b: np.cumsum(-r, axis=-1),
            "never_negative": lambda r, b: np.cumsum(np.maximum(b - r, 0), axis=-1),
            "absolute": lambda r, b: np.cumsum(abs(b - r), axis=-1),
            "best_so_far": lambda r, b: np.cumsum(b - np.maximum.accumulate(r, axis=-1), axis=-1),
            "against_itself": lambda r, b: np.cumsum(r.max(axis=-1, keepdims=True) - r, axis=-1),
            "over_members": lambda r, b: np.cumsum(b - r, axis=0),
            "flattened": lambda r, b: np.cumsum(b - r),
            "flattened_and_reshaped": lambda r, b: np.cumsum(b - r).reshape(r.shape),
            "one_behind": lambda r, b: np.cumsum(b - r, axis=-1) - (b - r),
        },
    ),
]
