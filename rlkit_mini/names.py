"""Named things, numbers and counts: slips are answered with the closest names."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Mapping
from typing import Any


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


def plain(value: Any) -> Any:
    """NumPy's and torch's numbers and arrays as Python's, also within a list; everything else as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return value.tolist() if hasattr(value, "tolist") else value


def check_count(name: str, count: Any, least: int = 1) -> int:
    """A count of whatever kind of integer, as Python's; raises a ValueError where it is none, or too small."""
    try:
        found = operator.index(plain(count))
    except TypeError:
        found = least - 1
    if found < least:
        raise ValueError(f"{name} is {count!r}; expected an integer of at least {least}")
    return found
