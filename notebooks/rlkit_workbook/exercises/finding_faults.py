"""Faults to be found: runs under labels, and a choice of faults for each, every choice explained."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import ipywidgets as widgets

from rlkit_workbook.faults import FAULTS

TEXTS = tomllib.loads(files(__package__).joinpath("finding_faults.toml").read_text(encoding="utf-8"))
LABELS = dict(sorted((texts["label"], name) for name, texts in TEXTS.items()))  # "A", ... -> name in the catalogue


def _question(label: str, name: str) -> widgets.VBox:
    choice = widgets.Dropdown(
        options=[("choose a fault", None), *((texts["fault"], other) for other, texts in TEXTS.items())],
        value=None,
        description=f"{label} · {FAULTS[name].unnamed}",
        style={"description_width": "19em"},
        layout=widgets.Layout(width="44em", max_width="100%"),
    )
    explanation = widgets.HTML()

    def explain(change) -> None:
        if change.new is None:
            explanation.value = ""
            return
        verdict, text = "✓ Right.", TEXTS[name]["why"]
        if change.new != name:
            verdict, text = "✗ Not this one.", f"If it were, {TEXTS[change.new]['shows']} {TEXTS[name]['clue']}"
        explanation.value = (
            f'<div role="status" style="line-height:1.5;max-width:60em;padding-bottom:.8em">'
            f"<strong>{verdict}</strong> {text}</div>"
        )

    choice.observe(explain, "value")
    return widgets.VBox([choice, explanation])


def unnamed_faults() -> widgets.VBox:
    """One choice per run, in the order of the figure: choosing a fault shows why it is the one, or not."""
    return widgets.VBox([_question(*entry) for entry in LABELS.items()], _dom_classes=("unnamed-faults",))
