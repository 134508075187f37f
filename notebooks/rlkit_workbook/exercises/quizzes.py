"""Quizzes: three questions that close a notebook, every answer explained; the texts are in `quizzes.toml`."""

from __future__ import annotations

import ipywidgets as widgets

from rlkit_mini.names import Catalogue
from rlkit_workbook.cells import renewed
from rlkit_workbook.exercises import progress_file
from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.panels.shown import Panel
from rlkit_workbook.results import texts_beside

QUIZZES = Catalogue("notebook", texts_beside(__file__, "quizzes.toml"))
BELIEFS = texts_beside(__file__, "beliefs.toml")  # before the course, and in other words after its core path


def _question(number: int, question: str, answers: list[dict], chosen: str | None, keep) -> widgets.VBox:
    said = {
        a.get("right") or a["wrong"]: ("✓ Right." if "right" in a else "✗ Not quite.", a.get("why")) for a in answers
    }
    value = chosen if chosen in said else None
    choice = widgets.RadioButtons(options=list(said), value=value, description=f"{number}. {question}")
    choice.observe(lambda change: keep(number, change.new), "value")
    return explained(choice, [_verdict(*each) for each in said.values()])


def explained(choice, explanations: list[str]) -> widgets.VBox:
    """A choice, and below it what is to be said (HTML) of the one chosen: by the browser, without a kernel too."""
    shown = widgets.Stack([widgets.HTML(each) for each in explanations], selected_index=choice.index)
    widgets.jslink((choice, "index"), (shown, "selected_index"))
    return widgets.VBox([choice, shown])


def _verdict(verdict: str, why: str | None) -> str:
    words = f"<strong>{verdict}</strong> {why}" if why else "Kept. You will see it again."
    return f'<div role="status" class="explanation">{words}</div>'


class Quiz(Panel):
    """The questions of a quiz, below one another."""

    invitation = "Run this cell to answer."

    def __init__(self, entries: list[dict], children: list[widgets.Widget]) -> None:
        self.entries = entries
        super().__init__("rlkit-panel", "quiz")
        self.fill(*children)

    def still(self) -> tuple[str, None]:
        """The questions and their answers, without what is right."""
        lines = []
        for number, entry in enumerate(self.entries, start=1):
            answers = [answer.get("right") or answer["wrong"] for answer in entry["answers"]]
            lines += [f"{number}. {entry['question']}", *(f"   ○ {answer}" for answer in answers)]
        return "\n".join(lines), None

    def __repr__(self) -> str:
        return f"quiz: {len(self.entries)} questions"


@renewed
def quiz(notebook: str) -> Quiz:
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
    return Quiz(entries, questions)


def beliefs() -> Box:
    """What was believed before the course and after its core path, and what is right of questions answered after it."""
    answers = {when: progress_file.read("quizzes").get(when, []) for when in ("before", "after")}
    rows = {}
    for number, entry in enumerate(BELIEFS["after"]):
        before, after = (each[number] if number < len(each) else None for each in answers.values())
        (right,) = (answer["right"] for answer in entry["answers"] if "right" in answer)
        shown = f"\nright:  {right}" if after else ""
        rows[entry["question"]] = f"before: {before or 'no answer'}\nafter:  {after or 'no answer'}{shown}"
    return Box("progress", "what you believed before, and believe now", rows=rows)
