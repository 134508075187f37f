"""Quizzes: three questions that close a notebook, every answer explained; the texts are in `quizzes.toml`."""

from __future__ import annotations

import functools

import ipywidgets as widgets

from rlkit_mini.names import Catalogue
from rlkit_workbook.cells import renewed
from rlkit_workbook.exercises import progress_file
from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.panels.shown import Panel
from rlkit_workbook.results import texts_beside

QUIZZES = Catalogue("notebook", texts_beside(__file__, "quizzes.toml"))
BELIEFS = texts_beside(__file__, "beliefs.toml")  # before the course, and in other words after its core path


def explained(choice, explanations: list[str]) -> widgets.VBox:
    """A choice, and below it what is to be said (HTML) of the one chosen: by the browser, without a kernel too."""
    shown = widgets.Stack([widgets.HTML(each) for each in explanations], selected_index=choice.index)
    widgets.jslink((choice, "index"), (shown, "selected_index"))
    return widgets.VBox([choice, shown])


def _verdict(verdict: str, why: str | None) -> str:
    words = f"<strong>{verdict}</strong> {why}" if why else "Kept. You will see it again."
    return f'<div role="status" class="explanation">{words}</div>'


class Quiz(Panel):
    """The quiz of a notebook ("05"), or the questions "before" and "after": each answer is explained, and kept.

    Those before are not explained: their answers come back beside those after (`beliefs`).
    """

    invitation = "Run this cell to answer."

    def __init__(self, notebook: str) -> None:
        self.entries, self.notebook = BELIEFS.get(notebook) or QUIZZES[notebook], notebook
        kept = progress_file.read("quizzes").get(notebook, [])
        self.kept = (kept + [None] * len(self.entries))[: len(self.entries)]
        super().__init__("rlkit-panel", "quiz")
        self.fill(*(self._question(place, **entry) for place, entry in enumerate(self.entries)))

    def _question(self, place: int, question: str, answers: list[dict]) -> widgets.VBox:
        said = {
            a.get("right") or a["wrong"]: ("✓ Right." if "right" in a else "✗ Not quite.", a.get("why"))
            for a in answers
        }
        value = self.kept[place] if self.kept[place] in said else None
        choice = widgets.RadioButtons(options=list(said), value=value, description=f"{place + 1}. {question}")
        choice.observe(functools.partial(self._keep, place), "value")
        return explained(choice, [_verdict(*each) for each in said.values()])

    def _keep(self, place: int, change) -> None:
        self.kept[place] = change.new
        progress_file.record("quizzes", self.notebook, self.kept)

    def still(self) -> tuple[str, None]:
        """The questions and their answers, without what is right."""
        lines = []
        for number, entry in enumerate(self.entries, start=1):
            answers = [answer.get("right") or answer["wrong"] for answer in entry["answers"]]
            lines += [f"{number}. {entry['question']}", *(f"   ○ {answer}" for answer in answers)]
        return "\n".join(lines), None

    def __repr__(self) -> str:
        return f"quiz: {len(self.entries)} questions"


quiz = renewed(Quiz)


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
