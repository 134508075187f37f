"""Named things and counts: slips are answered with the closest names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np


class UnknownNameError(KeyError):
    """A name that a catalogue does not hold; the message gives the closest ones."""

    def __str__(self) -> str:
        return self.args[0]


class Catalogue(dict):
    """A dict of named things whose missing keys raise `UnknownNameError` with the closest names."""

    def __init__(self, kind: str, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.kind = kind

    def __missing__(self, name):
        lower = {key.lower(): key for key in self}
        close = difflib.get_close_matches(str(name).lower(), lower, n=3, cutoff=0.5)
        close = [lower[key] for key in close] or list(self)[:4]
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "there is none at all"
        raise UnknownNameError(f"unknown {self.kind} {name!r}; {hint}")


def check_count(name: str, count: Any) -> None:
    """Raise a ValueError where a count is no integer of at least 1."""
    if not (isinstance(count, (int, np.integer)) and count >= 1):
        raise ValueError(f"{name} is {count!r}; expected an integer of at least 1")
