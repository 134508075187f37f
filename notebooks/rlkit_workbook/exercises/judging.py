"""Notebook 09: is a difference real, how good is a policy that never acted, and what a bonus for trajectories is."""

import numpy as np
from numpy import array

from rlkit_mini.evaluation.tabular import fqe_backup
from rlkit_workbook.exercises.checking import Exercise
from rlkit_workbook.exercises.data_sets import counts


def paired_interval(a, b, picks):
    """95% bootstrap interval (2,) of the mean of a - b (n,) over seeds, pairs kept together; picks (resamples, n)."""
    means = (np.asarray(a) - np.asarray(b))[picks].mean(axis=-1)
    return np.quantile(means, [0.025, 0.975])


def trajectory_bonus(policy, behaviour, transitions, weight):
    """-weight * log(p_pi(s' | s) / p_beta(s' | s)), (states, states); 0 where pi never goes from s to s'."""
    ours = np.einsum("sa,san->sn", policy, transitions)
    theirs = np.einsum("sa,san->sn", behaviour, transitions)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ours > 0, weight * np.log(theirs / ours), 0.0)


def _quantiles(means, low=0.025, high=0.975):
    return np.quantile(means, [low, high])


def _normal(mean, deviation):
    return mean + array([-1.96, 1.96]) * deviation


def _changed(bonus):
    """A bonus for trajectories that is made of both policies' p(s' | s) (states, states) and the weight."""

    def of(policy, behaviour, transitions, weight):
        return bonus(*(np.einsum("sa,san->sn", p, transitions) for p in (policy, behaviour)), weight)

    return of


def _columns(*steps):
    """Steps (cell, action, reward, next cell, termination) as one array per column."""
    return [array(column) for column in zip(*steps, strict=True)]


def _drawn_returns(draw):
    a, b = draw.values("seeds"), draw.values("seeds")
    return a, b, draw.choices("resamples seeds", len(a))


def _drawn_process(draw):
    policy, behaviour = (draw.distribution("states actions", states=12, actions=5) for _ in range(2))
    return policy, behaviour, draw.distribution("states actions states", states=12, actions=5), draw.number(0.1, 5)


def _drawn_steps(draw):
    q_values = draw.values("cells actions", cells=12, actions=6)
    cells, actions, after = (draw.choices("n", count) for count in (*q_values.shape, len(q_values)))
    policy, ends = draw.distribution("cells actions", cells=12, actions=6), 1.0 * draw.flags("n")
    return q_values, cells, actions, draw.values("n"), after, ends, policy, draw.number(0, 1)


A, B = array([-21.0, -25.0, -30.0, -22.0]), array([-22.0, -27.0, -31.0, -26.0])
PICKS = array([[0, 1, 2, 3], [0, 0, 1, 1], [3, 3, 3, 2], [1, 2, 2, 0], [3, 0, 1, 3], [2, 2, 2, 0]])
WIDE = np.random.default_rng(0).integers(4, size=(200, 4))
Q = array([[-4.0, -6.0], [-2.0, -8.0], [-9.0, -5.0]])
POLICY = array([[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]])
SAME_PLACES = array([[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])  # in state 0, both actions lead to state 1
NOISY = array(
    [
        [[0.8, 0.2, 0.0], [0.1, 0.9, 0.0]],
        [[0.5, 0.5, 0.0], [0.0, 0.3, 0.7]],
        [[0.0, 0.0, 1.0], [0.6, 0.0, 0.4]],
    ]
)
STEPS = [(0, 0, -1.0, 1, 0.0), (0, 1, -1.0, 2, 0.0), (1, 1, -1.0, 0, 0.0), (2, 0, 2.0, 0, 1.0), (0, 0, -2.0, 0, 0.0)]
EVEN, ONE_WAY = array([[0.5, 0.5]] * 3), array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])  # from state 1 to 2, or never


def _best(values):
    return np.eye(values.shape[1])[values.argmax(1)]


def _first_step(q, c, a, r, n, m, p, d):
    _, first = np.unique(c * q.shape[1] + a, return_index=True)
    return fqe_backup(q, *(column[first] for column in (c, a, r, n, m)), p, d)


def _in_place(q, c, a, r, n, m, p, d):
    for cell, action in sorted(set(zip(c, a, strict=True))):
        here = (c == cell) & (a == action)
        q = fqe_backup(q, *(column[here] for column in (c, a, r, n, m)), p, d)
    return q


EXERCISES = [
    Exercise(
        reference=paired_interval,
        inputs=_drawn_returns,
        cases={
            "two seeds, one resample each way": (A[:2], B[:2], array([[0, 0], [1, 1], [0, 1]])),
            "four seeds": (A, B, PICKS),
            "four seeds, many resamples": (A, B, WIDE),
        },
        misconceptions={
            "unpaired": lambda a, b, p: _quantiles(a[p].mean(-1) - b[p[::-1]].mean(-1)),
            "second_minus_first": lambda a, b, p: _quantiles((b - a)[p].mean(-1)),
            "ninety_percent": lambda a, b, p: _quantiles((a - b)[p].mean(-1), 0.05, 0.95),
            "of_the_differences": lambda a, b, p: _quantiles((a - b)[p]),
            "not_resampled": lambda a, b, p: _quantiles(a - b),
            "normal": lambda a, b, p: _normal((a - b).mean(), (a - b).std(ddof=1) / np.sqrt(len(a))),
            "medians": lambda a, b, p: _quantiles(np.median((a - b)[p], -1)),
            "axis_0": lambda a, b, p: _quantiles((a - b)[p].mean(0)),
            "range": lambda a, b, p: _quantiles((a - b)[p].mean(-1), 0, 1),
            "percentiles": lambda a, b, p: np.percentile((a - b)[p].mean(-1), [0.025, 0.975]),
            "high_first": lambda a, b, p: _quantiles((a - b)[p].mean(-1), 0.975, 0.025),
            "two_intervals": lambda a, b, p: _quantiles(a[p].mean(-1)) - _quantiles(b[p].mean(-1)),
            "deviation_of_means": lambda a, b, p: _normal((a - b)[p].mean(), (a - b)[p].mean(-1).std()),
        },
    ),
    Exercise(
        reference=trajectory_bonus,
        inputs=_drawn_process,
        cases={
            "two actions that lead to the same place": (np.eye(2), EVEN[:2], SAME_PLACES, 1.0),
            "a place where only the behaviour goes": (ONE_WAY, EVEN, NOISY, 0.5),
            "a place where only the policy goes": (EVEN, ONE_WAY, NOISY, 2.0),
        },
        misconceptions={
            "of_actions": lambda p, b, t, w: np.where(p > 0, -w * np.log(p / b), 0.0),
            "of_actions_unmasked": lambda p, b, t, w: -w * np.log(p / b),
            "sign_error": _changed(lambda p, b, w: np.where(p > 0, w * np.log(p / b), 0.0)),
            "no_weight": _changed(lambda p, b, w: np.where(p > 0, -np.log(p / b), 0.0)),
            "no_logarithm": _changed(lambda p, b, w: np.where(p > 0, -w * p / b, 0.0)),
            "nan_where_never": _changed(lambda p, b, w: -w * np.log(p / b)),
            "weighted": _changed(lambda p, b, w: np.where(p > 0, -w * p * np.log(p / b), 0.0)),
            "divergence": _changed(lambda p, b, w: -w * np.where(p > 0, p * np.log(p / b), 0.0).sum(1)),
            "difference": _changed(lambda p, b, w: np.where(p > 0, -w * (p - b), 0.0)),
            "transposed": _changed(lambda p, b, w: np.where(p > 0, -w * np.log(p / b), 0.0).T),
            "base_2": _changed(lambda p, b, w: np.where(p > 0, -w * np.log2(p / b), 0.0)),
            "smoothed": _changed(lambda p, b, w: np.where(p > 0, -w * np.log((p + 1e-8) / (b + 1e-8)), 0.0)),
            "forgiven": _changed(lambda p, b, w: np.where((p > 0) & (b > 0), -w * np.log(p / b), 0.0)),
        },
    ),
    Exercise(
        reference=fqe_backup,
        inputs=_drawn_steps,
        cases={
            "one step": (Q[:2], *_columns((0, 1, -1.0, 1, 0.0)), POLICY[:2], 0.5),
            "a step that terminates": (Q[:2], *_columns((1, 0, 3.0, 0, 1.0)), POLICY[:2], 0.5),
            "two steps at one pair": (Q[:2], *_columns((0, 0, -1.0, 0, 0.0), (0, 0, -3.0, 1, 0.0)), POLICY[:2], 0.9),
            "a small data set": (Q, *_columns(*STEPS), POLICY, 0.9),
        },
        misconceptions={
            "no_mask": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, n, 0, p, d),
            "mask_inverted": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, n, 1 - m, p, d),
            "reward_masked": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r * (1 - m), n, m, p, d),
            "first_step": _first_step,
            "per_cell": lambda q, c, a, *x: np.where(counts(c, a, *q.shape) > 0, fqe_backup(q, c, 0 * a, *x)[:, :1], q),
            "in_place": _in_place,
            "best_action": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, n, m, _best(q), d),
            "likeliest_action": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, n, m, _best(p), d),
            "plain_average": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, n, m, 1 / q.shape[1], d),
            "unseen_zero": lambda q, c, a, *x: np.where(counts(c, a, *q.shape) > 0, fqe_backup(q, c, a, *x), 0.0),
            "unseen_nan": lambda q, c, a, *x: np.where(counts(c, a, *q.shape) > 0, fqe_backup(q, c, a, *x), np.nan),
            "summed": lambda q, c, a, *x: fqe_backup(q, c, a, *x) * np.maximum(counts(c, a, *q.shape), 1),
            "last_step": lambda q, *x: _first_step(q, *(column[::-1] for column in x[:5]), *x[5:]),
            "here_not_next": lambda q, c, a, r, n, m, p, d: fqe_backup(q, c, a, r, c, m, p, d),
            "undiscounted": lambda *x: fqe_backup(*x[:-1], 1.0),
        },
    ),
]
