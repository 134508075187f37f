"""Work in parts: each runs once, by its settings, wherever an executor runs it, and what has finished is kept."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from rlkit_mini.files import whole_file
from rlkit_mini.names import check_count


@dataclass(frozen=True, eq=False)
class Part:
    """What runs by itself.

    Attributes:
        name: in words.
        file: its name, by `file_name`.
        call: gives the bytes of the file; picklable, so that it can go to another process.
    """

    name: str
    file: str
    call: Callable[[], bytes]


def file_name(stem: str, facts: Any, ending: str) -> str:
    """A file's name that says what it is, with a hash of all that its content follows from but the code.

    Args:
        facts: ready for JSON.
        ending: such as ".json".
    """
    said = re.sub("[^a-z0-9.]+", "-", stem.lower()).strip("-")
    facts = json.dumps([stem, facts], sort_keys=True)
    return f"{said}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}{ending}"


def run_parts(
    parts: Sequence[Part], read: Callable[[Path], Any], folder: str | os.PathLike, executor: Executor | None = None
) -> list[Any]:
    """What each part gives, in order; each is written when it has finished, and only what is missing runs.

    Args:
        read: gives back what a part's file holds; a ValueError where it is damaged, and then the part runs again.
        folder: of the files. Delete it when the code has changed.
        executor: None for this process.

    Raises:
        RuntimeError: parts failed, named with their reasons; the others are kept.
        KeyboardInterrupt: a part was interrupted; nothing of it is kept.
    """
    files = {part: Path(folder) / part.file for part in parts}
    results, failures = {part: found for part in parts if (found := _kept(files[part], read)) is not None}, []
    missing = [part for part in parts if part not in results]
    with tqdm(total=len(parts), initial=len(results), desc="parts") as bar:
        for part, future in _finished(missing, executor):
            try:
                content = future.result()
                with whole_file(files[part]) as beside:
                    beside.write_bytes(content)
                results[part] = read(files[part])
            except Exception as error:
                failures.append(f"{part.name}: {' '.join(str(error).split()) or type(error).__name__}")
                bar.write(f"failed: {failures[-1]}")
            bar.update()
    if failures:
        heading = f"{len(failures)} of {len(parts)} parts failed; the others are kept in {folder}"
        raise RuntimeError("\n".join([heading, *failures]))
    return [results[part] for part in parts]


def _kept(file: Path, read: Callable[[Path], Any]) -> Any:
    """What a part gave before; None where it has not run yet, or its file was damaged since."""
    try:
        return read(file)
    except (FileNotFoundError, ValueError):
        return None


def processes(workers: int | None = None) -> AbstractContextManager[Executor | None]:
    """An executor of so many processes on this machine; None without a number.

    Raises:
        ValueError: fewer than one.
    """
    if workers is None:
        return nullcontext()
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    ends_at_once = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_DFL)}
    return ProcessPoolExecutor(check_count("workers", workers), context, **ends_at_once)


def _finished(parts: Sequence[Part], executor: Executor | None) -> Iterator[tuple[Part, Future]]:
    """Each part with the future that holds its bytes or its error, as they finish."""
    if executor is None:
        for part in parts:
            future = Future()
            try:
                future.set_result(part.call())
            except Exception as error:
                future.set_exception(error)
            yield part, future
        return
    running = {executor.submit(part.call): part for part in parts}
    try:
        for future in as_completed(running):
            yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()
