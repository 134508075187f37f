"""Grading: the exercises of learners' notebooks, judged by the installed package; predictions and quizzes, as kept.

Learners' code runs in processes of its own, in a copy of the notebook's folder, and gives its answers to inputs that
are drawn anew in each run; they are compared here. What a notebook says of itself is not looked at: its outputs, its
progress file, an `exercise` of its own, a checker that it changed. Of each exercise the last attempt counts that is
not empty. What looks like a trick is remarked. A process has your rights, though, and no walls: grade the submissions
of strangers in a container.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import secrets
import stat
import tempfile
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue

from tqdm.auto import tqdm

import rlkit_mini
from rlkit_mini.names import check_count
from rlkit_workbook.exercises import BUILDS, EXERCISES, building, checking
from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.exercises.grading import exchange
from rlkit_workbook.exercises.grading.server import LATE, Server
from rlkit_workbook.exercises.grading.statements import Reading, read
from rlkit_workbook.exercises.grading.submissions import (
    Notebook,
    copy_neighbours,
    count_right,
    find_files,
    neighbours,
    read_answers,
    read_notebook,
    right_answers,
    students,
)
from rlkit_workbook.results import STANDALONE

STATES = ("right", "attempted", "open", "not reached")
RESTARTS = 10  # of one notebook, of which each begins after what ended or held up the one before
_JUDGING = threading.Lock()  # the references draw from torch's one global stream
NOT_REACHED = {"state": "not reached", "problem": "no cell defines it under @exercise"}


def grade_notebooks(
    paths: Sequence[Path],
    timeout: float = 20.0,
    jobs: int | None = None,
    earlier: Mapping[str, dict] | None = None,
    draw: int | None = None,
) -> list[dict]:
    """One row per student, ready for JSON.

    Args:
        paths: notebooks, folders of them, or wildcards; `students` says whose each file is.
        timeout: seconds an exercise may compute, and each of the statements above that it needs.
        jobs: notebooks side by side; default one per core.
        earlier: "files" of the rows of an earlier call; what is unchanged since is not judged again.
        draw: says which inputs are drawn; default others in each call.

    Returns:
        Rows with "student"; "version"; "exercises", name -> "state" (one of `STATES`), "points" (share of the checks
        passed), "mistake" (its code), "remark" (the checker's), "rows" (expected and got), "problem", "section",
        "notebook", "file", "source"; "predictions"; "quizzes"; "remarks" (tricks); "problem"; and "files", what was
        found in each.

    Raises:
        ValueError: no path, or one without a file; none of the files is a notebook; a timeout or jobs that cannot be.
    """
    if not 0 < timeout <= 86_400:
        raise ValueError(f"timeout is {timeout}; expected more than 0 s, and at most 86,400 s")
    if jobs is not None:
        check_count("jobs", jobs)
    files = find_files(paths)
    whose, draw = students(files), secrets.randbelow(2**31) if draw is None else draw
    contents = _contents(files)  # before any learner's code runs, which could change them
    notebooks = [path for path in files if isinstance(contents[path], Notebook)]
    if not notebooks:
        raise ValueError(next(str(content) for content in contents.values() if isinstance(content, ValueError)))
    judged = _judge_all(notebooks, contents, _Terms(timeout, jobs or os.cpu_count(), draw), earlier or {})
    groups = defaultdict(list)
    for path in files:
        groups[whose[path]].append(path)
    return [_row(student, group, contents, judged) for student, group in sorted(groups.items())]


def earlier_files(path: Path) -> dict[str, dict]:
    """What was found in each file when these rows were written; empty where there are none."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {file: found for row in rows for file, found in row["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _contents(files: Sequence[Path]) -> dict[Path, Notebook | dict | ValueError]:
    """What each file holds, or why it cannot be read."""
    contents = {}
    for path in files:
        try:
            contents[path] = read_answers(path) if path.suffix == ".json" else read_notebook(path)
        except ValueError as error:
            contents[path] = error
    return contents


def _judge_all(
    paths: Sequence[Path], contents: Mapping[Path, Notebook], terms: _Terms, earlier: Mapping[str, dict]
) -> dict[Path, dict]:
    """What is found in each notebook; as many servers as there are jobs take one after the other."""
    servers: SimpleQueue[Server] = SimpleQueue()
    every = [Server(many=len(paths) > 4 * terms.jobs) for _ in range(min(terms.jobs, len(paths)))]
    for server in every:
        servers.put(server)

    def judge(path: Path) -> dict:
        digest = _digest(path, contents[path], terms.timeout)
        known = earlier.get(str(path))
        if isinstance(known, dict) and known.get("digest") == digest:
            return known
        server = servers.get()
        try:
            return {"digest": digest} | _judge(path, contents[path], terms, server)
        finally:
            servers.put(server)

    pool = ThreadPoolExecutor(terms.jobs)
    try:
        found = tqdm(pool.map(judge, paths), total=len(paths), unit=" notebooks", disable=None)
        return dict(zip(paths, found, strict=True))
    finally:
        for server in every:
            server.close()
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Terms:
    timeout: float
    jobs: int
    draw: int


def _digest(path: Path, notebook: Notebook, timeout: float) -> str:
    """Equal for what would be judged alike: the same cells beside the same files, by the same checker."""
    beside = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in neighbours(path)]
    return hashlib.sha256(repr((notebook, beside, timeout, _checker())).encode()).hexdigest()


@cache
def _checker() -> str:
    """What judges: all of the course's code and texts, and torch."""
    folders = (Path(rlkit_mini.__file__).parent, Path(__file__).parents[1], STANDALONE)
    digest = hashlib.sha256(importlib.metadata.version("torch").encode())
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".toml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _judge(path: Path, notebook: Notebook, terms: _Terms, server: Server) -> dict:
    """What is found in one notebook."""
    reading = read(notebook.cells)
    run = _run(path, reading, terms, server)
    verdicts = {name: {"state": "attempted", "problem": text} for name, text in reading.broken.items()}
    remarks = [*reading.remarks, *run.remarks]
    for name, attempts in run.by_name().items():
        judged = [_verdict(one, reading, notebook.sections, terms.draw) for one in attempts]
        verdicts[name] = next((one for one in reversed(judged) if one["state"] != "open"), judged[-1])
        if len(judged) > 1:
            remarks.append(f"{name}: {len(judged)} cells define it, {verdicts[name]['cell'] or 'the last'} counts")
    number = re.search(r"(?<!\d)\d\d(?!\d)", path.name)
    asked = {notebook.number} - {""} or {_item(name).texts["notebook"] for name in verdicts}
    asked = asked or ({number[0]} if number else set())
    missing = {name: NOT_REACHED for name, item in EXERCISES.items() if item.texts["notebook"] in asked}
    return {"exercises": {name: _EMPTY | found for name, found in (missing | verdicts).items()}, "remarks": remarks}


_EMPTY = {"state": "", "points": 0.0, "mistake": "", "remark": "", "rows": {}, "problem": "", "source": ""}
_EMPTY |= {"cell": "", "section": ""}


def _item(name: str) -> checking.Exercise | building.Build:
    return BUILDS[name] if name in BUILDS else EXERCISES[name]


@dataclass(frozen=True)
class _Run:
    """What a notebook's processes left: attempts by number, those that ended or held up a process, and remarks."""

    attempts: dict[int, dict]
    remarks: list[str]

    def by_name(self) -> dict[str, list[dict]]:
        """The attempts at each exercise, in order."""
        found = defaultdict(list)
        for _, attempt in sorted(self.attempts.items()):
            found[attempt["name"]].append(attempt)
        return found


def _run(path: Path, reading: Reading, terms: _Terms, server: Server) -> _Run:
    """Run a notebook; a process that is lost to one attempt or statement is followed by one that leaves it out."""
    lost: dict[str, str] = {}
    ended_by: dict[int, dict] = {}
    remarks: list[str] = []
    checked = sum(one.checked for one in reading.needed)
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        for number in range(RESTARTS):
            job = Path(scratch, str(number))
            (job / "answers").mkdir(parents=True)
            copy_neighbours(path, job / "work")
            _write_plan(job, reading, lost, terms.draw)
            ended = server.run(job, terms.timeout, terms.timeout * (checked + 2))
            remarks += _remarks(job / "remarks")
            if not ended:
                break
            reason = f"no answer within {terms.timeout:g} s" if ended == LATE else ended
            at = _sent(job / "at")
            is_attempt = _known(at.get("name")) and isinstance(at.get("attempt"), int)
            step = f"attempt {at['attempt']}" if is_attempt else f"statement {at.get('statement')}"
            if is_attempt:
                ended_by[at["attempt"]] = {"name": at["name"], "cell": str(at.get("cell", "")), "problem": reason}
            if step in lost:  # it was left out, and yet the process ended there again
                break
            lost[step] = reason
        attempts = {int(file.name): _sent(file) for file in (job / "answers").glob("[0-9][0-9][0-9]")}
        attempts = {number: one for number, one in attempts.items() if _known(one.get("name"))}
        return _Run(attempts | ended_by, list(dict.fromkeys(remarks)))


def _write_plan(job: Path, reading: Reading, lost: Mapping[str, str], draw: int) -> None:
    plan = {
        "sources": reading.sources,
        "needed": [(one.cell, one.number, sorted(one.gives)) for one in reading.needed],
        "aliases": sorted(reading.aliases),
        "lost": lost,
        "draw": draw,
    }
    (job / "work").mkdir(exist_ok=True)
    (job / "plan.json").write_text(json.dumps(plan), encoding="utf-8")


def _known(name: object) -> bool:
    return isinstance(name, str) and (name in EXERCISES or name in BUILDS)


def _sent(path: Path) -> dict:
    """What a learner's process wrote into a file; empty where that is no JSON object, or too much."""
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > 64 << 20:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _remarks(path: Path) -> list[str]:
    try:
        about = os.lstat(path)
        text = path.read_text(encoding="utf-8", errors="replace") if stat.S_ISREG(about.st_mode) else ""
    except OSError:
        return []
    return ["".join(c for c in line if c.isprintable())[:200] for line in text[:10_000].splitlines()[:20]]


def _verdict(attempt: dict, reading: Reading, sections: Mapping[str, str], draw: int) -> dict:
    """What is to be said about one attempt, of which only its answers are believed."""
    name, cell = attempt["name"], str(attempt.get("cell", ""))
    source = reading.source(cell, name) or str(attempt.get("source", ""))[:20_000]
    about = {"cell": cell if cell in sections else "", "section": sections.get(cell, ""), "source": source}
    if "problem" in attempt:
        return about | {"state": "attempted", "problem": attempt["problem"]}
    try:
        with _JUDGING:
            box = _box(name, attempt["attempt"], draw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return about | {"state": "attempted", "problem": f"what it answers cannot be read ({type(error).__name__})"}
    missing = attempt.get("missing")
    return about | _worded(box, missing if isinstance(missing, dict) else {})


def _box(name: str, sent: dict, draw: int) -> Box:
    if name in BUILDS:
        return building.build_verdict(BUILDS[name], exchange.build_attempt(BUILDS[name], sent), draw)
    return checking.verdict(EXERCISES[name], exchange.attempt_at(EXERCISES[name], sent, draw), draw)


def _worded(box: Box, missing: Mapping[str, str]) -> dict:
    """A box as a row has it; an exercise that lacks what was not run above it is not reached."""
    if box.kind != "wrong":
        return {"state": box.kind, "points": float(box.points)}
    remark = " ".join(box.text)
    unknown = re.search(r"stops with NameError: name '(\w+)' is not defined", remark)
    if unknown and unknown[1] in missing:
        return {"state": "not reached", "problem": str(missing[unknown[1]])[:200]}
    return {"state": "attempted", "points": box.points, "mistake": box.mistake, "remark": remark, "rows": box.rows}


def _row(student: str, paths: Sequence[Path], contents: Mapping, judged: Mapping[Path, dict]) -> dict:
    """All that one student handed in, in one row."""
    exercises, remarks = {}, []
    for path in paths:
        for name, found in judged[path]["exercises"].items() if path in judged else ():
            known = exercises.get(name)
            if known is None or (found["points"], -STATES.index(found["state"])) > (
                known["points"],
                -STATES.index(known["state"]),
            ):
                exercises[name] = {"notebook": _item(name).texts["notebook"], "file": str(path)} | found
        remarks += judged[path]["remarks"] if path in judged else []
    answers = [contents[path] for path in paths if isinstance(contents[path], dict)]
    problems = [str(contents[path]) for path in paths if isinstance(contents[path], ValueError)]
    problems += [f"{name}: {found['problem']}" for name, found in exercises.items() if found["problem"]]
    if not exercises and any(path in judged for path in paths):
        problems.append("there is no exercise in it")
    quizzes = {name: chosen for one in answers for name, chosen in one["quizzes"].items()}
    return {
        "student": student,
        "version": ", ".join(dict.fromkeys(one["version"] for one in answers if one["version"])),
        "exercises": {name: exercises[name] for name in (*EXERCISES, *BUILDS) if name in exercises},
        "predictions": {name: said for one in answers for name, said in one["predictions"].items()},
        "quizzes": {
            name: {"answers": chosen, "right": count_right(name, chosen), "of": len(right_answers(name))}
            for name, chosen in quizzes.items()
        },
        "remarks": list(dict.fromkeys(remarks)),
        "problem": "; ".join(problems),
        "files": {str(path): judged.get(path, {}) for path in paths},
    }
