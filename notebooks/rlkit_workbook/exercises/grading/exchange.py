"""Attempts as JSON, from the process in which learners' code runs: nothing in it is believed to be what it should."""

from __future__ import annotations

import base64
from dataclasses import is_dataclass

import numpy as np

from rlkit_workbook.exercises.building import Build
from rlkit_workbook.exercises.checking import Answer, Attempt, Exercise

LONGEST = 2_000  # characters of a text
LARGEST = 1 << 20  # bytes of an array; no answer of the course has as many


def to_json(thing):
    """An attempt, and what it holds, in terms of JSON."""
    if is_dataclass(thing):
        return {name: to_json(value) for name, value in vars(thing).items()}
    if isinstance(thing, dict):
        return {str(name): to_json(value) for name, value in thing.items()}
    if isinstance(thing, np.ndarray):
        if thing.nbytes > LARGEST:
            return {"dtype": "<f8", "shape": [0], "data": ""}
        data = base64.b64encode(np.ascontiguousarray(thing).tobytes()).decode()
        return {"dtype": thing.dtype.str, "shape": list(thing.shape), "data": data}
    return thing[:LONGEST] if isinstance(thing, str) else list(thing) if isinstance(thing, tuple) else thing


def attempt_at(item: Exercise | Build, data: dict, draw: int) -> Attempt:
    """The attempt at an exercise that was sent.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none.
    """
    untouched = data["untouched"] is True
    if data["refused"] or untouched:
        return Attempt(_text(data["refused"]), untouched)
    return Attempt(answers={case: _answer(data["answers"][case]) for case in item.known("", draw)})


def _answer(data: dict) -> Answer:
    texts = {name: _text(data[name]) for name in ("kind", "text", "error", "line")}
    arrays = {name: _array(data[name]) for name in ("value", "gradient")}
    return Answer(**texts, **arrays, modified=tuple(map(_text, data["modified"])))


def _text(sent) -> str:
    if not isinstance(sent, str):
        raise TypeError(f"a {type(sent).__name__} for a text")
    return sent[:LONGEST]


def _array(sent) -> np.ndarray | None:
    if sent is None:
        return None
    kind = np.dtype(_text(sent["dtype"]))
    if kind.kind not in "biuf" or min(sent["shape"], default=0) < 0:
        raise ValueError("no array of numbers")
    return np.ndarray(sent["shape"], kind, base64.b64decode(sent["data"], validate=True))
