"""Grading: the exercises of learners' notebooks, judged by the installed package.

A notebook is not run from top to bottom, which would train for minutes. Of each exercise the last function of its name
under `@exercise` counts. Beside these only imports, functions, classes and constants are executed; a constant is an
assignment that calls nothing but functions of NumPy, torch and Python itself. A process that takes too long for one
exercise is ended.

What is trusted: the checker and its references, which are the installed package's. What a notebook says of itself is
not looked at: its outputs, its progress file, an `exercise` of its own. A function that uses what its notebook
imports from the course is marked; one that copies `show_solution`, or a neighbour, is not: the JSON keeps every source.
A notebook is code, and this runs it with your rights and without walls: grade the submissions of strangers in a
container.
"""

from __future__ import annotations

import ast
import builtins
import json
import linecache
import multiprocessing
import os
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager
from tqdm.auto import tqdm

from rlkit_mini.names import check_count
from rlkit_mini.tables import Table
from rlkit_workbook import __all__ as OFFERED
from rlkit_workbook.exercises import EXERCISES
from rlkit_workbook.exercises.checking import judge

TEACHING = {f"{package}.{name}" for package in ("rlkit_workbook", "rlkit_workbook.exercises") for name in OFFERED}
QUICK = {"numpy", "np", "torch", "math", *vars(builtins)}  # their functions may be called for a constant


def grade_notebooks(paths: Sequence[Path], timeout: float = 60.0, jobs: int | None = None) -> list[dict]:
    """One row per notebook, ready for JSON.

    Args:
        paths: of the notebooks; a number in front of a name ("05_...") says which exercises belong into it.
        timeout: seconds an exercise may take, with what it needs from the cells above.
        jobs: notebooks side by side; default one per core.

    Returns:
        Rows with "notebook", "exercises" (name -> "state": right, attempted, open or not reached; "remark", the
        checker's; "problem"; "source") and "problem": why it could not be read, or what is the matter, in one line.

    Raises:
        ValueError: no path, or one without a file; none of the files is a notebook; a timeout or jobs that cannot be.
    """
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise ValueError("there is nothing to grade; expected at least one notebook, such as submissions/*/05_*.ipynb")
    if not 0 < timeout <= 86_400:
        raise ValueError(f"timeout is {timeout}; expected more than 0 s, and at most 86,400 s")
    if jobs is not None:
        check_count("jobs", jobs)
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is no file: name the notebooks to grade, such as submissions/*/05_*.ipynb")
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        graded = pool.map(lambda path: _row(path, timeout), paths)
        rows = list(tqdm(graded, total=len(paths), unit=" notebooks", disable=None))
    if all(row["exercises"] is None for row in rows):
        raise ValueError(rows[0]["problem"])
    return rows


def grade_tables(rows: list[dict]) -> list[Table]:
    """A table for all notebooks with the same exercises; then one of the mistakes made in more than one notebook."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row["exercises"] or ())].append(row)
    tables = [_table(names, group) for names, group in groups.items()]
    made = [(name, found) for row in rows for name, found in (row["exercises"] or {}).items() if found["remark"]]
    often = [
        {"exercise": name, "notebooks": count, "what the checker says": _shortened(remark)}
        for (name, remark), count in Counter((name, found["remark"]) for name, found in made).most_common()
        if count > 1
    ]
    return tables + [Table(often, "\nMade in more than one notebook")] * bool(often)


def _table(names: tuple[str, ...], group: list[dict]) -> Table:
    lines = [{name: row["exercises"][name]["state"] for name in names} for row in group]
    lines = [{"notebook": row["notebook"]} | line for row, line in zip(group, lines, strict=True)]
    if names and len(group) > 1:
        right = {name: sum(line[name] == "right" for line in lines) for name in names}
        lines.append({"notebook": f"right, of {len(group)}"} | right)
    problems = [row["problem"] for row in group]
    if any(problems):
        problems += [""] * (len(lines) - len(group))
        lines = [line | {"problem": _shortened(text)} for line, text in zip(lines, problems, strict=True)]
    return Table(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."


def _verdict(state: str, remark: str = "", problem: str = "", source: str = "") -> dict[str, str]:
    return {"state": state, "remark": remark, "problem": problem, "source": source}


def _row(path: Path, timeout: float) -> dict:
    """What is to be said about one notebook."""
    try:
        found = _verdicts(_cells(path), str(path.resolve().parent), timeout)
    except (ValueError, EOFError) as error:
        problem = str(error) or f"{path} ends Python while it is read"
        return {"notebook": str(path), "exercises": None, "problem": problem}
    number = re.match(r"\d\d(?=\D)", path.name)
    numbers = {number[0]} if number else {EXERCISES[name].texts["notebook"] for name in found}
    missing = _verdict("not reached", problem="no cell defines it under @exercise")
    verdicts = {
        name: found.get(name, missing)
        for name, item in EXERCISES.items()
        if name in found or item.texts["notebook"] in numbers
    }
    problems = [f"{name}: {verdict['problem']}" for name, verdict in verdicts.items() if verdict["problem"]]
    return {
        "notebook": str(path),
        "exercises": verdicts,
        "problem": "; ".join(problems) if verdicts else "there is no exercise in it",
    }


def _cells(path: Path) -> dict[str, str]:
    """The code cells of a notebook, by their place among all cells: "cell 1", ..."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cells = nbformat.read(path, as_version=4).cells
        return {f"cell {i}": cell.source for i, cell in enumerate(cells, start=1) if cell.cell_type == "code"}
    except Exception as error:  # a damaged file fails in many ways
        reason = str(error).strip().partition("\n")[0][:80]
        raise ValueError(f"{path} is no notebook ({type(error).__name__}: {reason})") from error


# The process in which learners' code runs, seen from outside


def _verdicts(cells: dict[str, str], folder: str, timeout: float) -> dict[str, dict]:
    """Name -> verdict; a process that is lost to one exercise is followed by another one for those that remain."""
    verdicts = {}
    while True:
        with _judging_process(cells, folder, list(verdicts)) as (process, pipe):
            remaining = json.loads(pipe.recv_bytes())  # also says that Python has started
            for name in remaining:
                if not pipe.poll(timeout):
                    verdicts[name] = _verdict("attempted", problem=f"no answer within {timeout:g} s")
                    break
                try:
                    verdicts[name] = json.loads(pipe.recv_bytes())
                except EOFError:
                    process.join()
                    verdicts[name] = _verdict("attempted", problem=f"it ends Python (exit code {process.exitcode})")
                    break
            else:
                return verdicts


@contextmanager
def _judging_process(*arguments):
    """A process at `_judge_all` and the pipe that it writes to; both end with the block."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([__name__])  # torch is imported once for all notebooks
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        process = context.Process(target=_judge_all, args=(theirs, scratch, *arguments), daemon=True)
        process.start()
        theirs.close()
        try:
            yield process, ours
        finally:
            process.kill()
            process.join()
            ours.close()


# The same process from inside


def _judge_all(pipe, scratch: str, cells: dict[str, str], folder: str, done: list[str]) -> None:
    """Send the names of the exercises that are not done, in the notebook's order; then a verdict on each."""
    torch.set_num_threads(1)
    sys.path.append(folder)  # a learner's module beside the notebook
    os.chdir(scratch)
    os.environ |= {
        "RLKIT_MINI_PROGRESS": os.path.join(scratch, "progress.json"),
        "RLKIT_MINI_FIGURES": scratch,
        "MPLBACKEND": "agg",
    }
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        statements, broken = _statements(cells)
        last = {one.exercise: one for one in statements if one.exercise}  # of a name, the last one counts
        broken = {name: verdict for name, verdict in broken.items() if name not in {*last, *done}}
        judged = [one for one in statements if one is last.get(one.exercise) and one.exercise not in done]
        pipe.send_bytes(json.dumps([*broken, *(one.exercise for one in judged)]).encode())
        for verdict in broken.values():
            pipe.send_bytes(json.dumps(verdict).encode())
        notebook = _Notebook()
        for statement in statements:
            if statement in judged:
                pipe.send_bytes(json.dumps(notebook.judge(statement)).encode())
            else:
                notebook.run(statement)


@dataclass(frozen=True)
class Statement:
    """A statement on the top level of a cell; `exercise` is its name if it is a function under `@exercise`."""

    cell: str
    exercise: str
    node: ast.stmt
    code: CodeType


def _statement(cell: str, node: ast.stmt) -> Statement:
    """Compiled, without `@exercise`."""
    exercise = ""
    if isinstance(node, ast.FunctionDef) and node.name in EXERCISES:
        others = [mark for mark in node.decorator_list if ast.unparse(mark).split(".")[-1] != "exercise"]
        exercise = node.name if len(others) < len(node.decorator_list) else ""
        node.decorator_list = others
    return Statement(cell, exercise, node, compile(ast.Module([node], []), cell, "exec", dont_inherit=True))


def _statements(cells: dict[str, str]) -> tuple[list[Statement], dict[str, dict]]:
    """All statements in order; and the verdicts on exercises in cells that are no Python."""
    statements, broken = [], {}
    for cell, source in cells.items():
        linecache.cache[cell] = (len(source), None, source.splitlines(keepends=True), cell)  # for the checker's remarks
        try:
            source = TransformerManager().transform_cell(re.sub(r"\A\s*%%.*", "", source))  # no magics
            statements += [_statement(cell, node) for node in ast.parse(source, cell).body]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            for name in re.findall(r"^@exercise\s+def\s+(\w+)", source, flags=re.MULTILINE):
                broken[name] = _verdict("attempted", problem=f"{type(error).__name__}: {error}", source=source)
    return statements, broken


class _Notebook:
    """What the cells so far have given.

    Attributes:
        names: global name -> value.
        missing: a name that was not given -> why.
        imported: name -> where in this course it is from.
    """

    def __init__(self) -> None:
        self.names, self.missing, self.imported = {"__name__": "__main__"}, {}, {}

    def run(self, statement: Statement) -> None:
        """Execute an import, a function, a class or a constant; in place of an exercise goes the reference."""
        if statement.exercise:
            self.names[statement.exercise] = EXERCISES[statement.exercise].reference
            return
        self.imported |= _imports(statement.node)
        reason = _not_run(statement.node)
        try:
            if not reason:
                exec(statement.code, self.names)
        except BaseException as error:  # SystemExit among them
            reason = f"stops with {_words(error)}"
        if reason:
            stored = [node for node in _names(statement.node) if isinstance(node.ctx, ast.Store)]
            self.missing |= {node.id: f"{statement.cell} {reason}" for node in stored}

    def judge(self, statement: Statement) -> dict[str, str]:
        """The verdict on an exercise, whose name then holds what goes on."""
        name, source = statement.exercise, ast.unparse(statement.node)
        try:
            exec(statement.code, self.names)
            box, self.names[name] = judge(EXERCISES[name], self.names[name])
        except BaseException as error:
            self.names[name] = EXERCISES[name].reference
            return _verdict("attempted", problem=f"{statement.cell} stops with {_words(error)}", source=source)
        if box.kind == "wrong":
            remark = box.text[0].replace("`", "")
            unknown = re.search(r"stops with NameError: name '(\w+)' is not defined", remark)
            if unknown and unknown[1] in self.missing:
                return _verdict("not reached", problem=self.missing[unknown[1]], source=source)
            return _verdict("attempted", remark, source=source)
        used = {self.imported[node.id] for node in _names(statement.node) if node.id in self.imported}
        borrowed = sorted(used.union(_imports(statement.node).values())) if box.kind == "right" else []
        return _verdict(box.kind, problem=f"imports {', '.join(borrowed)}" if borrowed else "", source=source)


def _names(node: ast.stmt) -> list[ast.Name]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Name)]


def _imports(node: ast.stmt) -> dict[str, str]:
    """What it imports from this course, beside what every notebook does: name -> where it is from."""
    found = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            source = f"{part.module}." if isinstance(part, ast.ImportFrom) else ""
            found |= {alias.asname or alias.name: source + alias.name for alias in part.names}
    ours = ("rlkit_mini", "rlkit_workbook")
    return {name: source for name, source in found.items() if source.startswith(ours) and source not in TEACHING}


def _not_run(node: ast.stmt) -> str:
    """Why a statement is not executed; empty where it is."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return ""
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return f"is not run: line {node.lineno} is no import, function or constant"
    calls = [ast.unparse(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)]
    slow = [name for name in calls if name.partition(".")[0] not in QUICK]
    return f"is not run: line {node.lineno} calls {slow[0]}" if slow else ""


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
