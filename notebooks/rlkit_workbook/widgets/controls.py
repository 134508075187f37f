"""What the panels are made of: labelled controls, a picture with its words, a map whose places can be chosen."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from rlkit_mini.mazes import Maze, block_size, blocks
from rlkit_workbook.panels.redrawn import axis_label
from rlkit_workbook.panels.tiles import cuts, in_rows, tile
from rlkit_workbook.widgets.settings import LIMITS, STEPS


class NumberField(widgets.HBox):
    """A number on a slider of round steps, which may also be typed; what is typed counts, also beyond the slider.

    Attributes:
        slider, number: `number.value` is the value.
    """

    def __init__(self, name: str, value: float, steps=None, tooltip: str = "") -> None:
        self.steps = steps or STEPS[name]
        tooltip = tooltip or axis_label(name)
        tooltip += f"; at most {LIMITS[name]:,}" if name in LIMITS else ""
        words = name.replace("_", " ")
        self.number = widgets.FloatText(value, description=words, tooltip=f"{tooltip}: type a number")
        self.slider = widgets.SelectionSlider(
            options=[(f"{step:g}", step) for step in self.steps],
            value=self._nearest(value),
            description=words,
            readout=False,
            tooltip=f"{tooltip}: drag, or use the arrow keys",
            style={"description_width": "9em"},
            layout=widgets.Layout(width="20em"),
        )
        self.slider.observe(self._slid, "value")
        self.number.observe(self._typed, "value")
        classes = ("rlkit-number", f"rlkit-field-{name.replace('_', '-')}")
        super().__init__([self.slider, self.number], _dom_classes=classes)

    @property
    def value(self) -> float:
        return int(self.number.value) if self.number.value % 1 == 0 else self.number.value

    def _nearest(self, value: float) -> float:
        return min(self.steps, key=lambda step: abs(step - value))

    def _slid(self, change) -> None:
        if change.new != self._nearest(self.number.value):  # else it follows what was typed
            self.number.value = change.new

    def _typed(self, change) -> None:
        self.slider.value = self._nearest(change.new)


def choice(name: str, options, tooltip: str, value: str | None = None) -> widgets.Dropdown:
    """A labelled choice of one option."""
    field = widgets.Dropdown(
        options=options,
        description=name,
        tooltip=tooltip,
        style={"description_width": "9em"},
        layout=widgets.Layout(width="26em", max_width="100%"),
        **({} if value is None else {"value": value}),
    )
    field.add_class(f"rlkit-{name.split()[0]}")
    return field


def button(name: str, tooltip: str, act: Callable[[], None], **more) -> widgets.Button:
    """A button that calls `act`."""
    made = widgets.Button(description=name, tooltip=tooltip, layout=widgets.Layout(width="auto"), **more)
    made.on_click(lambda _: act())
    made.add_class(f"rlkit-{name.split()[0].lower()}")
    return made


class Status(widgets.HTML):
    """One or two lines in words, read out when they change (but not several times a second)."""

    def __init__(self, words: str = "") -> None:
        super().__init__(_dom_classes=("rlkit-status",))
        self.say(words)

    def say(self, words: str, error: bool = False, aloud: bool = True) -> None:
        """Show the words; an error is marked by the word, and by a bar."""
        self.words, self.error = words, error
        inner = "<br>".join(html.escape(line) for line in words.splitlines())
        inner = f'<div class="rlkit-error"><strong>Error:</strong> {inner}</div>' if error else inner
        spoken = "" if aloud else ' aria-live="off"'
        self.value = f'<div role="{"alert" if error else "status"}"{spoken}>{inner}</div>'


class PlaceMap(widgets.Box):
    """A figure whose map has the free blocks of a maze as buttons: for the pointer, and for arrow keys and Enter.

    Attributes:
        picture, rest: the map, and what the figure has beside it; a narrow page puts one under the other.
        places: centre of a block, in cells -> its button.
    """

    def __init__(self, name: str, on_place: Callable[[tuple[float, float]], None]) -> None:
        self.picture, self.rest = widgets.HTML(_dom_classes=(f"rlkit-{name}-picture",)), widgets.HTML()
        self.places, self._on_place, self._maze = {}, on_place, None
        self.overlay = widgets.GridBox(_dom_classes=("rlkit-places",))
        self.itself = widgets.Box([self.picture, self.overlay], _dom_classes=("rlkit-itself",))
        super().__init__([self.itself, self.rest], _dom_classes=("rlkit-map", f"rlkit-{name}-map"))

    def show(self, maze: Maze, words: str, figure, chosen: tuple[float, float] | None = None) -> None:
        """Put a figure there whose first axes show the maze, and whose alternative text is `words`.

        Args:
            chosen: the place that counts as pressed.
        """
        figure.canvas.draw()
        self.pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
        (row,), width = cuts(self.pixels, 1, len(figure.axes)), self.pixels.shape[1]
        edge = row[0][1].stop
        self.picture.value, self.itself.layout.flex = in_rows([[tile(self.pixels[row[0]], words)]]), f"{edge} 1 0"
        titles = [panel.get_title(loc="left") for panel in figure.axes]
        beside = [tile(self.pixels[cut], title) for cut, title in zip(row[1:], titles[1:], strict=True)]
        self.rest.value, self.rest.layout.flex = in_rows([beside]), f"{width - edge} 1 0"
        box = figure.axes[0].get_position()
        at = {"left": box.x0 * width / edge, "top": 1 - box.y1, "width": box.width * width / edge, "height": box.height}
        for side, share in at.items():
            setattr(self.overlay.layout, side, f"{100 * share:.3f}%")
        if maze is not self._maze:
            self._lay_out(maze)
        for place in sorted(self.places, key=lambda place: place == chosen):  # last, so that two are never pressed
            mark(self.places[place], "chosen", place == chosen)

    def _lay_out(self, maze: Maze) -> None:
        size, wall = block_size(maze), widgets.Box()
        width, height = (length // size for length in maze.shape)
        self._maze, self.places = maze, {}
        for x, y in blocks(maze):
            place = widgets.Button(description=f"x {x:g}, y {y:g}", tooltip=f"the place x {x:g}, y {y:g}")
            place.on_click(lambda _, where=(x, y): self._on_place(where))
            self.places[x, y] = place
        rows = [[(size * (x + 0.5), size * (y + 0.5)) for x in range(width)] for y in reversed(range(height))]
        self.overlay.layout.grid_template_columns = f"repeat({width}, minmax(0, 1fr))"
        self.overlay.layout.grid_template_rows = f"repeat({height}, minmax(0, 1fr))"
        self.overlay.children = [self.places.get(place, wall) for row in rows for place in row]


def mark(control: widgets.DOMWidget, how: str, on: bool) -> None:
    """Show a control as "changed", "wrong" or "chosen", or no longer."""
    (control.add_class if on else control.remove_class)(f"rlkit-{how}")


def rows_of(*children) -> widgets.Box:
    """Controls side by side, wrapped where there is no room."""
    return widgets.Box(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
