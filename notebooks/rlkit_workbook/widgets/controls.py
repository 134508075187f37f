"""What the panels are made of: labelled controls, a picture with its words, a map whose places can be chosen."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable

import ipywidgets as widgets

from rlkit_mini.mazes import Maze, block_size, blocks
from rlkit_workbook.panels.redrawn import axis_label, encoded
from rlkit_workbook.widgets.live import LIMITS, steps_of

STYLE = """<style>
.rlkit-panel .widget-label { min-width: 0 }
.rlkit-number .widget-text { width: 6em } /* its label is read out; the slider's shows it */
.rlkit-number .widget-text label { position: absolute; clip-path: inset(50%); width: 1px; height: 1px }
.rlkit-status { min-height: 3em } .rlkit-status .widget-html-content { line-height: 1.5; font-size: 14px }
.rlkit-status .rlkit-error { border-left: 4px solid #d55e00; padding-left: .6em }
.rlkit-changed { border-left: 4px solid #0072b2 }
.rlkit-wrong input { outline: 2px solid #d55e00 }
.rlkit-code pre { padding: .6em; line-height: 1.4; overflow-x: auto; border: 1px solid #bdbdbd }
.rlkit-code pre { font-family: monospace; white-space: pre; user-select: all }
.rlkit-old { opacity: .4 } .rlkit-link { display: none } [data-voila] .rlkit-link { display: block }
.rlkit-link a { color: var(--jp-content-link-color, #0072b2); text-decoration: underline }
.rlkit-runs .widget-html-content { overflow-x: auto }
.rlkit-runs table { border-collapse: collapse; white-space: nowrap }
.rlkit-runs td, .rlkit-runs th { padding: .15em .8em; border: 0 }
.rlkit-panel .jupyter-widgets-disconnected::before { display: none } /* one sentence, not an icon on every control */
.rlkit-panel.jupyter-widgets-disconnected::before { font: inherit; color: inherit; align-self: stretch; padding: .6em;
  border-left: 4px solid #d55e00; content: "The kernel of this panel has ended, and what it held is lost. "
  "In a notebook: run all cells again. In the app: load the page again." }
.rlkit-map { position: relative; width: 900px; max-width: 100%; overflow: visible }
.rlkit-map .widget-image { width: 100%; margin: 0; display: block }
.rlkit-places { position: absolute; margin: 0; padding: 0; overflow: visible }
.rlkit-places > * { margin: 0; padding: 0; width: auto; height: auto; min-width: 0; line-height: 1 }
.rlkit-places button { background: transparent; color: transparent; border: 0; overflow: hidden; cursor: crosshair }
.rlkit-places button:is(:hover, :focus-visible) { outline: 3px solid #d55e00; outline-offset: -3px; box-shadow: none }
.rlkit-places button:hover { background: rgba(255, 255, 255, .35) }
</style>"""


class NumberField(widgets.HBox):
    """A number on a slider of round steps, which may also be typed; what is typed counts, also beyond the slider.

    Attributes:
        slider, number: `number.value` is the value.
    """

    def __init__(self, name: str, value: float, steps=None, tooltip: str = "") -> None:
        self.steps, self._moving = steps or steps_of(name), False
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
        if not self._moving:
            self.number.value = change.new

    def _typed(self, change) -> None:
        self._moving = True
        self.slider.value = self._nearest(change.new)
        self._moving = False


def in_turn(method):
    """Of a panel with a lock `turn`: these methods run one at a time.

    JupyterLab has the kernel run what widgets call partly in its main thread and partly in another, beside the cells.
    """

    @functools.wraps(method)
    def wait_and_run(self, *arguments):
        with self.turn:
            return method(self, *arguments)

    return wait_and_run


def choice(name: str, options, tooltip: str, value=None, **more) -> widgets.Dropdown:
    """A labelled choice of one option."""
    field = widgets.Dropdown(
        options=options,
        description=name,
        tooltip=tooltip,
        style={"description_width": "9em"},
        layout=widgets.Layout(width="26em", max_width="100%"),
        **({} if value is None else {"value": value}),
        **more,
    )
    field.add_class(f"rlkit-{name.split()[0]}")
    return field


def button(name: str, tooltip: str, act: Callable[[], None], **more) -> widgets.Button:
    """A button that calls `act`."""
    made = widgets.Button(description=name, tooltip=tooltip, layout=widgets.Layout(width="auto"), **more)
    made.on_click(lambda _: act())
    made.add_class(f"rlkit-{name.split()[0].lower()}")
    return made


def picture(name: str) -> widgets.Image:
    """An empty picture, 900 pixels wide where there is room; no tooltip, with which its view fails to load."""
    made = widgets.Image(format="png", layout=widgets.Layout(width="900px", max_width="100%"))
    made.add_class(f"rlkit-{name}-picture")
    return made


class AlternativeText(widgets.HTML):
    """The alternative text of the picture in the same box; the view of `widgets.Image` takes none itself."""

    def __init__(self) -> None:
        super().__init__(layout=widgets.Layout(display="block", width="0", height="0", margin="0"))

    def say(self, words: str) -> None:
        words = html.escape(" ".join(words.split()))
        tell = "this.closest('.widget-box').querySelector('.widget-image').alt = this.alt"
        self.value = f'<img hidden src="data:," alt="{words}" onerror="{tell}">'


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
    """A picture in which the free blocks of a maze are buttons: for the pointer, and for Tab and Enter.

    Attributes:
        places: centre of a block, in cells -> its button.
    """

    def __init__(self, name: str, on_place: Callable[[tuple[float, float]], None]) -> None:
        self.picture, self._on_place, self._maze, self.places = picture(name), on_place, None, {}
        self.alternative = AlternativeText()
        self.overlay = widgets.GridBox(_dom_classes=("rlkit-places",))
        super().__init__(
            [self.picture, self.overlay, self.alternative], _dom_classes=("rlkit-map", f"rlkit-{name}-map")
        )

    def show(self, maze: Maze, words: str, figure, ax) -> None:
        """Put a figure there whose `ax` shows the maze, and whose alternative text is `words`."""
        self.alternative.say(words)
        figure.canvas.draw()
        self.picture.value = encoded(figure.canvas)
        box = ax.get_position()
        at = {"left": box.x0, "top": 1 - box.y1, "width": box.width, "height": box.height}
        for side, share in at.items():
            setattr(self.overlay.layout, side, f"{100 * share:.3f}%")
        if maze is not self._maze:
            self._lay_out(maze)

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
    """Show a control as "changed", or as "wrong", or no longer."""
    (control.add_class if on else control.remove_class)(f"rlkit-{how}")


def rows_of(*children) -> widgets.Box:
    """Controls side by side, wrapped where there is no room."""
    return widgets.Box(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
