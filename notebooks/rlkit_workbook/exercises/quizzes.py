"""Quizzes: three questions that close a notebook, every answer explained; the texts are in `quizzes.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import ipywidgets as widgets

from rlkit_mini.names import Catalogue

QUIZZES = Catalogue("notebook", tomllib.loads(files(__package__).joinpath("quizzes.toml").read_text(encoding="utf-8")))
STYLE = """<style>
.quiz .widget-radio { flex-direction: column; height: auto; width: auto; max-width: 60em }
.quiz .widget-radio label { height: auto; width: auto; text-align: left; white-space: normal; line-height: 1.5 }
.quiz .widget-radio label.widget-label { line-height: 1.5 !important; font-weight: bold }
.quiz .widget-radio-box { flex: none; height: auto; margin: 0 }
.quiz .widget-radio-box label { display: flex; flex-direction: row-reverse; justify-content: flex-end; gap: .5em }
.quiz .explanation { line-height: 1.5; max-width: 60em; padding-bottom: 1em }
</style>"""  # long answers take several lines, for which the widgets' own style leaves no room


def _question(number: int, question: str, answers: list[dict]) -> widgets.VBox:
    verdicts = {
        a.get("right") or a["wrong"]: ("✓ Right." if "right" in a else "✗ Not quite.", a["why"]) for a in answers
    }
    choice = widgets.RadioButtons(options=list(verdicts), value=None, description=f"{number}. {question}")
    explanation = widgets.HTML()

    def explain(change) -> None:
        verdict, why = verdicts[change.new]
        explanation.value = f'<div role="status" class="explanation"><strong>{verdict}</strong> {why}</div>'

    choice.observe(explain, "value")
    return widgets.VBox([choice, explanation])


def quiz(notebook: str) -> widgets.VBox:
    """The quiz of a notebook ("05"): choosing an answer shows why it is right or wrong."""
    questions = [_question(number, **entry) for number, entry in enumerate(QUIZZES[notebook], start=1)]
    return widgets.VBox([*questions, widgets.HTML(STYLE)], _dom_classes=("quiz",))
