"""The failure museum: exhibits without their names, and a choice of faults for each, every choice explained."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import ipywidgets as widgets

from rlkit_workbook.museum import EXHIBITS

FAULTS = tomllib.loads(files(__package__).joinpath("museum.toml").read_text(encoding="utf-8"))


def _exhibit(label: str) -> widgets.VBox:
    fault, twin, *_ = EXHIBITS[label]
    choice = widgets.Dropdown(
        options=[("choose a fault", None), *((entry["fault"], name) for name, entry in FAULTS.items())],
        value=None,
        description=f"{label} · {twin}",
        style={"description_width": "19em"},
        layout=widgets.Layout(width="44em", max_width="100%"),
    )
    choice.add_class(f"museum-{label}")
    explanation = widgets.HTML()

    def explain(change) -> None:
        if change.new is None:
            explanation.value = ""
            return
        verdict, text = "✓ Right.", FAULTS[fault]["why"]
        if change.new != fault:
            verdict = "✗ Not this one."
            text = f"If it were, {FAULTS[change.new]['shows']} {FAULTS[fault]['clue']}"
        explanation.value = (
            f'<div role="status" style="line-height:1.5;max-width:60em;padding-bottom:.8em">'
            f"<strong>{verdict}</strong> {text}</div>"
        )

    choice.observe(explain, "value")
    return widgets.VBox([choice, explanation])


def museum() -> widgets.VBox:
    """One choice an exhibit, in the order of the figure."""
    return widgets.VBox([_exhibit(label) for label in EXHIBITS], _dom_classes=("museum",))
