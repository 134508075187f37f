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


def _everything() -> dict[str, dict]:
    """What the file holds, kind -> name -> state or answers; a missing or damaged one counts as empty.

    Raises:
        OSError: it may not be read.
    """
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        found = None
    found = found if isinstance(found, dict) else {}
    states = {name: state for name, state in found.items() if state in ("right", "attempted")}  # on its top level
    others = {kind: found.get(kind) for kind in ("predictions", "quizzes")}
    return {"exercises": states} | {kind: kept if isinstance(kept, dict) else {} for kind, kept in others.items()}


@contextlib.contextmanager
def _or_a_sentence() -> Iterator[None]:
    """Where the file can be neither read nor written, the lesson goes on without it."""
    try:
        yield
    except OSError as error:
        say_once(f"your progress is not kept in {_path()} ({error.strerror or error})")


def read(kind: str = "exercises") -> dict:
    """What is recorded: of exercises, name -> "right" or "attempted"; of "predictions", "quizzes", name -> answers."""
    with _or_a_sentence():
        return _everything()[kind]
    return {}


def record(kind: str, name: str, state) -> None:
    """Note one thing, one notebook at a time: what another one notes meanwhile is kept."""
    path = _path()
    with _or_a_sentence(), contextlib.ExitStack() as held:
        if _everything()[kind].get(name) == state:
            return
        with contextlib.suppress(OSError, NotImplementedError):  # not every file system has locks
            held.enter_context(FileLock(path.with_name(f".{path.stem}.lock"), timeout=5))
        everything = _everything()
        everything[kind][name] = state
        states, others = everything.pop("exercises"), {each: kept for each, kept in everything.items() if kept}
        write_json(path, dict(sorted((states | others).items())))
