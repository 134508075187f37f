"""The learner's progress: exercise name -> "right" or "attempted", in `progress.json` beside the notebooks."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from filelock import FileLock

from rlkit_mini.files import whole_file


def _path() -> Path:
    return Path(os.environ.get("RLKIT_MINI_PROGRESS") or "progress.json").absolute()


def read() -> dict[str, str]:
    """What is recorded; a missing or damaged file counts as an empty one."""
    try:
        states = json.loads(_path().read_text(encoding="utf-8"))
        return {name: state for name, state in states.items() if state in ("right", "attempted")}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def record(name: str, state: str) -> None:
    """Note one exercise's state; where the file cannot be written, the lesson goes on without a record.

    One notebook at a time: what another one notes meanwhile is kept.
    """
    path = _path()
    if read().get(name) != state:
        with contextlib.suppress(OSError), FileLock(path.with_name(f".{path.stem}.lock"), timeout=5):
            states = read() | {name: state}
            with whole_file(path) as part:
                part.write_text(json.dumps(states, indent=1, sort_keys=True) + "\n", encoding="utf-8")
