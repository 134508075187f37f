"""Files that appear whole or not at all, and where the project's own are."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the checkout


@contextmanager
def whole_file(path: str | os.PathLike):
    """A path to write to, beside `path` and with its ending; without an error it becomes `path`, else it goes.

    Only a file is ever replaced: no folder, and no device such as /dev/null.
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
