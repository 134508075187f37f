"""What a learner did, in `progress.json` beside the notebooks: exercises, predictions, quizzes and beliefs, by name."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from rlkit_mini.files import say_once, write_json


def _path() -> Path:
    return Path(os.environ.get("RLKIT_MINI_PROGRESS") or "progress.json").absolute()


def _everything() -> dict:
    """What the file holds; a missing or damaged one counts as empty.

    Raises:
        OSError: it may not be read.
    """
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (FileNotFoundError, ValueError, RecursionError):
        return {}


def _of_kind(everything: dict, kind: str) -> dict:
    if kind == "exercises":  # these stand on the file's top level
        return {name: state for name, state in everything.items() if state in ("right", "attempted")}
    found = everything.get(kind)
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def _or_a_sentence() -> Iterator[None]:
    """Where the file can be neither read nor written, the lesson goes on without it."""
    try:
        yield
    except OSError as error:
        say_once(f"your progress is not kept in {_path()} ({error.strerror or error})")


def read(kind: str = "exercises") -> dict:
    """What is recorded: of exercises, name -> "right" or "attempted"; of "predictions", "quizzes", name -> answers."""
    everything = {}
    with _or_a_sentence():
        everything = _everything()
    return _of_kind(everything, kind)


def record(kind: str, name: str, state) -> None:
    """Note one thing, one notebook at a time: what another one notes meanwhile is kept."""
    path = _path()
    with _or_a_sentence(), contextlib.ExitStack() as held:
        if _of_kind(_everything(), kind).get(name) == state:
            return
        with contextlib.suppress(OSError, NotImplementedError):  # not every file system has locks
            held.enter_context(FileLock(path.with_name(f".{path.stem}.lock"), timeout=5))
        before = _everything()
        kept = {each: _of_kind(before, each) for each in ("predictions", "quizzes")}
        everything = _of_kind(before, "exercises") | {each: answers for each, answers in kept.items() if answers}
        everything |= {name: state} if kind == "exercises" else {kind: kept[kind] | {name: state}}
        write_json(path, dict(sorted(everything.items())))
