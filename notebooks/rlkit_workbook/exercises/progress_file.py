"""What a learner did, in `progress.json` beside the notebooks: exercises, predictions, quizzes and beliefs, by name."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from filelock import FileLock

from rlkit_mini.files import whole_file


def _path() -> Path:
    return Path(os.environ.get("RLKIT_MINI_PROGRESS") or "progress.json").absolute()


def _everything() -> dict:
    """What the file holds; a missing or damaged one counts as empty."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def read(kind: str = "exercises") -> dict:
    """What is recorded: of exercises, name -> "right" or "attempted"; of "predictions", "quizzes", name -> answers."""
    everything = _everything()
    if kind == "exercises":  # these stand on the file's top level
        return {name: state for name, state in everything.items() if state in ("right", "attempted")}
    found = everything.get(kind)
    return found if isinstance(found, dict) else {}


def record(kind: str, name: str, state) -> None:
    """Note one thing; where the file cannot be written, the lesson goes on without a record.

    One notebook at a time: what another one notes meanwhile is kept.
    """
    path = _path()
    if read(kind).get(name) != state:
        with contextlib.suppress(OSError), FileLock(path.with_name(f".{path.stem}.lock"), timeout=5):
            kept = {each: read(each) for each in ("predictions", "quizzes")}
            everything = read() | {each: answers for each, answers in kept.items() if answers}
            everything |= {name: state} if kind == "exercises" else {kind: kept[kind] | {name: state}}
            with whole_file(path) as part:
                text = json.dumps(everything, indent=1, sort_keys=True, ensure_ascii=False)
                part.write_text(text + "\n", encoding="utf-8")
