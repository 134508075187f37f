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
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from queue import SimpleQueue

from tqdm.auto import tqdm

import rlkit_mini
from rlkit_mini.names import check_count
from rlkit_workbook.exercises import EXERCISES, ITEMS
from rlkit_workbook.exercises.grading import exchange
from rlkit_workbook.exercises.grading.inside import PATIENCE
from rlkit_workbook.exercises.grading.server import Server
from rlkit_workbook.exercises.grading.statements import Reading, read
from rlkit_workbook.exercises.grading.submissions import (
    Notebook,
    copy_neighbours,
    find_files,
    neighbours,
    read_answers,
    read_notebook,
    scored,
    students,
)
from rlkit_workbook.results import STANDALONE

STATES = ("right", "attempted", "open", "not reached")
RESTARTS = 10  # of one notebook, of which each begins after what ended or held up the one before
LONGEST = 64 << 20  # bytes of a file that a learner's process wrote
_JUDGING = threading.Lock()  # the references draw from torch's one global stream
_NOTHING = {"points": 0.0, "rows": {}} | dict.fromkeys(
    ("mistake", "remark", "problem", "source", "cell", "section"), ""
)
_NOT_REACHED = {"state": "not reached", "problem": "no cell defines it under @exercise"}


def grade_notebooks(
    paths: Sequence[Path], timeout: float = 20.0, jobs: int | None = None, earlier: Mapping[str, dict] | None = None
) -> list[dict]:
    """One row per student, ready for JSON.

    Args:
        paths: notebooks, folders of them, or wildcards; `students` says whose each file is.
        timeout: seconds an exercise may compute, and each of the statements above that it needs.
        jobs: notebooks side by side; default one per core.
        earlier: "files" of the rows of an earlier call; what is unchanged since is not judged again.

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
    jobs = check_count("jobs", os.cpu_count() if jobs is None else jobs)
    files = find_files(paths)
    contents = {path: _content(path) for path in files}  # before any learner's code runs, which could change them
    notebooks = {path: content for path, content in contents.items() if isinstance(content, Notebook)}
    if not notebooks:
        raise ValueError(next(str(content) for content in contents.values() if isinstance(content, ValueError)))
    judged = _judge_all(notebooks, timeout, jobs, earlier or {})
    groups = defaultdict(list)
    for path, student in students(files).items():
        groups[student].append(path)
    return [_row(student, group, contents, judged) for student, group in sorted(groups.items())]


def earlier_files(path: Path) -> dict[str, dict]:
    """What was found in each file when these rows were written; empty where there are none."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {file: found for row in rows for file, found in row["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _content(path: Path) -> Notebook | dict | ValueError:
    """What a file holds, or why it cannot be read."""
    try:
        return read_answers(path) if path.suffix == ".json" else read_notebook(path)
    except ValueError as error:
        return error


def _judge_all(
    notebooks: Mapping[Path, Notebook], timeout: float, jobs: int, earlier: Mapping[str, dict]
) -> dict[Path, dict]:
    """What is found in each notebook; as many servers as there are jobs take one after the other."""
    servers: SimpleQueue[Server] = SimpleQueue()
    draw = secrets.randbelow(2**31)

    def judge(path: Path) -> dict:
        digest, known = _digest(path, notebooks[path], timeout), earlier.get(str(path))
        if isinstance(known, dict) and known.get("digest") == digest:
            return known
        server = servers.get()
        try:
            return {"digest": digest} | _judge(path, notebooks[path], timeout, draw, server)
        finally:
            servers.put(server)

    with ExitStack() as stack:
        pool = ThreadPoolExecutor(jobs)
        stack.callback(pool.shutdown, cancel_futures=True)
        for _ in range(jobs):
            servers.put(stack.enter_context(closing(Server())))  # before the pool: what still runs in it ends
        found = tqdm(pool.map(judge, notebooks), total=len(notebooks), unit=" notebooks", disable=None)
        return dict(zip(notebooks, found, strict=True))


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


def _judge(path: Path, notebook: Notebook, timeout: float, draw: int, server: Server) -> dict:
    """What is found in one notebook."""
    reading = read(notebook.cells)
    attempts, remarks = _run(path, reading, timeout, draw, server)
    verdicts = defaultdict(list)
    for name, text in reading.broken.items():
        verdicts[name].append({"state": "attempted", "problem": text})
    for step, attempt in sorted(attempts.items()):
        cell = reading.needed[int(step[:4])].cell
        about = {"cell": cell, "section": notebook.sections[cell], "source": reading.source(attempt["name"], cell)}
        verdicts[attempt["name"]].append(about | _verdict(attempt, draw))
    found = {}
    for name, judged in verdicts.items():
        found[name] = next((one for one in reversed(judged) if one["state"] != "open"), judged[-1])
        if len(judged) > 1:
            remarks.append(f"{name}: {len(judged)} cells define it, {found[name]['cell'] or 'the last'} counts")
    asked = {notebook.number} - {""} or {ITEMS[name].texts["notebook"] for name in found}
    asked = asked or set(re.findall(r"(?<!\d)\d\d(?!\d)", path.name)[:1])
    missing = {name: _NOT_REACHED for name, item in EXERCISES.items() if item.texts["notebook"] in asked}
    found = {name: _NOTHING | one for name, one in (missing | found).items()}
    return {"exercises": found, "remarks": [*reading.remarks, *dict.fromkeys(remarks)]}


def _run(path: Path, reading: Reading, timeout: float, draw: int, server: Server) -> tuple[dict[str, dict], list[str]]:
    """Run a notebook: its attempts by their steps, and remarks.

    A process that is lost to an attempt or a statement is followed by one that leaves it out.
    """
    plan = {
        "sources": reading.sources,
        "needed": [(one.cell, one.number, sorted(one.gives)) for one in reading.needed],
        "aliases": sorted(reading.aliases),
        "timeout": timeout,
        "draw": draw,
    }
    lost, remarks, checked = {}, [], sum(one.checked for one in reading.needed)
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        for number in range(RESTARTS):
            job = Path(scratch, str(number))
            (job / "answers").mkdir(parents=True)
            copy_neighbours(path, job / "work")
            (job / "plan.json").write_text(json.dumps(plan | {"lost": lost}), encoding="utf-8")
            reason = server.run(job, timeout, PATIENCE * timeout * (checked + 2))
            remarks += [
                "".join(filter(str.isprintable, line))[:200] for line in _left(job / "remarks").splitlines()[:20]
            ]
            at = _sent(job / "at")
            step = str(at.get("step"))
            if not reason or step in lost:  # it was left out, and yet the process ended there again
                break
            lost[step] = {"name": at.get("name"), "problem": reason}
        attempts = {file.name: _sent(file) for file in (job / "answers").glob("*")} | lost
        steps = {f"{number:04}" for number in range(len(reading.needed))}
        known = {step: one for step, one in attempts.items() if step[:4] in steps and str(one.get("name")) in ITEMS}
        return known, remarks


def _left(path: Path) -> str:
    """What a learner's process wrote into a file; empty where that is no file, or too much."""
    try:
        about = os.lstat(path)
        fit = stat.S_ISREG(about.st_mode) and about.st_size <= LONGEST
        return path.read_text(encoding="utf-8", errors="replace") if fit else ""
    except OSError:
        return ""


def _sent(path: Path) -> dict:
    """The JSON object in such a file; empty where there is none."""
    try:
        found = json.loads(_left(path))
        return found if isinstance(found, dict) else {}
    except (ValueError, RecursionError):
        return {}


def _verdict(attempt: dict, draw: int) -> dict:
    """What is to be said of an attempt, of which only its answers are believed, as a row has it."""
    if "problem" in attempt:
        return {"state": "attempted", "problem": attempt["problem"]}
    try:
        with _JUDGING:
            item = ITEMS[attempt["name"]]
            box = item.verdict(exchange.attempt_at(item, attempt["attempt"], draw), draw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {"state": "attempted", "problem": f"what it answers cannot be read ({type(error).__name__})"}
    if box.kind != "wrong":
        return {"state": box.kind, "points": float(box.points)}
    remark, missing = " ".join(box.text), attempt.get("missing")
    unknown = re.search(r"stops with NameError: name '(\w+)' is not defined", remark)
    if unknown and isinstance(missing, dict) and unknown[1] in missing:  # something above it that was not run
        return {"state": "not reached", "problem": str(missing[unknown[1]])[:200]}
    return {"state": "attempted", "points": box.points, "mistake": box.mistake, "remark": remark, "rows": box.rows}


def _row(student: str, paths: Sequence[Path], contents: Mapping, judged: Mapping[Path, dict]) -> dict:
    """All that one student handed in, in one row."""
    handed, found = {path: judged[path] for path in paths if path in judged}, defaultdict(list)
    for path, one in handed.items():
        for name, verdict in one["exercises"].items():
            found[name].append({"notebook": ITEMS[name].texts["notebook"], "file": str(path)} | verdict)
    exercises = {
        name: max(found[name], key=lambda one: (one["points"], -STATES.index(one["state"])))
        for name in ITEMS
        if name in found
    }
    answers = [contents[path] for path in paths if isinstance(contents[path], dict)]
    problems = [str(contents[path]) for path in paths if isinstance(contents[path], ValueError)]
    problems += [f"{name}: {one['problem']}" for name, one in exercises.items() if one["problem"]]
    problems += ["there is no exercise in it"] if handed and not exercises else []
    return {
        "student": student,
        "version": ", ".join(dict.fromkeys(one["version"] for one in answers if one["version"])),
        "exercises": exercises,
        "predictions": {name: said for one in answers for name, said in one["predictions"].items()},
        "quizzes": {name: scored(name, chosen) for one in answers for name, chosen in one["quizzes"].items()},
        "remarks": list(dict.fromkeys(remark for one in handed.values() for remark in one["remarks"])),
        "problem": "; ".join(problems),
        "files": {str(path): judged.get(path, {}) for path in paths},
    }
