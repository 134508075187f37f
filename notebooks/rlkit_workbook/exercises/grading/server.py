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
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import psutil

from rlkit_workbook.exercises.grading.inside import run_hand_in

COPIES = sys.platform == "linux"
MEMORY = 4 << 30  # bytes beyond those that torch takes
FILE = 256 << 20  # bytes of the largest file
MOST = 50  # processes of one notebook
LATE = [-getattr(signal, name) for name in ("SIGPROF", "SIGALRM") if hasattr(signal, name)]  # its clocks end it by them
DEATH_SIGNAL, SUBREAPER = 1, 36  # of Linux's prctl


class Server:
    """The grader's end of a server; it starts with the first notebook, and again where it was ended."""

    process: subprocess.Popen | None = None

    def run(self, job: Path, timeout: float, limit: float) -> str:
        """Run the notebook of a job: why it ended, empty where it came to its end.

        Args:
            timeout: seconds that each of its steps may compute, by clocks of its own.
            limit: seconds that all of it may take.
        """
        if self.process is None or self.process.poll() is not None:
            self._start()
        guard = threading.Timer(limit + 60, self.process.kill)  # a server that is held up
        guard.start()
        try:
            self.process.stdin.write(json.dumps([str(job), timeout, limit]) + "\n")
            self.process.stdin.flush()
            while line := self.process.stdout.readline(10_000):
                answered, _, ended = line.rstrip("\n").partition("\t")
                if answered == str(job):  # and not what somebody else wrote there
                    return ended
        except OSError:
            pass
        finally:
            guard.cancel()
        self.close()
        return "it ends the process that watches over it"

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C ends the grader, whose end ends this
        )

    def close(self) -> None:
        if self.process:
            with contextlib.suppress(OSError), self.process:
                self.process.kill()


# In the server


def serve() -> None:
    """Run one job after the other, as they are asked for, until nobody asks any more."""
    warnings.simplefilter("ignore")
    if COPIES:
        importlib.import_module("scipy.optimize")  # a notebook imports it, and beside it nothing else that takes time
        gc.freeze()  # the copies share this memory
        _prctl(SUBREAPER, 1)  # what a copy leaves behind becomes this process's child, and is found
    grader = os.getppid()
    for line in sys.stdin:
        job, timeout, limit = json.loads(line)
        print(job, _watched(Path(job), timeout, limit, grader), sep="\t", flush=True)


def _watched(job: Path, timeout: float, limit: float, grader: int) -> str:
    """Start a job, and wait: why it ended."""
    copy, late, until = _started(job), f"no answer within {timeout:g} s", time.monotonic() + limit
    try:
        while time.monotonic() < until:
            with contextlib.suppress(psutil.TimeoutExpired):
                code = int(copy.wait(0.2) or 0)
                ended = code or not (job / "ended").exists()
                return late if code in LATE else f"it ends Python (exit code {code})" if ended else ""
            if os.getppid() != grader:
                raise SystemExit
            if copy.status() == psutil.STATUS_STOPPED:
                return late
            _end([child for child in psutil.Process().children() if child != copy])  # whose parents have ended
            with contextlib.suppress(psutil.NoSuchProcess):
                states = [child.status() for child in copy.children(recursive=True)]
                if len(states) - states.count(psutil.STATUS_ZOMBIE) > MOST:
                    return f"it starts more than {MOST} processes"
        return late
    finally:
        while children := psutil.Process().children(recursive=True):
            _end(children)


def _started(job: Path) -> psutil.Process:
    if not COPIES:
        code = f"from {run_hand_in.__module__} import run_hand_in; run_hand_in({str(job)!r})"
        return psutil.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    server, copy = os.getpid(), os.fork()
    if copy:
        return psutil.Process(copy)
    try:
        _confine(server)
        run_hand_in(job)
        os._exit(0)
    finally:
        os._exit(70)


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


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=1)
