"""What a panel leaves in a notebook for readers without a kernel: its words, and its picture."""

from __future__ import annotations

import asyncio
import functools
import html
import threading
from collections.abc import Callable
from importlib.resources import files

import ipywidgets as widgets
from IPython.display import display


class Panel(widgets.VBox):
    """A box of widgets that also says, and shows, what it shows now: on GitHub, in a page, in a notebook opened again.

    Words and picture are outputs of their own, which the panel's style hides where the panel itself is alive.
    """

    invitation = "Run this cell to move it."

    def __init__(self, *classes: str) -> None:
        """Without anything in it yet."""
        self.turn = threading.RLock()
        super().__init__(_dom_classes=classes)

    def fill(self, *children: widgets.Widget) -> None:
        """Put these into it, and what every panel holds besides."""
        self.children = [*children, furnishing()]

    def still(self) -> tuple[str, bytes | None]:
        """What it says in words, and the bytes of a PNG file where there is a picture."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        words, picture = self.still()
        said = f"{words}\n{self.invitation}".strip()
        lines = f'<p class="rlkit-still" style="white-space:pre-line">{html.escape(said)}</p>'
        display({"text/html": lines, "text/plain": said}, raw=True)
        if picture:
            display({"image/png": picture, "text/plain": repr(self)}, raw=True)
        display(self._repr_mimebundle_(), raw=True)


def furnishing() -> widgets.HTML:
    """The style of a panel, and names and keys for those who see no picture or use no pointer."""
    style, script = (files(__package__).joinpath(f"panel.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    hidden = f'<img hidden alt="" src="data:," onerror="{html.escape(script)}">'
    return widgets.HTML(f"<style>{style}</style>{hidden}", layout=widgets.Layout(margin="0", height="0"))


def in_turn(method):
    """Of a panel: these methods run one at a time.

    JupyterLab has the kernel run what widgets call partly in its main thread and partly in another, beside the cells.
    """

    @functools.wraps(method)
    def wait_and_run(self, *arguments):
        with self.turn:
            return method(self, *arguments)

    return wait_and_run


def while_idle(step: Callable[[], bool], after: float = 0.01) -> None:
    """Call `step` after so many seconds, and again whenever the kernel had a moment for others, until it is false."""

    def go() -> None:
        if step():
            loop.call_later(0.01, go)

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no kernel: what is asked for is drawn
        return
    loop.call_later(after, go)
