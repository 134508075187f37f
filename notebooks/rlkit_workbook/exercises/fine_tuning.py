"""Notebook 09: what minibatches are made of when data is kept and added to, and what learning by acting costs."""

import numpy as np
from numpy import array

from rlkit_mini.data.replay import symmetric_indices, uniform_indices
from rlkit_mini.evaluation.measures import cumulative_regret
from rlkit_workbook.exercises.checking import Exercise


def _halves(uniforms, n_offline, n_online, first=0.5, exchanged=False, shifted=True, alone=True, whole=np.floor):
    """Symmetric indices with one thing changed."""
    if alone and not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    old, new = uniforms * n_offline, n_offline * shifted + uniforms * n_online
    offline = np.arange(uniforms.shape[-1]) < int(first * uniforms.shape[-1])
    return whole(np.where(offline != exchanged, old, new))


def _larger_half_given(uniforms, n_offline, n_online):
    return _halves(uniforms, n_offline, n_online, first=(uniforms.shape[-1] + 1) // 2 / uniforms.shape[-1])


def _one_kind(uniforms, n_offline, n_online, new):
    return n_offline * new + uniform_indices(uniforms, 0 if new else n_offline, n_online if new else 0)


def _coin(uniforms, n_offline, n_online, spread):
    if not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    heads = uniforms < 0.5
    again = np.where(heads, 2 * uniforms, 2 * uniforms - 1) if spread else uniforms
    return np.where(heads, again * n_offline, n_offline + again * n_online).astype(int)


def _interleaved(uniforms, n_offline, n_online):
    if not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    offline = np.arange(uniforms.shape[-1]) % 2 == 0
    return np.where(offline, uniforms * n_offline, n_offline + uniforms * n_online).astype(int)


def _rest_from_all(uniforms, n_offline, n_online):
    late = np.arange(uniforms.shape[-1]) >= uniforms.shape[-1] // 2
    return uniform_indices(uniforms, n_offline, late * n_online)


def _members_halved(uniforms, n_offline, n_online):
    if not (n_offline and n_online):
        return uniform_indices(uniforms, n_offline, n_online)
    late = np.arange(len(uniforms))[:, None] >= len(uniforms) // 2
    return np.where(late, n_offline + uniforms * n_online, uniforms * n_offline).astype(int)


FEW = array([[0.3, 0.6]])
THREE = array([[0.0, 0.5, 0.99]])
TWO_MEMBERS = array([[0.1, 0.55, 0.35, 0.8, 0.65, 0.2], [0.95, 0.05, 0.45, 0.15, 0.75, 0.5]])
EXERCISES = [
    Exercise(
        reference=symmetric_indices,
        cases={
            "one of each kind": (FEW, 10, 4),
            "nothing collected yet": (THREE, 10, 0),
            "nothing given": (THREE, 0, 10),
            "an odd number": (THREE, 10, 2),
            "two members": (TWO_MEMBERS, 20, 8),
        },
        misconceptions={
            "uniform": uniform_indices,
            "exchanged": lambda *x: _halves(*x, exchanged=True),
            "not_behind_the_given": lambda *x: _halves(*x, shifted=False),
            "one_kind_forgotten": lambda *x: _halves(*x, alone=False),
            "collected_only": lambda u, g, c: _one_kind(u, g, c, new=bool(c)),
            "given_only": lambda u, g, c: _one_kind(u, g, c, new=not g),
            "larger_half_given": _larger_half_given,
            "interleaved": _interleaved,
            "rest_from_all": _rest_from_all,
            "members_halved": _members_halved,
            "coin": lambda *x: _coin(*x, spread=False),
            "half_on_average": lambda *x: _coin(*x, spread=True),
            "rounded": lambda *x: _halves(*x, whole=np.rint),
            "not_integers": lambda *x: (
                _halves(*x, alone=False, whole=np.asarray) if x[1] and x[2] else x[0] * sum(x[1:])
            ),
        },
    ),
    Exercise(
        reference=cumulative_regret,
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
            "one_behind": lambda r, b: np.cumsum(b - r, axis=-1) - (b - r),
        },
    ),
]
