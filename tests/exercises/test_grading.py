"""Grading of learners' notebooks, and what else the course's instructors are given."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from rlkit_workbook.exercises.grading import grade_notebooks, grade_tables

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
IMPORTS = "import torch\nfrom rlkit_workbook import exercise, hint, quiz, show_solution, start\nstart('02')"
NOVELTY = "@exercise\ndef novelty_bonus(predicted, target):\n    "
TARGET = "@exercise\ndef td_target(rewards, terminations, next_values, discount):\n    "
EPSILON = "@exercise\ndef epsilon_greedy(q_values, epsilon):\n    "
RIGHT = (
    NOVELTY + "return torch.square(predicted - target).sum(-1)",
    TARGET + "return rewards + discount * (1 - terminations) * next_values",
    EPSILON + "best = torch.nn.functional.one_hot(q_values.argmax(-1), q_values.shape[-1])\n    "
    "return epsilon / q_values.shape[-1] + (1 - epsilon) * best",
)
OPEN = (NOVELTY + '"""One a transition."""\n    ...', TARGET + "...", EPSILON + "...")
NO_MASK = TARGET + "return rewards + discount * next_values"


def notebook(path, *cells):
    """A notebook with these code cells, each under a heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    both = [cell for source in cells for cell in (new_markdown_cell("# Heading"), new_code_cell(source))]
    nbformat.write(new_notebook(cells=both), path)
    return path


def graded(path, *cells, timeout=60):
    """The row on one notebook with these cells, and its states in the order of notebook 02."""
    (row,) = grade_notebooks([notebook(path, *cells)], timeout, jobs=1)
    return row, [row["exercises"][name]["state"] for name in ("novelty_bonus", "td_target", "epsilon_greedy")]


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "rlkit_workbook", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_class_is_graded_from_the_command_line(tmp_path):
    ada = notebook(tmp_path / "ada/02_rnd.ipynb", IMPORTS, *RIGHT)
    bob = notebook(tmp_path / "bob/02_rnd.ipynb", IMPORTS, RIGHT[0], NO_MASK, OPEN[2])
    eve = notebook(tmp_path / "eve/02_rnd.ipynb", IMPORTS, RIGHT[0], NO_MASK)
    (tmp_path / "fay.ipynb").write_text("{")
    before = set(tmp_path.rglob("*"))
    outcome = command("grade", ada, bob, eve, "fay.ipynb", "--out", "marks/grades.json", "--jobs", 2, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    lines = [" ".join(line.split()) for line in outcome.stdout.splitlines()]
    assert lines[0] == "notebook novelty_bonus td_target epsilon_greedy problem"
    assert f"{ada} right right right" in lines
    assert f"{bob} right attempted open" in lines
    assert f"{eve} right attempted not reached epsilon_greedy: no cell defines it under @exercise" in lines
    assert "right, of 3 3 1 1" in lines
    assert "fay.ipynb is no notebook" in outcome.stdout
    assert re.search(r"^td_target +2 +The target bootstraps through termination", outcome.stdout, re.MULTILINE)

    rows = json.loads((tmp_path / "marks/grades.json").read_text())
    assert [row["notebook"] for row in rows] == [str(ada), str(bob), str(eve), "fay.ipynb"]
    assert rows[1]["exercises"]["td_target"]["remark"].startswith("The target bootstraps through termination")
    assert "(1 - terminations)" in rows[0]["exercises"]["td_target"]["source"]
    assert set(tmp_path.rglob("*")) == before | {tmp_path / "marks", tmp_path / "marks/grades.json"}


def test_only_imports_functions_and_constants_are_executed(tmp_path):
    row, states = graded(
        tmp_path / "02.ipynb",
        "%load_ext nothing\n" + IMPORTS,
        "raise SystemExit('a cell that no exercise needs')",
        "def keep(x):\n    return ones.sum() - x",
        "ones = {}\nones['a'] = torch.ones(1)\nones = ones['a']\npower: int = 2",
        "history = train_offline(agent, data, 10**9)\nwhile True: pass",
        "last = history.returns[-1]",
        NOVELTY + "return sum_of(torch.abs(predicted - target) ** power)\n\ndef sum_of(x): return x.sum(-1)",
        "%%time\ndef sum_of(x):\n    return x.sum(-1)",
        RIGHT[0].replace("torch.square(predicted - target)", "sum_of(torch.abs(predicted - target) ** power)")[:-8],
        TARGET + "return rewards + discount * keep(terminations) * next_values",
        "print(novelty_bonus)\nwhile True: pass",
        RIGHT[2],
    )
    assert states == ["right", "right", "right"], row


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("factor = measured(1)", "cell 4 is not run: line 1 calls measured"),
        ("if True:\n    factor = 1", "cell 4 is not run: line 1 is no import, function or constant"),
        ("factor = elsewhere", "cell 4 stops with NameError: name 'elsewhere' is not defined"),
    ],
)
def test_an_exercise_that_reads_what_was_not_executed_is_told_so(cell, says, tmp_path):
    uses = TARGET + "return rewards + factor * discount * (1 - terminations) * next_values"
    row, states = graded(tmp_path / "02.ipynb", IMPORTS, cell, RIGHT[0], uses, RIGHT[2])
    assert states == ["right", "not reached", "right"]
    assert row["exercises"]["td_target"]["problem"] == says


def test_an_exercise_may_call_another_one_and_gets_what_the_notebook_holds(tmp_path):
    reward = "td_target(rewards=q_values, terminations=0 * q_values, next_values=-q_values, discount=0.5)"
    cell = EPSILON + f"q_values = 2 * {reward}\n    " + RIGHT[2].removeprefix(EPSILON)
    row, states = graded(tmp_path / "02.ipynb", IMPORTS, NO_MASK, cell)  # the reference in place of a wrong one
    assert states == ["not reached", "attempted", "right"], row


def test_a_notebook_that_raises_is_told_in_one_line(tmp_path):
    row, states = graded(
        tmp_path / "02.ipynb",
        IMPORTS,
        "scale = undefined / 2",
        NOVELTY + "return scale * (predicted - target).sum(-1)",
        TARGET + "return rewards +",
        EPSILON + "return q_values.soft()",
    )
    assert states == ["not reached", "attempted", "attempted"]
    assert row["problem"] == (
        "novelty_bonus: cell 4 stops with NameError: name 'undefined' is not defined; "
        "td_target: SyntaxError: invalid syntax (cell 8, line 3)"
    )
    assert "line 3: return q_values.soft()" in row["exercises"]["epsilon_greedy"]["remark"]
    table = repr(grade_tables([row])[0])
    assert "NameError" in table
    assert len(table.splitlines()) == 3


def test_what_hangs_or_ends_python_costs_only_itself(tmp_path):
    row, states = graded(
        tmp_path / "02.ipynb",
        IMPORTS,
        NOVELTY + "while True: pass",
        TARGET + "import os; os._exit(0)",
        RIGHT[2],
        timeout=4,
    )
    assert states == ["attempted", "attempted", "right"]
    assert row["problem"] == "novelty_bonus: no answer within 4 s; td_target: it ends Python (exit code 0)"


def test_the_notebooks_own_checker_is_not_believed(tmp_path):
    row, states = graded(
        tmp_path / "02.ipynb",
        IMPORTS,
        "from rlkit_workbook.exercises import progress_file\nimport rlkit_workbook.exercises.checking as checking",
        "def exercise(function):\n    progress_file.record('exercises', function.__name__, 'right')\n"
        "    return function",
        "checking.judge = lambda *x: None\nEXERCISES = {}",
        NOVELTY + "return 0",
        NO_MASK,
        EPSILON + "import sys; sys.exit()",
    )
    assert states == ["attempted"] * 3, row


def test_an_answer_of_the_package_itself_is_marked(tmp_path):
    row, states = graded(
        tmp_path / "02.ipynb",
        IMPORTS + "\nfrom rlkit_mini.agents.dqn import td_target as ready",
        NOVELTY + "from rlkit_workbook.exercises import EXERCISES\n    "
        "return EXERCISES['novelty_bonus'].reference(predicted, target)",
        TARGET + "return ready(rewards, terminations, next_values, discount)",
        RIGHT[2],
    )
    assert states == ["right"] * 3
    assert row["problem"] == (
        "novelty_bonus: imports rlkit_workbook.exercises.EXERCISES; td_target: imports rlkit_mini.agents.dqn.td_target"
    )


def test_the_last_cell_of_a_name_counts_and_a_file_may_have_any_name(tmp_path):
    row, states = graded(tmp_path / "mine.ipynb", IMPORTS, NO_MASK, *RIGHT, OPEN[0])
    assert states == ["open", "right", "right"], row


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere/*.ipynb"], "nowhere/*.ipynb is no file: name the notebooks"),
        (["."], ". is no file"),
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
    before = set(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rlkit_workbook", "grade", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    told = capsys.readouterr().err.strip()
    assert says in told
    assert len(told.splitlines()) == 1
    assert set(tmp_path.iterdir()) == before


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
