"""Grading: the exercises of learners' notebooks, judged by the installed package.

A notebook is not run from top to bottom, which would train for minutes. Of each exercise the last function of its name
under `@exercise` is taken, and with it what it reads from the cells above, and what that reads: imports, helper
functions, constants. Only this is executed, in a process that is ended when it takes too long.

What is trusted: the checker and its references, which are the installed package's. What a notebook says of itself is
not looked at: its outputs, its progress file, an `exercise` of its own. A function that imports from the package is
marked; one that copies `show_solution`, or a neighbour, is not: the JSON keeps every source. A notebook is code, and
this runs it with your rights and without walls: grade the submissions of strangers in a container.
"""

from __future__ import annotations

import ast
import copy
import dis
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
from functools import cached_property
from pathlib import Path
from types import CodeType

import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager
from tqdm.auto import tqdm

from rlkit_mini.tables import Table
from rlkit_workbook import __all__ as OFFERED
from rlkit_workbook.exercises import EXERCISES
from rlkit_workbook.exercises.checking import judge

TEACHING = {f"{package}.{name}" for package in ("rlkit_workbook", "rlkit_workbook.exercises") for name in OFFERED}


def grade_notebooks(paths: Sequence[Path], timeout: float = 60.0, jobs: int | None = None) -> list[dict]:
    """One row a notebook, ready for JSON.

    Args:
        paths: of the notebooks; a number in front of a name ("05_...") says which exercises belong into it.
        timeout: seconds an exercise may take, with what it needs from the cells above.
        jobs: notebooks side by side; default one a core.

    Returns:
        Rows with "notebook", "exercises" (name -> "state": right, attempted, open or not reached; "remark", the
        checker's; "problem"; "source") and "problem": why it could not be read, or what is the matter, in one line.

    Raises:
        ValueError: there is no file at a path, or none of the files is a notebook.
    """
    paths = list(dict.fromkeys(paths))
    if not paths or not 0 < timeout <= 86_400 or (jobs is not None and jobs < 1):
        raise ValueError("grading needs at least one notebook, a timeout from 0 to 86,400 s and at least one job")
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
    """Send the names of the exercises that are not done, then a verdict on each."""
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
        targets = {one.exercise: i for i, one in enumerate(statements) if one.exercise}  # the last one of a name counts
        names = [name for name in EXERCISES if (name in targets or name in broken) and name not in done]
        pipe.send_bytes(json.dumps(names).encode())
        for name in names:
            verdict = _judged(statements, targets[name]) if name in targets else broken[name]
            pipe.send_bytes(json.dumps(verdict).encode())


@dataclass(frozen=True)
class Statement:
    """A statement on the top level of a cell."""

    cell: str
    node: ast.stmt

    @cached_property
    def exercise(self) -> str:
        """The name of the function under `@exercise`, if this is one."""
        marked = isinstance(self.node, ast.FunctionDef) and any(map(_is_mark, self.node.decorator_list))
        return self.node.name if marked and self.node.name in EXERCISES else ""

    @cached_property
    def unmarked(self) -> Statement:
        """The same function without `@exercise`."""
        node = copy.copy(self.node)
        node.decorator_list = [decorator for decorator in node.decorator_list if not _is_mark(decorator)]
        return Statement(self.cell, node)

    @cached_property
    def code(self) -> CodeType:
        return compile(ast.Module([self.node], []), self.cell, "exec", dont_inherit=True)

    @cached_property
    def reads(self) -> set[str]:
        """Global names that it reads, also inside functions."""
        return _names(self.code, ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"), nested=True)

    @cached_property
    def binds(self) -> set[str]:
        """Global names that it gives or changes; "*" for those of a star import."""
        if isinstance(self.node, ast.ImportFrom) and self.node.names[0].name == "*":
            return {"*"}
        parts = [node for node in ast.walk(self.node) if isinstance(getattr(node, "ctx", None), ast.Store)]
        changed = [part for part in parts if not isinstance(part, ast.Name)]
        if not isinstance(self.node, ast.FunctionDef | ast.ClassDef):  # table.update(...) changes the table
            alone = [node.value for node in ast.walk(self.node) if isinstance(node, ast.Expr)]
            changed += [c.func for c in alone if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute)]
        changed = {re.match(r"\w*", ast.unparse(part))[0] for part in changed}
        return changed | _names(self.code, ("STORE_NAME", "STORE_GLOBAL"), nested=False)

    @cached_property
    def borrows(self) -> set[str]:
        """What it imports from this package, also inside functions, beside what every notebook does."""
        modules = set()
        for node in ast.walk(self.node):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        return {name for name in modules if name.startswith(("rlkit_mini", "rlkit_workbook")) and name not in TEACHING}


def _is_mark(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).split(".")[-1] == "exercise"


def _names(code: CodeType, operations: tuple[str, ...], nested: bool) -> set[str]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname in operations}
    inside = [constant for constant in code.co_consts if isinstance(constant, CodeType)] if nested else []
    return names.union(*(_names(part, operations, nested) for part in inside))


def _statements(cells: dict[str, str]) -> tuple[list[Statement], dict[str, dict]]:
    """All statements in order; and the verdicts on exercises in cells that are no Python."""
    statements, broken = [], {}
    for cell, source in cells.items():
        linecache.cache[cell] = (len(source), None, source.splitlines(keepends=True), cell)  # for the checker's remarks
        try:
            source = TransformerManager().transform_cell(re.sub(r"\A\s*%%.*", "", source))  # no magics
            found = [Statement(cell, node) for node in ast.parse(source, cell).body]
            for statement in found:
                statement.code  # noqa: B018  compiles it, or raises
            statements += found
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            for name in re.findall(r"^@exercise\s+def\s+(\w+)", source, flags=re.MULTILINE):
                broken[name] = _verdict("attempted", problem=f"{type(error).__name__}: {error}", source=source)
    return statements, broken


def _needed(target: Statement, above: list[Statement]) -> list[Statement]:
    """What a statement reads from those above it, and what these read."""
    names, kept = {"*"} | target.reads, set()
    while more := {i for i, statement in enumerate(above) if i not in kept and statement.binds & names}:
        kept |= more
        names = names.union(*(above[i].reads for i in more))
    return [above[i] for i in sorted(kept)]


def _judged(statements: list[Statement], place: int) -> dict[str, str]:
    """The verdict on the exercise at this place."""
    name, target = statements[place].exercise, statements[place].unmarked
    needed, source = _needed(target, statements[:place]), ast.unparse(target.node)
    names = {"__name__": "__main__"}
    for statement in needed:
        try:
            exec(statement.code, names)
        except BaseException as error:  # SystemExit among them
            return _verdict("not reached", problem=f"{statement.cell} stops with {_words(error)}", source=source)
    try:
        exec(target.code, names)
        box, _ = judge(EXERCISES[name], names[name])
    except BaseException as error:
        return _verdict("attempted", problem=f"{target.cell} stops with {_words(error)}", source=source)
    borrowed = sorted(set().union(*(statement.borrows for statement in [*needed, target])))
    problem = f"imports {', '.join(borrowed)}" if borrowed and box.kind == "right" else ""
    remark = box.text[0].replace("`", "") if box.kind == "wrong" else ""
    return _verdict("attempted" if box.kind == "wrong" else box.kind, remark, problem, source)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
