"""Cells that are run again: a new panel takes the place of the one before, which ends and gives back what it held."""

from __future__ import annotations

import functools
from collections.abc import Callable

from IPython import get_ipython
from ipywidgets import Widget
from ipywidgets.widgets import widget as registry

_panels: dict[str, tuple[int, list[Widget]]] = {}  # cell -> how many cells had run, and the panels that it made then


def renewed(make: Callable[..., Widget]) -> Callable[..., Widget]:
    """Of a function that makes a panel: the panels of an earlier run of the same cell are closed before."""

    @functools.wraps(make, updated=())  # it may be a class
    def make_anew(*arguments, **options) -> Widget:
        shell = get_ipython()
        if shell is None:
            return make(*arguments, **options)
        cell, run = _cell(shell), shell.execution_count
        before, panels = _panels.get(cell, (run, []))
        if before != run:
            for panel in panels:
                _end(panel, shell)
            panels = []
        panel = make(*arguments, **options)
        _panels[cell] = run, [*panels, panel]
        return panel

    return make_anew


def _cell(shell) -> str:
    """What names the cell that runs: its number where the frontend tells one, else its text."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent.get("metadata") or {}).get("cellId") or shell.user_ns.get("In", [""])[-1]


def _end(panel: Widget, shell) -> None:
    """Close a panel with all its parts, and forget it where it was an output."""
    parts = _with_parts(panel)
    ids = {id(part) for part in parts}
    links = [link for link in registry._instances.values() if id((getattr(link, "source", None) or [0])[0]) in ids]
    for part in [*parts, *links]:
        part.close()
    outputs = shell.user_ns.get("_oh", {})
    for number in [number for number, output in outputs.items() if output is panel]:
        del outputs[number]
        for names in (shell.user_ns, shell.user_ns_hidden):
            names.pop(f"_{number}", None)


def _with_parts(panel: Widget) -> list[Widget]:
    """A panel and all widgets within it, their layouts and styles too."""
    values = panel._trait_values.values()
    within = [part for value in values for part in (value if isinstance(value, (list, tuple)) else [value])]
    return [panel, *(each for part in within if isinstance(part, Widget) for each in _with_parts(part))]
