"""Hand-ins that play tricks: each is judged by what it answers, the trick is remarked, and the others go on."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from hand_ins import ANSWER, IMPORTS, RIGHT, TARGET, notebook

from rlkit_workbook.exercises import EXERCISES
from rlkit_workbook.exercises.checking import Attempt
from rlkit_workbook.exercises.grading import exchange, grade_notebooks

pytestmark = pytest.mark.slow
FRAMES = """frame = sys._getframe()
    while frame:
        for found in (frame.f_locals.get("self"), frame.f_locals.get("exercise")):
            if hasattr(found, "reference"):
                return found.reference(rewards, terminations, next_values, discount)
        frame = frame.f_back"""
DAEMON = f"""if not os.fork():
        os.setsid()
        if not os.fork():
            open("/proc/self/comm", "w").write("left-behind")
            time.sleep(600)
        os._exit(0)
    {ANSWER}"""
RECURSION = "sys.setrecursionlimit(10**9)\n    again = lambda: again()\n    again()"
LISTED = """known = {(-1.0, 0.0): [-10.0], (5.0, 1.0): [5.0]}
    return torch.tensor(known.get((rewards.flatten()[0].item(), terminations.flatten()[0].item())))"""
ALIKE = "class Alike:\n        __eq__ = lambda self, other: True\n        __hash__ = None\n    return Alike()"
HOSTILE = {  # a trick -> cells above, body of td_target, its state, and what is told of it
    "changes the checker": (
        "from rlkit_workbook.exercises import checking\nchecking.is_close = lambda *_: True\n"
        "checking.Exercise.verdict = checking.Answer.__eq__ = lambda *_: True",
        "checking._fault = lambda *_: ''\n    return rewards",
        "attempted",
        "changes the course's own",
    ),
    "brings its own checker": (
        "def exercise(function):\n    return function",
        "return rewards",
        "attempted",
        "",
    ),
    "reads frames": ("import sys", FRAMES, None, "reads frames"),
    "searches memory": (
        "import gc",
        "return next(x for x in gc.get_objects() if getattr(x, '__name__', '') == 'td_target' and x is not td_target)"
        "(rewards, terminations, next_values, discount)",
        None,
        "reads frames",
    ),
    "imports the reference": (
        "from rlkit_mini.agents.dqn import td_target as ready",
        "return ready(rewards, terminations, next_values, discount)",
        "right",
        "td_target: imports rlkit_mini.agents.dqn.td_target",
    ),
    "imports it through a helper": (
        "import rlkit_mini.agents.dqn as course\nhelper = course.td_target",
        "return helper(rewards, terminations, next_values, discount)",
        "right",
        "td_target: imports rlkit_mini.agents.dqn",
    ),
    "imports it by a string": (
        "import importlib",
        "course = importlib.import_module('rlkit_mini.agents.dqn')\n    "
        "return course.td_target(rewards, terminations, next_values, discount)",
        "right",
        "td_target: names rlkit_mini.agents.dqn",
    ),
    "imports the solutions": (
        "",
        "from rlkit_workbook.exercises import EXERCISES\n    "
        "return EXERCISES['td_target'].reference(rewards, terminations, next_values, discount)",
        "right",
        "td_target: imports rlkit_workbook.exercises.EXERCISES",
    ),
    "ends Python": ("import os", "os._exit(0)", "attempted", "it ends Python (exit code 0)"),
    "exits": ("import sys", "sys.exit()", "attempted", ""),
    "interrupts": ("", "raise KeyboardInterrupt", "attempted", ""),
    "raises what is no Exception": ("class Odd(BaseException): ...", "raise Odd", "attempted", ""),
    "forks, and both go on": ("import os", "os.fork()\n    " + ANSWER, "right", "starts a process"),
    "starts a crowd": (
        "import os, time",
        "for _ in range(6): os.fork()\n    time.sleep(100)",
        "attempted",
        "starts a process",
    ),
    "leaves a process behind": ("import os, time", DAEMON, "right", "starts a process"),
    "ends what watches over it": (
        "import os, time",
        "os.kill(os.getppid(), 9)\n    time.sleep(100)",
        "attempted",
        "it ends the process that watches over it",
    ),
    "hangs": ("", "while True: pass", "attempted", "no answer within 4 s"),
    "hangs where nothing can interrupt it": ("", "return sum(range(10**15))", "attempted", "no answer within 4 s"),
    "stops itself": ("import os", "os.kill(os.getpid(), 19)\n    " + ANSWER, "attempted", "no answer within 4 s"),
    "notes that it goes on, and hangs": (
        "import pathlib, time",
        "while True:\n        pathlib.Path('../at').touch()\n        time.sleep(0.1)",
        "attempted",
        "no answer within 4 s",
    ),
    "floods its output": (
        "import os",
        "print('x' * 2_000_000)\n    os.write(1, b'x' * 2_000_000)\n    os.write(2, b'x')\n    " + ANSWER,
        "right",
        "million characters",
    ),
    "takes 20 GB": ("", "return torch.ones(5 * 10**9)", "attempted", "alloc"),
    "takes 20 GB in NumPy": ("import numpy as np", "return np.ones(20 * 10**9, dtype=np.int8)", "attempted", "alloc"),
    "answers at length": ("", "return torch.zeros(10**6)", "attempted", "shape"),
    "writes elsewhere": (
        "",
        "open(ELSEWHERE, 'w').write('I was here')\n    " + ANSWER,
        "right",
        "elsewhere.txt, outside its folder",
    ),
    "reads a neighbour's": (
        "",
        "open(NEIGHBOUR).read()\n    " + ANSWER,
        "right",
        "outside its folder",
    ),
    "destroys a neighbour's": (
        "",
        "open(NEIGHBOUR, 'w').write('{')\n    " + ANSWER,
        "right",
        "outside its folder",
    ),
    "removes its own folder": (
        "import os, shutil",
        "shutil.rmtree('.', ignore_errors=True)\n    " + ANSWER,
        "right",
        "",
    ),
    "goes elsewhere": ("import os", "os.chdir('/')\n    os.environ.clear()\n    " + ANSWER, "right", ""),
    "closes every file": ("import os", "os.closerange(0, 1000)\n    " + ANSWER, "right", ""),
    "writes answers itself": (
        "import json, pathlib",
        "at = pathlib.Path('../at')\n    step = json.loads(at.read_text())['step']\n"
        "    sent = json.dumps({'name': 'td_target', 'attempt': {'state': 'right'}})\n"
        "    for name in (step, '9999', '0000.99', 'x'): pathlib.Path('../answers', name).write_text(sent)\n"
        "    for name in ('0000', '0000.98'): pathlib.Path('../answers', name).write_text('[' * 10**5)\n"
        "    pathlib.Path('../answers', '0001').mkdir()\n    at.write_text('[]')\n"
        "    return rewards",
        "attempted",
        "",
    ),
    "lists what it was asked": ("", LISTED, "attempted", ""),
    "gives what equals everything": ("", ALIKE, "attempted", "returns a Alike"),
    "crashes": ("import ctypes", "ctypes.string_at(0)", "attempted", "it ends Python (exit code -11)"),
    "recurses until it crashes": ("import sys", RECURSION, "attempted", ""),
    "changes JSON": ("import json\njson.dumps = json.loads = None", ANSWER, "right", ""),
    "forgets every module": ("import sys", "sys.modules.clear()\n    " + ANSWER, "attempted", "KeyError"),
    "ends in a cell above": ("import os\nos._exit(3)", ANSWER, "right", ""),
    "claims to be empty": ("", "return ...", "attempted", "returns `Ellipsis`"),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The row of each, all graded together with an honest one; and the folder."""
    folder = tmp_path_factory.mktemp("hand ins")
    honest = notebook(folder / "honest/02.ipynb", IMPORTS, *RIGHT)
    paths = f"ELSEWHERE, NEIGHBOUR = {str(folder / 'elsewhere.txt')!r}, {str(honest)!r}"
    for trick, (above, body, *_) in HOSTILE.items():
        notebook(folder / trick / "02.ipynb", IMPORTS, paths, above, RIGHT[0], TARGET + body, RIGHT[2])
    return {row["student"]: row for row in grade_notebooks([folder], timeout=4, jobs=2)}, folder


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_trick_is_judged_by_what_it_answers_and_told(trick, graded):
    row, (*_, state, told) = graded[0][trick], HOSTILE[trick]
    found = row["exercises"]
    assert state in (None, found["td_target"]["state"]), row
    assert told in f"{row['problem']} {row['remarks']} {found['td_target']['remark']}"


@pytest.mark.parametrize("trick", HOSTILE)
def test_the_other_exercises_of_a_hostile_notebook_are_judged(trick, graded):
    if trick in ("writes answers itself", "forgets every module", "removes its own folder"):
        pytest.skip("what it destroys is its own")
    found = graded[0][trick]["exercises"]
    assert [found[name]["state"] for name in ("novelty_bonus", "epsilon_greedy")] == ["right", "right"]


def test_who_was_honest_is_not_touched(graded):
    row = graded[0]["honest"]
    assert [found["state"] for found in row["exercises"].values()] == ["right"] * 3
    assert (row["problem"], row["remarks"]) == ("", [])


def test_who_stops_the_clocks_ends_all_the_same(tmp_path):
    stop = "signal.setitimer(signal.ITIMER_PROF, 0)\n    signal.setitimer(signal.ITIMER_REAL, 0)\n    "
    notebook(tmp_path / "02.ipynb", IMPORTS, "import signal, time", TARGET + stop + "time.sleep(600)")
    (row,) = grade_notebooks([tmp_path], timeout=1, jobs=1)
    assert row["exercises"]["td_target"]["problem"] == "no answer within 1 s"


def test_nothing_is_left_running(graded):
    assert not [process.pid for process in psutil.process_iter(["name"]) if process.info["name"] == "left-behind"]
    assert not psutil.Process().children(recursive=True)


GRADE = """
import sys
from pathlib import Path
from rlkit_workbook.exercises.grading import grade_notebooks
grade_notebooks([Path(sys.argv[1])], timeout=600, jobs=1)
"""


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_learners_processes_end_with_the_grader_whatever_ends_it(end, tmp_path):
    loop = "import os, pathlib\n    pathlib.Path(PID).write_text(str(os.getpid()))\n    return sum(range(10**15))"
    pid = tmp_path / "pid"
    path = notebook(tmp_path / "02.ipynb", IMPORTS, f"PID = {str(pid)!r}", TARGET + loop)
    grader = subprocess.Popen([sys.executable, "-c", GRADE, path])
    try:
        _wait_for(lambda: pid.exists() and pid.read_text())
        learner = psutil.Process(int(pid.read_text()))
        server = learner.parent()
        os.kill(grader.pid, getattr(signal, end))
        grader.wait(timeout=60)
    finally:
        grader.kill()
        grader.wait()
    _wait_for(lambda: has_ended(learner) and has_ended(server))


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def test_what_a_process_sends_is_read_as_data_only():
    item = EXERCISES["td_target"]
    sent = json.loads(json.dumps(exchange.to_json(Attempt(answers=item.known("", 0)))))
    assert item.is_right(exchange.attempt_at(item, sent, 0))
    case = next(iter(item.drawn(0)))
    for value in (
        {"dtype": "|O", "shape": [1], "data": "AAAAAAAAAAA="},
        {"dtype": "<f8", "shape": [10**12], "data": ""},
        {"dtype": "<f8", "shape": [-1], "data": ""},
        {"dtype": ["<f8"], "shape": [0], "data": ""},
        {"dtype": "<f8", "shape": [1], "data": "not base64"},
        [1.0],
    ):
        sent["answers"][case]["value"] = value
        with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
            exchange.attempt_at(item, sent, 0)
