"""The texts around exercises: each has its own, hints and solutions show them, and the page for instructors agrees."""

import re
from pathlib import Path

import nbformat
import pytest

from rlkit_workbook.exercises import EXERCISES, hint, show_solution
from rlkit_workbook.exercises.checking import TEXTS
from rlkit_workbook.exercises.predictions import PREDICTIONS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
PAGE = ROOT / "notebooks/INSTRUCTORS.md"


def test_texts_and_exercises_belong_together():
    assert TEXTS.keys() == EXERCISES.keys()
    for name, item in EXERCISES.items():
        messages = item.texts["misconceptions"]
        assert messages.keys() == item.misconceptions.keys(), name
        assert len(set(messages.values())) == len(messages) >= 4
        assert item.texts["difficulty"] in (1, 2, 3)
        assert item.texts["minutes"] > 0
        assert item.texts["hint"]
    notebooks = [item.texts["notebook"] for item in EXERCISES.values()]
    assert all(notebooks.count(notebook) >= 2 for notebook in notebooks)


@pytest.mark.parametrize("name", EXERCISES)
def test_hint_and_solution_say_how_long_and_how_hard(name, shown):
    hint(name)
    show_solution(name)
    minutes, difficulty = TEXTS[name]["minutes"], TEXTS[name]["difficulty"]
    assert all(f"{name} ({minutes} minutes, difficulty {difficulty} of 3)" in repr(box) for box in shown)
    assert f"def {name}(" in repr(shown[1])
    assert '"""' in repr(shown[1])


# The page for instructors


def timetable():
    """The lines of the page's table: minutes of each notebook and of its exercises, from their own files."""
    numbers = {name: item.texts["notebook"] for name, item in EXERCISES.items()}
    for path in NOTEBOOKS:
        own = {name: TEXTS[name]["minutes"] for name in numbers if numbers[name] == path.name[:2]}
        if own:
            head = nbformat.read(path, as_version=4).cells[0].source
            minutes = re.search(r"\*\*Time:?\*\*:? (\d+) minutes", head)[1]
            listed = ", ".join(f"`{name}` ({time})" for name, time in own.items())
            yield f"| {path.name[:2]} | {minutes} | {listed} | {sum(own.values())} |"


def test_the_timetable_says_what_the_notebooks_and_exercises_say():
    page = PAGE.read_text()
    for line in timetable():
        assert line in page, f"the line should be\n{line}"
    for numbers, minutes in re.findall(r"exercises of ([\d, and]+) \((\d+) minutes\)", page):
        own = [text["minutes"] for text in TEXTS.values() if text["notebook"] in re.findall(r"\d\d", numbers)]
        assert sum(own) == int(minutes), numbers
    for lecture in page.partition("## Grading")[0].split("## Lecture")[1:]:
        assert sum(map(int, re.findall(r"^\| (\d+) \|", lecture, flags=re.MULTILINE))) == 90


def test_the_page_says_of_each_exercise_what_goes_wrong_and_of_each_prediction_what_counts():
    page = PAGE.read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ((?:`\w+`(?:, )?)+) \|$", page, flags=re.MULTILINE))
    assert list(rows) == list(EXERCISES)
    for name, codes in rows.items():
        assert set(re.findall(r"\w+", codes)) <= EXERCISES[name].misconceptions.keys(), name
    told = page.partition("## Predictions: what a reason speaks of")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", told, flags=re.MULTILINE) == list(PREDICTIONS)


def test_what_the_page_quotes_and_links_is_there():
    page = PAGE.read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (PAGE.parent / link).exists(), link
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)", page):
        assert f"\n{target}:" in makefile, target
    for exercise, misconception in re.findall(r"`(\w+)`: `(\w+)`", page):
        assert misconception in TEXTS[exercise]["misconceptions"], (exercise, misconception)
    headings = {
        line.lstrip("# ")
        for path in NOTEBOOKS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("##")
    }
    for heading in re.findall(r"“([^”]+)”", page):
        assert heading in headings, heading
