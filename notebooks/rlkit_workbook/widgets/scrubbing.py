"""The scrub slider: moves through the really trained agents, or explorers, of a sweep."""

from __future__ import annotations

import html
import threading

import ipywidgets as widgets

from rlkit_mini.plots.style import label_of
from rlkit_workbook.panels.choosing import Choosing, ChoosingFigure
from rlkit_workbook.panels.exploration import ExplorationFigure
from rlkit_workbook.panels.redrawn import axis_label
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.sweeps import ExplorationSweep, Sweep
from rlkit_workbook.widgets.controls import AlternativeText, in_turn, picture

FIGURES = {Sweep: SweepFigure, ExplorationSweep: ExplorationFigure, Choosing: ChoosingFigure}


class Scrub(widgets.VBox):
    """One slider a swept hyperparameter (or joined name), and the sweep's figure at the chosen setting.

    Attributes:
        sliders: name -> slider; `view.sliders["alpha"].value = 1.0` moves it.
        picture: the figure as a PNG, `picture.value`.
        caption: what the figure says in words, for those who cannot see it.
    """

    def __init__(
        self, sweep: Sweep | ExplorationSweep | Choosing, references: dict[str, float] | None, setting: dict | None
    ) -> None:
        if type(sweep) not in FIGURES:
            given = type(sweep).__name__
            raise TypeError(f"sweep is of type {given}; expected a Sweep, such as Sweep.of(agent, history, oracle)")
        if not sweep.grid:
            raise ValueError("nothing was swept; give the agent a list, such as CQL(alpha=[0, 0.1, 1])")
        setting = {name: values[0] for name, values in sweep.grid.items()} | (setting or {})
        self.sweep, self._figure, self.turn = sweep, FIGURES[type(sweep)](sweep, setting, references), threading.RLock()
        self.sliders = {name: self._slider(name, values, setting[name]) for name, values in sweep.grid.items()}
        self.picture, self._alternative = picture("scrub"), AlternativeText()
        self.caption = widgets.HTML(_dom_classes=("rlkit-scrub-caption",))
        children = (*self.sliders.values(), self.picture, self._alternative, self.caption)
        super().__init__(children, _dom_classes=("rlkit-scrub",))
        self._show()

    @property
    def setting(self) -> dict:
        return {name: slider.value for name, slider in self.sliders.items()}

    @property
    def figure(self):
        """The figure at the chosen setting, for `save_figure`; the slider goes on drawing on it."""
        return self._figure.figure

    def _slider(self, name: str, values: list, value) -> widgets.SelectionSlider:
        slider = widgets.SelectionSlider(
            options=[(label_of(value), value) for value in values],
            value=value,
            description=name,
            tooltip=f"{axis_label(name, self.sweep.algorithm)}: drag, or use the arrow keys",
            continuous_update=True,
            style={"description_width": "7em"},
            layout=widgets.Layout(width="600px", max_width="100%"),
        )
        slider.add_class(f"rlkit-scrub-{name.replace(' ', '-')}")
        slider.observe(self._show, "value")
        return slider

    @in_turn
    def _show(self, _change=None) -> None:
        self._figure.show(self.setting)
        self.picture.value = self._figure.to_png()
        self._alternative.say(f"Maps and curves. {self._figure.message}")
        words = html.escape(self._figure.message.replace("\n", " "))
        self.caption.value = f'<div role="status" style="font-size:85%;opacity:0.7;line-height:1.4">{words}</div>'

    def __repr__(self) -> str:
        return f"scrub slider: {self.sweep.algorithm}, " + ", ".join(
            f"{name} in [{', '.join(map(label_of, values))}]" for name, values in self.sweep.grid.items()
        )


def scrub(
    sweep: Sweep | ExplorationSweep | Choosing, references: dict[str, float] | None = None, setting: dict | None = None
) -> Scrub:
    """The slider of a sweep, as the last expression of a cell.

    Args:
        references: further lines beside J*, such as {"behaviour": -24.0}.
        setting: where the sliders begin, {"alpha": 1.0}; default the first of each list.
    """
    return Scrub(sweep, references, setting)
