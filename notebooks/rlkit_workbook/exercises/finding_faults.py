"""Faults to be found: runs under labels, and a choice of faults for each, every choice explained."""

from __future__ import annotations

import ipywidgets as widgets

from rlkit_workbook.exercises.quizzes import explained
from rlkit_workbook.faults import FAULTS
from rlkit_workbook.results import texts_beside

TEXTS = texts_beside(__file__, "finding_faults.toml")
LABELS = dict(sorted((texts["label"], name) for name, texts in TEXTS.items()))  # "A", ... -> name in the catalogue


def _question(label: str, name: str) -> widgets.VBox:
    choice = widgets.Dropdown(
        options=["choose a fault", *(texts["fault"] for texts in TEXTS.values())],
        description=f"{label} · {FAULTS[name].unnamed}",
        style={"description_width": "19em"},
        layout=widgets.Layout(width="44em", max_width="100%"),
    )
    return explained(choice, ["", *(_explanation(name, chosen) for chosen in TEXTS)])


def _explanation(name: str, chosen: str) -> str:
    verdict, text = "✓ Right.", TEXTS[name]["why"]
    if chosen != name:
        verdict, text = "✗ Not this one.", f"If it were, {TEXTS[chosen]['shows']} {TEXTS[name]['clue']}"
    style = "line-height:1.5;max-width:60em;padding-bottom:.8em"
    return f'<div role="status" style="{style}"><strong>{verdict}</strong> {text}</div>'


def unnamed_faults() -> widgets.VBox:
    """One choice per run, in the order of the figure: choosing a fault shows why it is the one, or not."""
    return widgets.VBox([_question(*entry) for entry in LABELS.items()], _dom_classes=("unnamed-faults",))
