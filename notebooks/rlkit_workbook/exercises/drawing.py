"""Inputs on which a wrong function cannot look right: cases of every nature, drawn by one rule for all exercises.

An exercise says what its parameters are, once, by the methods of `Draw`; `drawn_cases` makes a case of each nature that
any of them knows. The same number of a draw gives the same cases.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def _equal(rng, shape):
    """Whole numbers of which the largest stands twice along the last axis, at the same places in every array."""
    values = rng.integers(-4, 4, shape).astype(np.float64)
    if shape:
        values[..., [0, -1]] = 5 - rng.integers(3)
    return values


def _close_together(rng, shape):
    """Along the last axis all differ, by less than float16 tells, and the last is the largest."""
    steps = np.roll(np.arange(shape[-1]), -1) if shape else np.zeros(())
    return np.broadcast_to(3 - 0.0008 * steps, shape)


def _some_zero(rng, shape):
    return rng.normal(0, 3, shape).round(2) * (rng.random(shape) < 0.6)


def _large(rng, shape):
    """Of one sign along the last axis."""
    return rng.choice((-1, 1), (*shape[:-1], 1) if shape else ()) * rng.uniform(60, 150, shape).round(1)


VALUES = {  # the nature of real numbers -> how they are drawn
    "any numbers": lambda rng, shape: rng.normal(0, 3, shape).round(2),
    "positive numbers": lambda rng, shape: rng.uniform(0.1, 9, shape).round(2),
    "negative numbers": lambda rng, shape: rng.uniform(-9, -0.1, shape).round(2),
    "equal numbers": _equal,
    "numbers close together": _close_together,
    "some numbers 0": _some_zero,
    "small numbers": lambda rng, shape: rng.normal(0, 0.05, shape),
    "large numbers": _large,
}
MANY = 300
LEADING = {"no leading axis": (), "two leading axes": (4, 2), "three leading axes": (2, 4, 1)}
NATURES = {  # of cases: where a function is wrong that is right on the examples, and what may be the matter
    "any numbers": "",
    "positive numbers": "where all numbers are positive. Nothing in the task says that they are not.",
    "negative numbers": "where all numbers are negative, as returns and values usually are here.",
    "equal numbers": "where numbers are equal. Does each count once, and no more, in a tie as elsewhere?",
    "numbers close together": "where numbers differ by little. Is something rounded, or soft where it should be sharp?",
    "some numbers 0": "where a number is 0, which is a number as any other.",
    "small numbers": "for small numbers. Is something rounded, or is a constant added?",
    "large numbers": "for large numbers. Is something clipped, or does it leave the range of its type?",
    "no leading axis": "without a leading axis. `...` may be no axis at all: count axes from the end.",
    "two leading axes": "with two leading axes. `...` may be any number of axes: count from the end.",
    "three leading axes": "with three leading axes. `...` may be any number of axes: count from the end.",
    "one of each": "where there is only one of each. Does it rely on a length?",
    "many of each": "for many. Does it stop after a fixed number, or leave the range of its type?",
    "numbers at their lower ends": "at the lower end of what a parameter may be.",
    "numbers at their upper ends": "at the upper end of what a parameter may be.",
    "certain choices": "where probabilities are 0 and 1.",
    "small probabilities": "where a probability is small, which is not 0. Is something dropped, clipped or smoothed?",
    "borders": "exactly on borders. A place on an inner border belongs to the half-cell above it.",
}


class Draw:
    """What the parameters of one case are drawn from; `applies` says whether any of them knows the nature.

    Axes are names, "... actions"; `...` is none to three leading axes, `+` at least one.

    Args:
        again: draws all that the nature leaves open more freely.
    """

    def __init__(self, nature: str, name: str, again: bool = False, draw: int = 0) -> None:
        self.rng = np.random.default_rng([zlib.crc32(f"{name} {nature} {again}".encode()), draw])
        self.nature, self.again = nature, again
        self.applies = nature == "any numbers"

    def _is(self, *natures: str) -> bool:
        """Whether the case is of one of these natures, which a parameter knows that asks for it."""
        found = self.nature in natures
        self.applies |= found
        return found

    def size(self, axis: str, many: int = MANY) -> int:
        """How long an axis is: 1, `many`, or some small number of its own."""
        if self._is("one of each", "many of each"):
            return 1 if self.nature == "one of each" else many
        return {"actions": 3, "features": 3, "places": 4, "states": 3, "cells": 4, "n": 7, "resamples": 9}.get(axis, 5)

    def shape(self, axes: str, **many: int) -> tuple[int, ...]:
        """The lengths of the axes; `many` says for an axis how many are many."""
        shape = ()
        for axis in axes.split():
            if axis in ("...", "+"):
                usual = () if self.nature == "many of each" else (3,)
                leading = LEADING[self.nature] if self._is(*LEADING) else usual
                shape += leading or (1,) * (axis == "+")
            else:
                shape += (self.size(axis, many.get(axis, MANY)),)
        return shape

    def values(self, axes: str, **many: int) -> np.ndarray:
        """Real numbers."""
        nature = self.nature
        if not self._is(*VALUES):
            nature = list(VALUES)[self.rng.integers(len(VALUES))] if self.again else "any numbers"
        return np.array(VALUES[nature](self.rng, self.shape(axes, **many)), dtype=np.float64)

    def number(self, low: float, high: float, usual: tuple[float, float] | None = None) -> float:
        """One number from [low, high]; usually from within `usual`, and where there are many of each, its upper end."""
        if self._is("numbers at their lower ends", "numbers at their upper ends"):
            return float(low if "lower" in self.nature else high)
        if self.again and self.rng.random() < 0.5:
            return float((low, high)[self.rng.integers(2)])
        low, high = usual or (low, high)
        return float(high) if self.nature == "many of each" else round(self.rng.uniform(low, high), 2)

    def choices(self, axes: str, count: int, **many: int) -> np.ndarray:
        """Integers below count."""
        return self.rng.integers(count, size=self.shape(axes, **many))

    def flags(self, axes: str) -> np.ndarray:
        """True or False."""
        return self.rng.random(self.shape(axes)) < 0.4

    def distribution(self, axes: str, positive: bool = False, **many: int) -> np.ndarray:
        """Probabilities that add up to 1 along the last axis, all of them positive where asked for."""
        shape = self.shape(axes, **many)
        drawn = self.rng.dirichlet(np.ones(shape[-1]), shape[:-1]) * 0.97 + 0.03 / shape[-1]
        if self._is("certain choices", "small probabilities"):
            chosen = np.eye(shape[-1])[self.rng.integers(shape[-1], size=shape[:-1])]
            rest = 0.0 if self.nature == "certain choices" and not positive else 3e-6
            drawn = (1 - rest) * chosen + rest * drawn
        return drawn

    def maze(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, 2), none of them inside a wall, and the walls (width, height) of a maze that is not square."""
        many = self._is("one of each", "many of each") and self.nature == "many of each"
        walls = self.rng.random((3, 60) if many else (2, 4)) < 0.3
        walls[0, 0] = walls[-1, -1] = False
        cells = np.argwhere(~walls)[self.rng.integers((~walls).sum(), size=4000 if many else 6)]
        inside = self.rng.uniform(0.05, 0.95, cells.shape).round(2)
        if self._is("borders"):  # on the borders of half-cells, those of the maze among them
            cells[:2], inside = ([0, 0], np.array(walls.shape) - 1), self.rng.integers(2, size=cells.shape) / 2
            inside[:2] = [[0, 0], [1, 1]]
        return cells + inside, walls


def tensors(*arrays: np.ndarray) -> tuple[Tensor, ...]:
    """Real numbers as float32; integers stay what they are."""
    return tuple(torch.tensor(x, dtype=torch.float32 if x.dtype.kind == "f" else None) for x in arrays)


def drawn_cases(name: str, of: Callable[[Draw], tuple], draw: int = 0) -> dict[str, tuple]:
    """Nature -> the arguments of an exercise, for each nature that one of its parameters knows; and all of them again.

    Again, all else is drawn more freely: numbers are at their ends half of the time, values of any nature.
    """
    found = {}
    for nature, again in itertools.product(NATURES, (False, True)):
        drawn = Draw(nature, name, again, draw)
        arguments = of(drawn)
        if drawn.applies:
            found[nature + ", again" * again] = arguments
    return found
