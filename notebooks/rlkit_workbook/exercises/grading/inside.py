"""What happens in the process in which a learner's notebook runs: answers go out as data, and nothing is judged here.

Only what goes on in the notebook is decided here, as the notebook itself would: a right function, or the reference.
"""

from __future__ import annotations

import ast
import asyncio
import codeop
import functools
import inspect
import io
import linecache
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from json import dumps, loads  # by themselves: a learner's code may change the module
from pathlib import Path
from types import FrameType

import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from rlkit_workbook import exercises
from rlkit_workbook.exercises import ITEMS
from rlkit_workbook.exercises.grading.exchange import LONGEST, to_json
from rlkit_workbook.exercises.grading.statements import FLAGS

MOST = 100  # attempts of one statement
PATIENCE = 6  # seconds on the clock for each that may be computed: other work may slow the machine down
PRINTED = 1_000_000  # characters beyond which printing is worth a remark
STARTING = dict.fromkeys(("os.fork", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen"), "starts a process")
SENDING = dict.fromkeys(("os.kill", "os.killpg"), "sends a signal to a process")
WATCHED = STARTING | SENDING | {"socket.connect": "opens a connection"}
WRITING = {"os.remove", "os.rename", "os.rmdir", "os.truncate", "os.chmod", "os.symlink", "os.link", "os.mkdir"}


def run_hand_in(job: str | Path) -> None:
    """Run what `plan.json` in the folder of a job names, in its `work`; answers go to `answers`, remarks to `remarks`.

    `at` says which step it has come to, and `ended` that it has come to its end.
    """
    job = Path(job)
    plan, folder = loads((job / "plan.json").read_text(encoding="utf-8")), job / "work"
    os.chdir(folder)
    os.environ |= {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "RLKIT_MINI_PROGRESS": str(folder / "progress.json"),
        "RLKIT_MINI_FIGURES": str(folder),
        "MPLBACKEND": "agg",
    }
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    out, run = _Counted(), _Run(job, plan, shell.user_ns)
    with shell.builtin_trap, redirect_stdout(out), redirect_stderr(out), _Watch(job) as watch:
        run.all_statements()
        if out.written > PRINTED:
            watch.note(f"prints {out.written // PRINTED} million characters")
    (job / "ended").touch()


class _Counted(io.TextIOBase):
    """Where output goes: nowhere, but it is counted."""

    written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        return len(text)


class _Watch:
    """Notes what is worth a remark, by Python's audit events; a hook cannot be taken away again."""

    def __init__(self, job: Path) -> None:
        self.file, self.allowed = job / "remarks", (os.path.realpath(job), "/dev/")
        self.noted: set[str] = set()

    def __enter__(self) -> _Watch:
        course = {name: module for name, module in sys.modules.items() if name.startswith("rlkit_")}
        self.before = {name: dict(vars(module)) for name, module in course.items()}
        sys.addaudithook(self._see)
        return self

    def __exit__(self, *_) -> None:
        for name, before in self.before.items():
            now = vars(sys.modules[name]) if name in sys.modules else before
            for each, value in before.items():
                if now.get(each) is not value:
                    self.note(f"changes the course's own `{name}.{each}`")

    def note(self, what: str) -> None:
        if what not in self.noted and len(self.noted) < 20:
            self.noted.add(what)
            with suppress(OSError), open(self.file, "a", encoding="utf-8") as file:
                file.write(what[:200].replace("\n", " ") + "\n")

    def _see(self, event: str, given: tuple) -> None:
        if event in WATCHED:
            self.note(WATCHED[event])
        elif event in WRITING:
            self._see_path(given[0], "changes")
        elif event == "open" and isinstance(given[0], (str, bytes, os.PathLike)):
            if given[2] & (os.O_WRONLY | os.O_RDWR):
                self._see_path(given[0], "writes")
            elif any(map(_is_learners, (sys._getframe(1), sys._getframe(2)))):  # IPython's own `open` is between
                self._see_path(given[0], "reads")

    def _see_path(self, path, verb: str) -> None:
        path = os.path.realpath(os.fsdecode(path))
        if not path.startswith(self.allowed):
            self.note(f"{verb} {path}, outside its folder")


def _is_learners(frame: FrameType | None) -> bool:
    return frame is not None and re.fullmatch(r"cell \d+", frame.f_code.co_filename) is not None


class _Run:
    """A run of a notebook's statements, and of `exercise` in it.

    Its steps are the statements and, within each, the attempts: "0007", "0007.00", "0007.01".
    """

    def __init__(self, job: Path, plan: dict, names: dict) -> None:
        self.job, self.plan, self.names = job, plan, names
        self.statement, self.attempts, self.process = "", 0, os.getpid()
        self.compile = codeop.Compile()  # what is imported from __future__ holds for all that follows
        self.compile.flags |= FLAGS
        self.missing: dict[str, str] = {}  # name -> why there is none
        exercises.exercise = self.exercise  # a module of the learner's own imports it from there

    def all_statements(self) -> None:
        for cell, source in self.plan["sources"].items():
            linecache.cache[cell] = (len(source), None, source.splitlines(keepends=True), cell)
        for number, (cell, place, gives) in enumerate(self.plan["needed"]):
            self.statement, self.attempts = f"{number:04}", 0
            self._begin(self.statement)
            reason = self.plan["lost"].get(self.statement, {}).get("problem")
            try:
                if not reason:
                    self._execute(cell, ast.parse(self.plan["sources"][cell]).body[place])
            except BaseException as error:
                reason = f"stops with {_words(error)}"
            if reason:
                self.missing |= dict.fromkeys(gives, f"{cell} {reason}"[:LONGEST])
        self._end_copies()

    def _execute(self, cell: str, node: ast.stmt) -> None:
        self.names |= dict.fromkeys(self.plan["aliases"], self.exercise)
        shown = isinstance(node, ast.Expr)
        tree = ast.Expression(node.value) if shown else ast.Module([node], [])
        code = self.compile(tree, cell, "eval" if shown else "exec")
        value = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:
            value = asyncio.run(value)
        if shown and value is not None:
            self.names["_"] = value

    def _begin(self, step: str, name: str = "") -> None:
        """Note which step this is, and at which exercise; it ends this process if it takes too long."""
        self._end_copies()
        self._write("at", {"step": step, "name": name})
        if hasattr(signal, "setitimer"):  # not on Windows; no handler, which would wait for Python
            signal.setitimer(signal.ITIMER_PROF, self.plan["timeout"])
            signal.setitimer(signal.ITIMER_REAL, PATIENCE * self.plan["timeout"])

    def _end_copies(self) -> None:
        if os.getpid() != self.process:
            os._exit(0)  # a copy of this process, which the learner's code made

    def _alone(self, function: Callable) -> Callable:
        """A function that gives one answer: copies of this process that it makes end with theirs."""

        @functools.wraps(function)
        def answer(*given, **named):
            try:
                return function(*given, **named)
            finally:
                self._end_copies()

        return answer

    def _write(self, name: str, content: dict) -> None:
        part = self.job / f"{name}.part"
        part.write_text(dumps(content), encoding="utf-8")
        part.replace(self.job / name)

    def exercise(self, attempt):
        """In place of the course's own: what the function or class does is written down, and what goes on is given."""
        name, step = getattr(attempt, "__name__", attempt), f"{self.statement}.{self.attempts:02}"
        item, draw = ITEMS[name], self.plan["draw"]
        self.attempts += 1
        if self.attempts > MOST or step in self.plan["lost"]:
            return item.reference
        self._begin(step, name)
        if not inspect.isclass(attempt):
            attempt = self._alone(attempt)
        elif "update" in vars(attempt):
            attempt.update = self._alone(attempt.update)
        try:
            got = item.attempt(attempt, draw)
            sent = {"missing": self.missing, "attempt": to_json(got)}
        except BaseException as error:  # KeyboardInterrupt, and whatever else is no Exception
            got, sent = None, {"problem": f"it stops with {_words(error)}"}
        self._write(f"answers/{step}", {"name": name} | sent)
        self._begin(self.statement)
        return item.going_on(got, attempt, draw) if got and item.is_right(got, draw) else item.reference


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
