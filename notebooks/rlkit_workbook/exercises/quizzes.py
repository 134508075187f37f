"""Quizzes: three questions that close a notebook, every answer explained; the texts are in `quizzes.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import ipywidgets as widgets

from rlkit_mini.names import Catalogue
from rlkit_workbook.exercises import progress_file
from rlkit_workbook.exercises.boxes import Box


def _questions(name: str) -> dict[str, list[dict]]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


QUIZZES = Catalogue("notebook", _questions("quizzes"))
BELIEFS = _questions("beliefs")  # before the course, and in other words after its core path
STYLE = """<style>
.quiz .widget-radio { flex-direction: column; height: auto; width: auto; max-width: 60em }
.quiz .widget-radio label { height: auto; width: auto; text-align: left; white-space: normal; line-height: 1.5 }
.quiz .widget-radio label.widget-label { line-height: 1.5 !important; font-weight: bold }
.quiz .widget-radio-box { flex: none; height: auto; margin: 0 }
.quiz .widget-radio-box label { display: flex; flex-direction: row-reverse; justify-content: flex-end; gap: .5em }
.quiz .explanation { line-height: 1.5; max-width: 60em; padding-bottom: 1em }
</style>"""  # long answers take several lines, for which the widgets' own style leaves no room


def _question(number: int, question: str, answers: list[dict], chosen: str | None, keep) -> widgets.VBox:
    verdicts = {
        a.get("right") or a["wrong"]: ("✓ Right." if "right" in a else "✗ Not quite.", a.get("why")) for a in answers
    }
    value = chosen if chosen in verdicts else None
    choice = widgets.RadioButtons(options=list(verdicts), value=None, description=f"{number}. {question}")
    explanation = widgets.HTML()

    def explain(change) -> None:
        verdict, why = verdicts[change.new]
        words = f"<strong>{verdict}</strong> {why}" if why else "Kept. You will see it again."
        explanation.value = f'<div role="status" class="explanation">{words}</div>'
        keep(number, change.new)

    choice.observe(explain, "value")
    choice.value = value
    return widgets.VBox([choice, explanation])


def quiz(notebook: str) -> widgets.VBox:
    """The quiz of a notebook ("05"), or the questions "before" and "after": each answer is explained, and kept.

    Those before are not explained: their answers come back beside those after (`beliefs`).
    """
    entries = BELIEFS.get(notebook) or QUIZZES[notebook]
    kept = (progress_file.read("quizzes").get(notebook, []) + [None] * len(entries))[: len(entries)]

    def keep(number: int, answer: str) -> None:
        kept[number - 1] = answer
        progress_file.record("quizzes", notebook, list(kept))

    questions = [
        _question(number, **entry, chosen=chosen, keep=keep)
        for number, (entry, chosen) in enumerate(zip(entries, list(kept), strict=True), start=1)
    ]
    return widgets.VBox([*questions, widgets.HTML(STYLE)], _dom_classes=("quiz",))


def beliefs() -> Box:
    """What was believed before the course and after its core path, question by question, and what is right."""
    answers = {when: progress_file.read("quizzes").get(when, []) for when in ("before", "after")}
    rows = {}
    for number, entry in enumerate(BELIEFS["after"]):
        said = {when: (each[number] if number < len(each) else None) or "no answer" for when, each in answers.items()}
        (right,) = (answer["right"] for answer in entry["answers"] if "right" in answer)
        rows[entry["question"]] = f"before: {said['before']}\nafter:  {said['after']}\nright:  {right}"
    return Box("progress", "what you believed before, and believe now", rows=rows)
