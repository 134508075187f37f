"""Processes in which learners' code runs: each ends in time, and with whoever started it.

A server imports torch and the course once. For each notebook it copies itself (Linux; elsewhere a fresh Python starts),
and watches over the copy: it ends when it takes too long, starts too many processes, or nobody waits for it any more.
What a copy started itself ends with it. A server answers with one line: why the copy ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import secrets
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil

MODULE, INSIDE = (f"rlkit_workbook.exercises.grading.{name}" for name in ("server", "inside"))
COPIES = sys.platform == "linux"
MEMORY = 4 << 30  # bytes beyond those that torch takes
FILE = 256 << 20  # bytes of the largest file
MOST = 50  # processes of one notebook
DEATH_SIGNAL, SUBREAPER = 1, 36  # of Linux's prctl
LATE = "no answer in time"
PATIENCE = 6  # seconds on the clock for each that may be computed


class Server:
    """The grader's end of a server; it starts with the first notebook, and again where it was ended.

    Args:
        many: notebooks are to come, so that it is worth to import beforehand what they import.
    """

    def __init__(self, many: bool) -> None:
        self.many = many
        self.process: subprocess.Popen | None = None

    def run(self, job: Path, timeout: float, limit: float) -> str:
        """Run the notebook of a job: why it ended, empty where it came to its end.

        Args:
            timeout: seconds that each of the steps may compute that it notes in `job/at`.
            limit: seconds that all of it may compute.
        """
        if self.process is None or self.process.poll() is not None:
            self._start()
        token = secrets.token_hex(8)
        guard = threading.Timer(PATIENCE * limit + 60, self.process.kill)  # a server that is held up
        guard.start()
        try:
            order = {"job": str(job), "timeout": timeout, "limit": limit, "token": token}
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            while line := self.process.stdout.readline(10_000):
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    answer = json.loads(line)
                    if answer["token"] == token:
                        return str(answer["ended"])
        except OSError:
            pass
        finally:
            guard.cancel()
        self.close()
        return "it ends the process that watches over it"

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", MODULE, "many" if self.many else "few"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends the grader, whose end ends this
        )

    def close(self) -> None:
        if self.process:
            for stream in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()
            self.process.kill()
            self.process.wait()


# In the server


def serve(many: bool) -> None:
    """Run one job after the other, as they are asked for, until nobody asks any more."""
    warnings.simplefilter("ignore")
    if COPIES and many:
        _import_everything()
    if COPIES:
        importlib.import_module(INSIDE)  # and torch with it, once for all notebooks
        gc.freeze()  # the copies share this memory
        _prctl(SUBREAPER, 1)  # what a copy leaves behind becomes this process's child, and is found
    grader = os.getppid()
    for line in sys.stdin:
        order = json.loads(line)
        ended = _watched(Path(order["job"]), order["timeout"], order["limit"], grader)
        print(json.dumps({"token": order["token"], "ended": ended}), flush=True)


def _import_everything() -> None:
    """What notebooks import, so that no copy has to."""
    import rlkit_mini
    import rlkit_workbook

    names = ["minari", "scipy.optimize", "scipy.special", "matplotlib.pyplot"]
    for package in (rlkit_mini, rlkit_workbook):
        names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    for name in names:
        if "__main__" not in name and name not in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _watched(job: Path, timeout: float, limit: float, grader: int) -> str:
    """Start a job, and wait: why it ended."""
    pid, poll = _started(job)
    copy, counted, seen = psutil.Process(pid), 0.0, None
    begun = step_begun = _clocks(copy)
    try:
        while (code := poll()) is None:
            if os.getppid() != grader:
                raise SystemExit
            now, at = _clocks(copy), _changed_at(job / "at")
            step_begun, seen = (now, at) if at != seen else (step_begun, seen)
            if _is_late(step_begun, now, timeout) or _is_late(begun, now, limit):
                return LATE
            if now[0] - counted > 0.2:
                counted = now[0]
                _end([child for child in psutil.Process().children() if child != copy])  # left behind by their parents
                if sum(map(_is_alive, copy.children(recursive=True))) > MOST:
                    return f"it starts more than {MOST} processes"
            time.sleep(0.005)
    finally:
        _end_children()
    return f"it ends Python (exit code {code})" if code or _is_unfinished(job / "at") else ""


def _clocks(process: psutil.Process) -> tuple[float, float]:
    """Seconds on the clock, and seconds that a process has computed."""
    try:
        return time.monotonic(), sum(process.cpu_times()[:2])
    except psutil.Error:
        return time.monotonic(), 0.0


def _is_late(begun: tuple[float, float], now: tuple[float, float], timeout: float) -> bool:
    """Whether it has computed for too long, or taken far longer: other work may slow the machine down."""
    return now[1] - begun[1] > timeout or now[0] - begun[0] > PATIENCE * timeout


def _changed_at(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _is_unfinished(path: Path) -> bool:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["statement"] is not None
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _started(job: Path) -> tuple[int, Callable[[], int | None]]:
    """Start the process of a job: its number, and a function that gives its exit code once it has ended."""
    if not COPIES:
        fresh = subprocess.Popen([sys.executable, "-m", MODULE, str(job)], stdout=subprocess.DEVNULL)
        return fresh.pid, fresh.poll
    server, copy = os.getpid(), os.fork()
    if not copy:
        code = 70
        try:
            _confine(server)
            _run(job)
            code = 0
        finally:
            os._exit(code)

    def poll() -> int | None:
        ended, status = os.waitpid(copy, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None

    return copy, poll


def _run(job: Path) -> None:
    importlib.import_module(INSIDE).run_hand_in(job)


def _confine(server: int) -> None:
    """A session of its own without anybody's files, which ends with its server and takes a bounded memory."""
    import resource

    os.setsid()
    _prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, 65_536)
    memory = psutil.Process().memory_info().data + MEMORY
    for kind, most in (("DATA", memory), ("FSIZE", FILE), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value)


def _end_children() -> None:
    """End whatever this process, or what it started, has left."""
    while children := psutil.Process().children(recursive=True):
        _end(children)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=1)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


if __name__ == "__main__":
    serve(sys.argv[1] == "many") if sys.argv[1] in ("many", "few") else _run(Path(sys.argv[1]))
