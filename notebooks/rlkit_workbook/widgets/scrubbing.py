"""The scrub slider: moves through the really trained agents, or explorers, of a sweep."""

from __future__ import annotations

import html

import ipywidgets as widgets
import numpy as np

from rlkit_mini.plots.style import label_of
from rlkit_workbook.panels.choosing import Choosing, ChoosingFigure
from rlkit_workbook.panels.elsewhere import Elsewhere, ElsewhereFigure
from rlkit_workbook.panels.exploration import ExplorationFigure
from rlkit_workbook.panels.redrawn import axis_label
from rlkit_workbook.panels.shown import Panel, in_turn, while_idle
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.panels.tiles import Tiles, in_palette
from rlkit_workbook.panels.walks import walks_in_svg
from rlkit_workbook.sweeps import ExplorationSweep, Sweep

FIGURES = {
    Sweep: SweepFigure,
    ExplorationSweep: ExplorationFigure,
    Choosing: ChoosingFigure,
    Elsewhere: ElsewhereFigure,
}
MOST = 64  # settings of which all pictures are drawn ahead, for the browser to choose from
PLAYED = ("steps", "updates", "episodes", "size")  # the last words of what grows: training time, or data
WALKS = '<label><input type="checkbox" class="rlkit-walk"> five real episodes of the agent</label>'


class Scrub(Panel):
    """One slider a swept hyperparameter (or joined name), and the sweep's figure at the chosen setting.

    Of up to `MOST` settings every picture is a widget of its own, and the browser shows the one that the sliders are
    at; the kernel draws them while it is idle. Of more settings, it draws those that are asked for, once.

    Args:
        references: further lines beside J*, such as {"behaviour": -24.0}.
        setting: where the sliders begin, {"alpha": 1.0}; default the first of each list.

    Attributes:
        sliders: name -> slider; `view.sliders["alpha"].value = 1.0` moves it.
        picture: the widget with the figure's panels, `picture.value`; caption: that with what the figure says.
    """

    def __init__(
        self,
        sweep: Sweep | ExplorationSweep | Choosing | Elsewhere,
        references: dict[str, float] | None = None,
        setting: dict | None = None,
    ) -> None:
        if type(sweep) not in FIGURES:
            given = type(sweep).__name__
            raise TypeError(f"sweep is of type {given}; expected a Sweep, such as Sweep.of(agent, history, oracle)")
        if not sweep.grid:
            raise ValueError("nothing was swept; give the agent a list, such as CQL(alpha=[0, 0.1, 1])")
        setting = {name: values[0] for name, values in sweep.grid.items()} | (setting or {})
        self._figure = FIGURES[type(sweep)](sweep, setting, references, titled=False)
        super().__init__("rlkit-panel", "rlkit-scrub")
        self.sweep, self._references = sweep, references
        self._tiles, self._seen = Tiles(self._figure), {}
        self.sliders = {name: self._slider(name, values, setting[name]) for name, values in sweep.grid.items()}
        self._ahead = len(sweep.settings) <= MOST
        self._words, self._views = (self._leaves(of) for of in ("", self._tiles.blank))
        words, views = (self._stack(each, list(self.sliders.values())) for each in (self._words, self._views))
        words.add_class("rlkit-words")
        pictures = widgets.Box([views], _dom_classes=("rlkit-pictures",))
        beside = widgets.VBox([self._controls(), pictures], _dom_classes=("rlkit-beside",))
        self.fill(words, beside)
        self._show()
        if self._ahead:
            while_idle(self._draw_one)

    @property
    def setting(self) -> dict:
        return {name: slider.value for name, slider in self.sliders.items()}

    @property
    def picture(self) -> widgets.HTML:
        return self._views[self._here]

    @property
    def caption(self) -> widgets.HTML:
        return self._words[self._here]

    @property
    def figure(self):
        """A figure at the chosen setting, for `save_figure`."""
        return FIGURES[type(self.sweep)](self.sweep, self.setting, self._references).figure

    @in_turn
    def still(self) -> tuple[str, bytes]:
        self._figure.show(self.setting)
        return self._figure.message, in_palette(self._figure.to_pixels())

    @property
    def _here(self) -> tuple[int, ...]:
        return tuple(slider.index for slider in self.sliders.values())

    def _slider(self, name: str, values: list, value) -> widgets.SelectionSlider:
        slider = widgets.SelectionSlider(
            options=[(label_of(value), value) for value in values],
            value=value,
            description=name,
            tooltip=f"{axis_label(name, self.sweep.algorithm)}: drag, or use the arrow keys",
            continuous_update=True,
            style={"description_width": "7em"},
        )
        slider.add_class(f"rlkit-scrub-{name.replace(' ', '-')}")
        slider.observe(self._show, "value")
        return slider

    def _leaves(self, value: str) -> np.ndarray:
        """The widget that shows each setting: its own, or one for all; all share one layout and style, models too."""
        first, others = widgets.HTML(value), self.sweep.settings[1:] if self._ahead else ()
        leaves = [first, *(widgets.HTML(value, layout=first.layout, style=first.style) for _ in others)]
        return np.resize(np.array(leaves, dtype=object), tuple(map(len, self.sweep.grid.values())))

    def _controls(self) -> widgets.Box:
        """The sliders, what grows with a button that plays it, and what shows the agent's walk."""
        rows = []
        for name, slider in self.sliders.items():
            row = [slider]
            if name.split()[-1] in PLAYED:
                play = widgets.Play(slider.index, max=len(slider.options) - 1, interval=600, show_repeat=False)
                widgets.jslink((play, "value"), (slider, "index"))
                row.append(play)
            rows.append(widgets.HBox(row))
        rows += [widgets.HTML(WALKS)] if isinstance(self.sweep, Sweep) else []
        return widgets.Box(rows, _dom_classes=("rlkit-controls",))

    def _stack(self, leaves: np.ndarray, sliders: list) -> widgets.Widget:
        """Leaves (*settings), as stacks in stacks of which the browser shows the one that the sliders are at."""
        if not (sliders and self._ahead):
            return leaves.flat[0]
        children = [self._stack(each, sliders[1:]) for each in map(np.asarray, leaves)]
        stack = widgets.Stack(children, selected_index=sliders[0].index)
        widgets.jsdlink((sliders[0], "index"), (stack, "selected_index"))
        return stack

    @in_turn
    def _show(self, _change=None) -> None:
        self._fill(self._here)

    @in_turn
    def _draw_one(self) -> bool:
        """Draw one of the settings not drawn yet, the closest; whether there was one."""
        missing = [place for place in np.ndindex(self._views.shape) if place not in self._seen]
        if self.comm is None:  # it was closed
            return False
        if missing:
            here = np.array(self._here)
            self._fill(min(missing, key=lambda place: np.abs(here - place).sum()))
        return bool(missing)

    def draw_all(self) -> None:
        """Draw whatever setting is not drawn yet, as a page without a kernel needs it."""
        while self._ahead and self._draw_one():
            pass

    def _fill(self, place: tuple[int, ...]) -> None:
        """Let the leaves of a setting show it."""
        if place not in self._seen:
            self._seen[place] = self._drawn(place)
        self._words[place].value, self._views[place].value = self._seen[place]

    def _drawn(self, place: tuple[int, ...]) -> tuple[str, str]:
        """The message of a setting, and its figure with the agent's walk, as HTML."""
        sweep, figure, walk = self.sweep, self._figure, ""
        figure.show({name: values[at] for (name, values), at in zip(sweep.grid.items(), place, strict=True)})
        if isinstance(sweep, Sweep):
            walk = walks_in_svg(sweep.judge, sweep.policy[place], figure.left)
        return html.escape(figure.message).replace("\n", "<br>"), self._tiles.to_html(walk)

    def __repr__(self) -> str:
        return f"scrub slider: {self.sweep.algorithm}, " + ", ".join(
            f"{name} in [{', '.join(map(label_of, values))}]" for name, values in self.sweep.grid.items()
        )
