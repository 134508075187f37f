"""Predictions: asked before the cell that shows the truth, which then says what was predicted and what it is."""

from __future__ import annotations

import ipywidgets as widgets

from rlkit_mini.names import Catalogue
from rlkit_workbook.cells import renewed
from rlkit_workbook.exercises import progress_file
from rlkit_workbook.results import texts_beside

PREDICTIONS = Catalogue("prediction", texts_beside(__file__, "predictions.toml"))
STYLE = """<style>
.prediction { border: 1px solid var(--jp-border-color2, #bdbdbd); border-left: 5px solid #0072b2; padding: .4em 1em }
.prediction .widget-radio, .prediction .widget-radio label { height: auto; width: auto; white-space: normal }
.prediction .widget-radio-box { height: auto }
</style>"""


class Prediction(widgets.VBox):
    """Asks for a prediction, before the cell that `reveal`s the truth: a choice, or a number, and one line why.

    What is entered is kept at once.
    """

    def __init__(self, name: str) -> None:
        entry = PREDICTIONS[name]
        self.name, kept = name, progress_file.read("predictions").get(name, {})
        if "choices" in entry:
            chosen = kept.get("answer") if kept.get("answer") in entry["choices"] else None
            self.answer = widgets.RadioButtons(options=entry["choices"], value=chosen, description="I predict")
        else:
            self.answer = widgets.Text(str(kept.get("answer", "")), description="I predict", placeholder="a number")
        self.why = widgets.Text(
            kept.get("why", ""), description="because", placeholder="one line", layout=widgets.Layout(width="40em")
        )
        for field in (self.answer, self.why):
            field.observe(self._keep, "value")
        question = widgets.HTML(f"<strong>Predict:</strong> {entry['question']}")
        super().__init__([question, self.answer, self.why, widgets.HTML(STYLE)], _dom_classes=("prediction",))

    def _keep(self, _change) -> None:
        answer = self.answer.value
        if answer not in (None, ""):
            progress_file.record("predictions", self.name, {"answer": answer, "why": self.why.value})

    def __repr__(self) -> str:
        entry = PREDICTIONS[self.name]
        return "\n".join([f"Predict: {entry['question']}", *(f"  ○ {choice}" for choice in entry.get("choices", ()))])


predict = renewed(Prediction)


def reveal(name: str, truth) -> None:
    """Say what was predicted, and what is true: a number, or one of the choices."""
    kept = progress_file.read("predictions").get(name, {})
    is_true = f"{truth:.3g}" if isinstance(truth, (int, float)) else truth
    said = f"You said: {kept['answer']}." if kept else "You made no prediction."
    print(f"{said} The truth: {is_true}.".replace("-", "−"))
