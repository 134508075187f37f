"""Files that appear whole or not at all, and where the project's own are."""

from __future__ import annotations

import csv
import errno
import functools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ABOVE = Path(__file__).resolve().parents[1]
CHECKOUT = _ABOVE if (_ABOVE / "notebooks" / "rlkit_workbook").is_dir() else None  # else installed from a wheel


def own_folder(package: Path, name: str) -> Path:
    """Where files that come with a package are: within it, as a wheel has them, else in the checkout."""
    within = package / name
    return within if within.is_dir() or CHECKOUT is None else CHECKOUT / name


def figures_folder() -> Path:
    """Where figures are saved: what RLKIT_MINI_FIGURES says, else `figures` of the checkout, else of this folder."""
    return Path(os.environ.get("RLKIT_MINI_FIGURES") or (CHECKOUT or Path()) / "figures")


@functools.cache
def say_once(words: str) -> None:
    """Tell what the system does not let us keep, where the work goes on without it."""
    print(words)


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to, beside `path` and with its ending; without an error it becomes `path`, else it goes.

    Raises:
        FileExistsError: something else than a file is there, such as a folder or /dev/null.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "something that is no file is there; expected a file or nothing", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(part)
        os.chmod(part, 0o644)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """An empty folder to fill, beside `path`; without an error it takes the place of `path`, else it goes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as beside:
        part, replaced = Path(beside) / "part", Path(beside) / "replaced"
        part.mkdir()
        yield part
        if not path.exists():
            os.replace(part, path)
            return
        os.replace(path, replaced)
        try:
            os.replace(part, path)
        except BaseException:  # an interruption too: what was there comes back
            os.replace(replaced, path)
            raise


def check_writable(folder: Path) -> None:
    """Raise an OSError, before hours of work, where nothing could be written after them."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OSError(f"{folder} cannot be written to; expected a folder that can, or a new one")


def write_json(path: Path, content: Any, indent: int | None = 1) -> None:
    """Write a JSON file, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a table of comma-separated values under their names, whole or not at all."""
    with whole_file(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
