"""The agents' hyperparameters, one row each: what it may be, what a slider offers, and what figures call it."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rlkit_mini.names import plain


class Setting(NamedTuple):
    """One hyperparameter.

    Attributes:
        range: the interval of its values.
        swept: whether the losses use one value per member, so that a list of values makes a sweep; else it shapes the
            population as a whole.
        whole: whether only integers are meant.
        steps: the values that a slider offers, evenly spaced to the eye; whoever wants another one types it.
        meaning: in a few words.
        sign: its letter; where algorithms differ, of each.
    """

    range: str
    swept: bool = False
    whole: bool = False
    steps: tuple[float, ...] = ()
    meaning: str = ""
    sign: str | Mapping[str, str] = ""


WEIGHTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20, 50, 100)
EXPECTILES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1)
BATCHES = (8, 16, 32, 64, 128, 256, 512)
PERIODS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TEMPERATURE = {"CQL": "T", "AWAC": "λ", "IQL": "T"}  # what divides; IQL's paper has 1/β, here β is the behaviour

SETTINGS = {
    "alpha": Setting("[0, inf)", swept=True, steps=(0, *WEIGHTS), meaning="weight of the penalty", sign="α"),
    "expectile": Setting("(0, 1)", swept=True, steps=EXPECTILES, sign="τ"),
    "temperature": Setting("(0, inf)", swept=True, steps=TEMPERATURES, meaning="divides", sign=TEMPERATURE),
    "learning_rate": Setting("(0, inf)", steps=RATES, meaning="Adam"),
    "actor_learning_rate": Setting("(0, inf)", steps=RATES, meaning="Adam"),
    "batch_size": Setting("[1, inf)", whole=True, steps=BATCHES, meaning="transitions per minibatch"),
    "target_period": Setting("[1, inf)", whole=True, steps=PERIODS, meaning="updates between two copies of the critic"),
    "discount": Setting("[0, 1)", swept=True, meaning="weight of the next value", sign="γ"),
    "max_weight": Setting("(0, inf)", meaning="at which the cloning weights are clipped"),
    "rnd_weight": Setting("[0, inf)", swept=True, meaning="weight of the bonus"),
    "epsilon": Setting("[0, 1]", swept=True, meaning="share of random actions", sign="ε"),
    "rnd_features": Setting("[1, inf)", whole=True, meaning="outputs of the RND networks"),
}
MOST_SEEDS = 100_000  # more are hardly meant, and end in a lack of memory


def is_swept(name: str) -> bool:
    """Whether a list of a setting's values makes a sweep."""
    return name in SETTINGS and SETTINGS[name].swept


def sign_of(name: str, algorithm: str) -> str:
    """The letter that a setting has in an algorithm's equations; empty where there is none."""
    sign = SETTINGS[name].sign if name in SETTINGS else ""
    return sign if isinstance(sign, str) else sign.get(algorithm, "")


def setting_label(name: str, algorithm: str = "") -> str:
    """A setting as an axis calls it: setting_label("temperature", "AWAC") is "temperature λ (divides)"."""
    words = " ".join(filter(None, [name.replace("_", " "), sign_of(name, algorithm)]))
    meaning = SETTINGS[name].meaning if name in SETTINGS else ""
    return f"{words} ({meaning})" if meaning else words


def checked(name: str, value: Any) -> Any:
    """A setting within its range, as a plain number; a list of values to sweep stays a list.

    Raises:
        ValueError: it is outside its range, no list of layer sizes where one is expected, or nothing that can be saved.
    """
    given, value = value, plain(value)
    if name.endswith("hidden") and not (
        np.ndim(value) == 1 and all(isinstance(size, int) and size > 0 for size in value)
    ):
        raise ValueError(f"{name} is {given!r}; expected the sizes of the layers, such as (64, 64)")
    if name not in SETTINGS:
        try:
            json.dumps(value)
        except TypeError:
            raise ValueError(f"{name} is {given!r}; expected a plain value, which can be saved") from None
        return value
    if np.ndim(value) == 1 and SETTINGS[name].swept:
        if not len(value):
            raise ValueError(f"{name} is an empty list; expected at least one value")
        return [checked(name, entry) for entry in value]
    interval, whole = SETTINGS[name].range, SETTINGS[name].whole
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    inside = isinstance(value, (int, float)) and math.isfinite(value)
    inside = inside and (low <= value if interval[0] == "[" else low < value)
    inside = inside and (value <= high if interval[-1] == "]" else value < high)
    if not inside:
        large = "; for infinity take 1e9" if high == math.inf and value == math.inf else ""
        raise ValueError(f"{name} is {value!r}; expected a finite number in {interval}{large}")
    if whole and value != int(value):
        raise ValueError(f"{name} is {value!r}; expected an integer in {interval}")
    return int(value) if whole or isinstance(value, int) else value


def checked_seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds as a list: 0, 1, ... where their number is given.

    Raises:
        ValueError: no positive number, or no distinct integers of at least 0, or too many.
    """
    try:
        chosen = plain(seeds)
        chosen = range(min(chosen, MOST_SEEDS + 1)) if np.ndim(chosen) == 0 else chosen
        distinct = [operator.index(seed) for seed in chosen]
    except TypeError:
        distinct = []
    if not 0 < len(set(distinct)) == len(distinct) <= MOST_SEEDS or min(distinct) < 0:
        wanted = "a positive count, or distinct integers >= 0"
        raise ValueError(f"seeds is {seeds!r}; expected {wanted}, at most {MOST_SEEDS:,}")
    return distinct
