"""Files that appear whole or not at all, and where the project's own are."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABOVE = Path(__file__).resolve().parents[1]
CHECKOUT = _ABOVE if (_ABOVE / "notebooks" / "rlkit_workbook").is_dir() else None  # else installed from a wheel


def own_folder(package: Path, name: str) -> Path:
    """Where files that come with a package are: within it, as a wheel has them, else in the checkout."""
    within = package / name
    return within if within.is_dir() or CHECKOUT is None else CHECKOUT / name


def figures_folder() -> Path:
    """Where figures are saved: what RLKIT_MINI_FIGURES says, else `figures` of the checkout, else of this folder."""
    return Path(os.environ.get("RLKIT_MINI_FIGURES") or (CHECKOUT or Path()) / "figures")


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
