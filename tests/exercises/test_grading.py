"""Grading of learners' notebooks, and what else the course's instructors are given."""

import csv
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import torch
from hand_ins import ANSWER, EPSILON, IMPORTS, NO_MASK, NOVELTY, OPEN, RIGHT, TARGET, notebook
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from rlkit_workbook.exercises import BUILDS, EXERCISES, grading
from rlkit_workbook.exercises.building import minibatches
from rlkit_workbook.exercises.grading import grade_notebooks, server
from rlkit_workbook.exercises.grading.marks import feedback, grade_tables, write_feedback, write_marks
from rlkit_workbook.exercises.grading.statements import read
from rlkit_workbook.exercises.grading.submissions import find_files, right_answers, students
from rlkit_workbook.exercises.quizzes import BELIEFS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def states(row, *names):
    return [row["exercises"][name]["state"] for name in names or ("novelty_bonus", "td_target", "epsilon_greedy")]


def graded(path, *cells, timeout=60):
    """The row on one notebook with these cells, and its states in the order of notebook 02."""
    (row,) = grade_notebooks([notebook(path, *cells)], timeout, jobs=1)
    return row, states(row)


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "rlkit_workbook", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def write_answers(path, number="02", **parts):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"notebook": number, "version": "0.1.0", "predictions": {}, "quizzes": {}} | parts
    path.write_text(json.dumps(content), encoding="utf-8")


# From the command line


@pytest.fixture(scope="module")
def a_class(tmp_path_factory):
    """A class graded twice from the command line, the second time with one notebook changed: folder and outputs."""
    folder = tmp_path_factory.mktemp("class")
    notebook(folder / "in/ada/02_rnd.ipynb", IMPORTS, *RIGHT)
    notebook(folder / "in/ada/08.ipynb", "start('08')", "x = 1")
    notebook(folder / "in/bob/02_rnd.ipynb", IMPORTS, RIGHT[0], NO_MASK, OPEN[2])
    notebook(folder / "in/eve/02_rnd.ipynb", IMPORTS, RIGHT[0], NO_MASK)
    (folder / "in/fay.ipynb").write_text("{")
    said = {"rnd_hard": {"answer": "0.9", "why": "=1+1"}}
    before = [entry["answers"][0].get("right") or entry["answers"][0]["wrong"] for entry in BELIEFS["before"]]
    write_answers(folder / "in/ada/02.answers.json", predictions=said, quizzes={"before": before, "02": ["x", 1]})
    write_answers(folder / "in/bob/07.answers.json", "07", quizzes={"after": right_answers("after")})
    (folder / "in/eve/02.answers.json").write_text('{"predictions": []')
    arguments = ("grade", "in/*", "--csv", "out/grades.csv", "--feedback", "out/told", "--out", "out/grades.json")
    first = command(*arguments, cwd=folder)
    assert first.returncode == 0, first.stderr
    rows = json.loads((folder / "out/grades.json").read_text())
    notebook(folder / "in/bob/02_rnd.ipynb", IMPORTS, *RIGHT)
    again = command(*arguments, cwd=folder)
    return folder, first, rows, again


def test_a_class_is_graded_from_the_command_line(a_class):
    folder, first, rows, _ = a_class
    lines = [" ".join(line.split()) for line in first.stdout.splitlines()]
    assert "student novelty_bonus td_target epsilon_greedy" in lines
    for row in ("ada right right right", "bob right attempted open", "eve right attempted not reached"):
        assert row in lines
    assert "right, of 3 3 1 1" in lines
    assert "fay.ipynb is no notebook" in first.stdout
    assert re.search(r"^td_target +2 +The target bootstraps through termination", first.stdout, re.MULTILINE)
    assert [row["student"] for row in rows] == ["ada", "bob", "eve", "fay"]
    assert rows[1]["exercises"]["td_target"]["mistake"] == "no_mask"
    assert 0 < rows[1]["exercises"]["td_target"]["points"] < 1  # right where nothing terminates
    assert "(1 - terminations)" in rows[0]["exercises"]["td_target"]["source"]
    assert states(rows[0], "expected_share") == ["not reached"]
    assert sorted(path.name for path in folder.iterdir()) == ["in", "out"]


def test_a_learning_platform_gets_a_row_per_student(a_class):
    with open(a_class[0] / "out/grades.csv", encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["ada", "bob", "eve", "fay"]
    assert rows["ada"]["td_target state"] == "right"
    assert float(rows["ada"]["points"]) == 3
    assert (rows["eve"]["td_target mistake"], rows["eve"]["epsilon_greedy state"]) == ("no_mask", "not reached")
    assert rows["fay"]["td_target state"] == "missing"
    assert (rows["ada"]["predicted rnd_hard"], rows["ada"]["version"], rows["bob"]["quiz after"]) == (
        "0.9",
        "0.1.0",
        "8",
    )
    assert "holds no answers" in rows["eve"]["remarks"]


def test_what_a_class_believed_is_summed_up(a_class):
    lines = [" ".join(line.split()) for line in a_class[1].stdout.splitlines()]
    begin = next(i for i, line in enumerate(lines) if line.startswith("Believed, before"))
    right = [entry["answers"][0].get("right") is not None for entry in BELIEFS["before"]]
    for line, first in zip(lines[begin + 3 : begin + 11], right, strict=True):
        assert (" 1 of 1" if first else " 0 of 1") in line
        assert line.endswith("1 of 1 –")
    assert "rnd_hard 1 0.9" in lines


def test_a_second_call_judges_only_what_changed(a_class, monkeypatch):
    folder, _, _, again = a_class
    assert "bob right right right" in [" ".join(line.split()) for line in again.stdout.splitlines()]
    monkeypatch.chdir(folder)
    judged = []
    monkeypatch.setattr(grading, "_judge", lambda path, *_: judged.append(path.parent.name) or {})
    earlier = grading.earlier_files(Path("out/grades.json"))
    notebook(Path("in/eve/02_rnd.ipynb"), IMPORTS, RIGHT[0])
    (folder / "in/bob/helper.py").write_text("x = 1")
    monkeypatch.setattr(grading, "_row", lambda student, *_: student)
    grade_notebooks([Path("in")], 20.0, 1, earlier)
    assert judged == ["bob", "eve"]


def test_feedback_names_the_mistake_the_numbers_and_where_to_read_again(a_class):
    told = {path.stem: path.read_text(encoding="utf-8") for path in (a_class[0] / "out/told").iterdir()}
    assert set(told) == {"ada", "bob", "eve", "fay"}
    assert "All right" not in "".join(told.values()).replace(told["bob"], "")
    assert "All right." in told["bob"]
    assert "2 of 3 exercises are right" not in told["ada"]
    for part in (
        "The target bootstraps through termination",
        "expected ",
        "got ",
        "Read again: notebook 02, “Heading”",
    ):
        assert part in told["eve"]
    assert "is no notebook" in told["fay"]


def test_all_right_is_never_said_while_something_failed():
    right = {"state": "right", "points": 1.0, "remark": "", "problem": "", "rows": {}, "section": "", "notebook": "02"}
    row = {"student": "ada", "problem": "", "quizzes": {}, "exercises": {"td_target": right, "MyDQN": right}}
    assert "All right." in feedback(row)
    for change in ({"state": "attempted"}, {"state": "not reached"}):
        for name in ("td_target", "MyDQN"):
            assert "All right" not in feedback(row | {"exercises": row["exercises"] | {name: right | change}})
    assert "All right" not in feedback(row | {"problem": "02.ipynb is no notebook"})
    assert "All right" not in feedback(row | {"exercises": {}})


def test_what_a_learner_wrote_is_neither_formula_nor_markup(tmp_path):
    said = {"predictions": {"rnd_hard": {"answer": "=HYPERLINK(1)", "why": ""}}, "quizzes": {}, "version": "@x"}
    row = {"student": "=cmd|' /C calc'!A0", "exercises": {}, "remarks": [], "problem": "<b>", "files": {}} | said
    write_marks(tmp_path / "grades.csv", [row])
    for line in csv.reader((tmp_path / "grades.csv").read_text().splitlines()[1:]):
        assert not [cell for cell in line if cell[:1] in "=+-@" and cell]
    write_feedback(tmp_path / "told", [row, row | {"student": "../../ada"}, row | {"student": "../../ADA"}])
    assert len(list((tmp_path / "told").iterdir())) == 3
    assert "<b>" not in "".join(path.read_text() for path in (tmp_path / "told").iterdir())


# Whose a file is


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["ada/02.ipynb", "ada/04_offline_dqn.ipynb", "bob/02.ipynb"], ["ada", "ada", "bob"]),
        (["ada/ps1/02.ipynb", "ada/ps2/04.ipynb", "bob/ps1/02.ipynb"], ["ada", "ada", "bob"]),
        (["ada_04.ipynb", "04_offline_dqn_ada.ipynb", "04-ada.answers.json", "ada.ipynb"], ["ada"] * 4),
        (["04_offline_dqn.ipynb", "05_conservative_q_learning.ipynb", "04.answers.json"], ["root"] * 3),
        (["04_offline_dqn (1).ipynb", "04_offline_dqn-Copy1.ipynb"], ["root", "Copy1"]),
        (["Ada Byron_123_assignsubmission_file_/04.ipynb", "Bob_5/04.ipynb"], ["Ada Byron", "Bob_5"]),
    ],
)
def test_files_are_their_students(files, names, tmp_path):
    paths = [tmp_path / "root" / file for file in files]
    assert list(students(paths).values()) == names


def test_no_notebooks_title_is_taken_for_a_student(tmp_path):
    assert set(students([tmp_path / f"{path.stem}_ada.ipynb" for path in NOTEBOOKS]).values()) == {"ada"}


def test_folders_and_wildcards_are_expanded_here(tmp_path, monkeypatch):
    for name in ("ada/05.ipynb", "ada/06.ipynb", "ada/.ipynb_checkpoints/05.ipynb", "bob/05.ipynb"):
        notebook(tmp_path / name)
    write_answers(tmp_path / "bob/05.answers.json", "05")
    monkeypatch.chdir(tmp_path)
    found = {str(path) for path in find_files([Path("*/05*.ipynb")])}
    assert found == {"ada/05.ipynb", "bob/05.ipynb", "bob/05.answers.json"}
    assert {str(path) for path in find_files([Path(".")])} == found | {"ada/06.ipynb"}


def test_files_of_one_student_are_one_row_with_the_better_answer(tmp_path):
    notebook(tmp_path / "ada/02.ipynb", IMPORTS, RIGHT[0], NO_MASK, OPEN[2])
    notebook(tmp_path / "ada/02 (1).ipynb", IMPORTS, OPEN[0], RIGHT[1], OPEN[2])
    (row,) = grade_notebooks([tmp_path / "ada"], jobs=1)
    assert states(row) == ["right", "right", "open"]


def test_a_number_in_a_file_name_that_is_not_the_notebooks_asks_for_nothing_else(tmp_path):
    row, found = graded(tmp_path / "05_my_solution.ipynb", IMPORTS, *RIGHT)
    assert found == ["right"] * 3
    assert set(row["exercises"]) == {"novelty_bonus", "td_target", "epsilon_greedy"}


# What runs


def test_only_what_the_exercises_need_is_run(tmp_path):
    row, found = graded(
        tmp_path / "02.ipynb",
        "%load_ext nothing\n" + IMPORTS,
        "raise SystemExit('a cell that no exercise needs')",
        "def keep(x):\n    return ones.sum() - x",
        "ones = {}\nones['a'] = torch.ones(1)\nones = ones['a']\npower: int = 2",
        "history = train_offline(agent, data, 10**9)\nwhile True: pass",
        "last = history.returns[-1]\ndef plot(): return history",
        NOVELTY + "return sum_of(torch.abs(predicted - target) ** power)\n\ndef sum_of(x): return x.sum(-1)",
        "%%time\ndef sum_of(x):\n    return x.sum(-1)",
        RIGHT[0].replace("torch.square(predicted - target)", "sum_of(torch.abs(predicted - target) ** power)")[:-8],
        TARGET + "return rewards + discount * keep(terminations) * next_values",
        "print(novelty_bonus)\nwhile True: pass",
        RIGHT[2],
    )
    assert found == ["right", "right", "right"], row


USES_FACTOR = TARGET + "return rewards + factor * discount * (1 - terminations) * next_values"
LIKE_THE_NOTEBOOK = {  # a kind of cell -> cells in which `td_target` is right
    "display in it": [TARGET + "display(rewards)\n    " + ANSWER],
    "get_ipython in it": [TARGET + "get_ipython().user_ns\n    " + ANSWER],
    "a shell command above": ["files = !ls\nfactor = float(len(files) >= 0)", USES_FACTOR],
    "the last output": ["1.0", TARGET + ANSWER + " * FACTOR", "FACTOR = _", TARGET + ANSWER + " * FACTOR"],
    "another name for exercise": [
        "from rlkit_workbook import exercise as ex",
        RIGHT[1].replace("@exercise", "@ex"),
    ],
    "exercise by the module": ["import rlkit_workbook as rw", RIGHT[1].replace("@exercise", "@rw.exercise")],
    "exercise called": [RIGHT[1].removeprefix("@exercise\n"), "td_target = exercise(td_target)"],
    "a definition under if": ["if True:\n    " + RIGHT[1].replace("\n", "\n    ")],
    "a definition in a loop": ["for factor in [2.0, 1.0]:\n    " + USES_FACTOR.replace("\n", "\n    ")],
    "the empty template copied below": [RIGHT[1], OPEN[1]],
    "a wrong answer above": [NO_MASK, RIGHT[1]],
    "a module of one's own": ["import mine\ntd_target = exercise(mine.td_target)"],
    "a module that calls exercise": ["from checked import *"],
    "%run": ["%run mine.py", "td_target = exercise(td_target)"],
    "%%writefile": ["%%writefile written.py\nfactor = 1.0", "from written import factor", USES_FACTOR],
    "a data file": ["factor = float(__import__('pathlib').Path('data/factor.txt').read_text())", USES_FACTOR],
    "a value that is measured": ["def step():\n    return 0.5", "factor = sum(step() for _ in range(2))", USES_FACTOR],
    "stacked magics": ["%%time\n%%capture\n" + RIGHT[1]],
    "top-level await": ["import asyncio\nfactor = await asyncio.sleep(0, 1.0)", USES_FACTOR],
    "future annotations": ["from __future__ import annotations", RIGHT[1].replace("discount)", "discount: Unknown)")],
    "a method of torch's switched on": ["torch.set_default_dtype(torch.float64)", RIGHT[1]],
    "a function in a class": ["class Mine:\n    factor = 1.0", USES_FACTOR.replace("factor", "Mine.factor")],
    "global": ["def setup():\n    global factor\n    factor = 1.0", "setup()", USES_FACTOR],
    "decorators": [RIGHT[1].replace("@exercise", "@exercise\n@torch.no_grad()")],
}


@pytest.fixture(scope="module")
def alike(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alike")
    for name, cells in LIKE_THE_NOTEBOOK.items():
        path = notebook(folder / re.sub("[^a-z ]", "", name) / "02.ipynb", IMPORTS, *cells)
        (path.parent / "mine.py").write_text(RIGHT[1].removeprefix("@exercise\n"))
        (path.parent / "checked.py").write_text("from rlkit_workbook import exercise\n" + RIGHT[1])
        (path.parent / "data").mkdir()
        (path.parent / "data/factor.txt").write_text("1.0")
    return {row["student"]: row for row in grade_notebooks([folder], jobs=2)}


@pytest.mark.parametrize("name", LIKE_THE_NOTEBOOK)
def test_what_the_notebook_calls_right_is_right(name, alike):
    row = alike[re.sub("[^a-z ]", "", name)]
    assert states(row, "td_target") == ["right"], row
    assert row["exercises"]["td_target"]["points"] == 1


@pytest.mark.parametrize("name", LIKE_THE_NOTEBOOK)
def test_the_notebook_calls_it_right_too(name, tmp_path, monkeypatch, shown):
    if name in ("a module that calls exercise", "future annotations"):
        pytest.skip("only where `display` is looked up in that module")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(RIGHT[1].removeprefix("@exercise\n"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/factor.txt").write_text("1.0")
    monkeypatch.setattr(torch, "set_default_dtype", lambda dtype: None)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    for cell in (IMPORTS, *LIKE_THE_NOTEBOOK[name]):
        shell.run_cell(cell)
    answered = [box.kind for box in shown if box.kind != "open"]
    assert answered[-1] == "right", shown


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("factor = measured(1)", "cell 4 stops with NameError: name 'measured' is not defined"),
        ("if True:\n    factor = elsewhere", "cell 4 stops with NameError: name 'elsewhere' is not defined"),
        (
            "factor = open('nowhere').read()",
            "cell 4 stops with FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'",
        ),
    ],
)
def test_an_exercise_that_lacks_a_cell_above_is_told_so(cell, says, tmp_path):
    row, found = graded(tmp_path / "02.ipynb", IMPORTS, cell, RIGHT[0], USES_FACTOR, RIGHT[2])
    assert found == ["right", "not reached", "right"]
    assert row["exercises"]["td_target"]["problem"] == says


def test_an_exercise_may_call_another_one_and_gets_what_the_notebook_holds(tmp_path):
    reward = "td_target(rewards=q_values, terminations=0 * q_values, next_values=-q_values, discount=0.5)"
    cell = EPSILON + f"q_values = 2 * {reward}\n    " + RIGHT[2].removeprefix(EPSILON)
    row, found = graded(tmp_path / "02.ipynb", IMPORTS, NO_MASK, cell)  # the reference in place of a wrong one
    assert found == ["not reached", "attempted", "right"], row


def test_a_notebook_that_raises_is_told_in_one_line(tmp_path):
    row, found = graded(
        tmp_path / "02.ipynb",
        IMPORTS,
        "scale = undefined / 2",
        NOVELTY + "return scale * (predicted - target).sum(-1)",
        TARGET + "return rewards +",
        EPSILON + "return q_values.soft()",
    )
    assert found == ["not reached", "attempted", "attempted"]
    assert row["problem"] == (
        "novelty_bonus: cell 4 stops with NameError: name 'undefined' is not defined; "
        "td_target: SyntaxError: invalid syntax (cell 8, line 3)"
    )
    assert "line 3: `return q_values.soft()`" in row["exercises"]["epsilon_greedy"]["remark"]
    assert "NameError" in repr(grade_tables([row])[1])


def test_two_answers_in_one_notebook_are_told(tmp_path):
    row, found = graded(tmp_path / "mine.ipynb", IMPORTS, NO_MASK, *RIGHT, OPEN[0])
    assert found == ["right"] * 3
    assert "td_target: 2 cells define it, cell 8 counts" in row["remarks"]
    assert "novelty_bonus: 2 cells define it, cell 6 counts" in row["remarks"]


def test_other_inputs_are_drawn_in_each_run():
    for item in EXERCISES.values():
        one, other = item.drawn(1), item.drawn(2)
        assert one.keys() == other.keys()
        assert repr(one) != repr(other), item.name
        for draw in (1, 2, 3):
            assert item.is_right(item.attempt(item.reference, draw), draw), item.name
    assert repr(minibatches(1)) != repr(minibatches(2))


def test_where_processes_cannot_be_copied_a_fresh_python_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "COPIES", False)
    monkeypatch.setattr(grading.Server, "run", lambda _, *job: server._watched(*job, os.getppid()))
    row, found = graded(tmp_path / "02.ipynb", IMPORTS, *RIGHT[:2], EPSILON + "import os; os._exit(5)")
    assert found == ["right", "right", "attempted"]
    assert row["problem"] == "epsilon_greedy: it ends Python (exit code 5)"


# The larger exercises


def build_cell(name, mistake=None):
    """The solution of a larger exercise, or one with a mistake, as a learner would write it."""
    text = BUILDS[name].solution
    for right, wrong in BUILDS[name].texts["mistakes"][mistake]["changes"] if mistake else ():
        text = text.replace(right, wrong)
    helper = "def step(optimizer, loss):\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
    return f"from torch import nn\n{helper}@exercise\nclass {name}:\n" + textwrap.indent(text, "    ")


def test_larger_exercises_are_judged(tmp_path):
    update = "import os\n@exercise\nclass MyDQN:\n    def update(self, batch): "
    cells = {name: build_cell(name) for name in BUILDS} | {"never copied": build_cell("MyDQN", "never_copied")}
    cells |= {"open": update + "...", "idle": update + "return 0", "ends": update + "os._exit(0)"}
    cells["forks"] = build_cell("MyDQN").replace(
        "update(self, batch):", "update(self, batch):\n        __import__('os').fork()"
    )
    for case, cell in cells.items():
        notebook(tmp_path / case / "mine.ipynb", "from rlkit_workbook import exercise\nimport torch", cell)
    found = {row["student"]: row["exercises"] for row in grade_notebooks([tmp_path], timeout=60, jobs=2)}
    for name in BUILDS:
        assert (found[name][name]["state"], found[name][name]["points"]) == ("right", 1)
    assert found["forks"]["MyDQN"]["state"] == "right"
    found = {case: found[case]["MyDQN"] for case in ("never copied", "open", "idle", "ends")}
    assert [one["state"] for one in found.values()] == ["attempted", "open", "attempted", "attempted"]
    assert found["never copied"]["mistake"] == "never_copied"
    assert 0 < found["never copied"]["points"] < 1
    assert found["idle"]["points"] == 0
    assert found["ends"]["problem"] == "it ends Python (exit code 0)"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere/*.ipynb"], "nowhere/*.ipynb is no file: name the notebooks"),
        (["."], "is no notebook"),
        (["empty"], "there is nothing to grade; expected at least one notebook"),
        (["text.ipynb"], "text.ipynb is no notebook"),
        (["list.ipynb"], "list.ipynb is no notebook"),
        ([], "at least one notebook"),
        (["text.ipynb", "--timeout", "0"], "expected more than 0 s, and at most 86,400 s"),
        (["text.ipynb", "--timeout", "inf"], "expected more than 0 s, and at most 86,400 s"),
        (["text.ipynb", "--jobs", "0"], "jobs is 0; expected an integer of at least 1"),
    ],
)
def test_what_cannot_be_graded_is_told_before_anything_runs(arguments, says, tmp_path, monkeypatch, capsys):
    from rlkit_workbook.__main__ import main

    (tmp_path / "text.ipynb").write_text("no notebook")
    (tmp_path / "list.ipynb").write_text("[1]")
    (tmp_path / "empty").mkdir()
    before = set(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rlkit_workbook", "grade", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    told = capsys.readouterr().err.strip()
    assert says in told
    assert len(told.splitlines()) == 1
    assert set(tmp_path.iterdir()) == before


def test_many_notebooks_are_read_at_once():
    """Python 3.11 counts how deep it is in a tree for all threads together, and switches where garbage is collected."""

    class Garbage:
        def __del__(self):
            time.sleep(0)

    def go(_):
        garbage = Garbage()
        garbage.itself = garbage
        return read({"cell 1": "\n".join(f"x{i} = [a + b * {i} for a in range(3)]" for i in range(100))})

    threshold = gc.get_threshold()
    gc.set_threshold(20)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert len(list(pool.map(go, range(100)))) == 100
    finally:
        gc.set_threshold(*threshold)


def test_the_committed_notebooks_are_unsolved_and_complete():
    rows = grade_notebooks(NOTEBOOKS)
    for row in rows:
        assert {verdict["state"] for verdict in row["exercises"].values()} <= {"open"}, row
        assert row["problem"] in ("", "there is no exercise in it"), row


def clean(path):
    """What `make student` should keep of a notebook."""
    book = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return book


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_student_writes_the_notebooks_without_outputs_and_overwrites_nothing(tmp_path):
    folder = tmp_path / "hand out"

    def make():
        return subprocess.run(
            ["make", "-o", "setup", "student", f"STUDENT={folder}", f"BIN={Path(sys.executable).parent}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    made = make()
    assert made.returncode == 0, made.stderr
    copies = sorted(folder.iterdir())
    assert [path.name for path in copies] == [path.name for path in NOTEBOOKS]
    for copy, original in zip(copies, NOTEBOOKS, strict=True):
        assert nbformat.read(copy, as_version=nbformat.NO_CONVERT) == clean(original), original.name
    copies[0].write_text("solved")
    again = make()
    assert again.returncode != 0
    assert "hand out is not empty" in again.stderr
    assert copies[0].read_text() == "solved"
