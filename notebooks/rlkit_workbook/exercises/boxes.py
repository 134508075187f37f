"""Boxes: what an exercise tells its learner, as HTML for a notebook's light or dark theme and as plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from textwrap import fill, indent

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

MARKS = {  # the word says it; the colour of the left edge only repeats it
    "right": ("✓ Right", "var(--jp-success-color1, #388e3c)"),
    "wrong": ("✗ Not yet", "var(--jp-warn-color1, #f57c00)"),
    "open": ("○ Not attempted yet", "var(--jp-border-color1, #9e9e9e)"),
    "hint": ("→ Hint", "var(--jp-info-color1, #0097a7)"),
    "solution": ("→ Solution", "var(--jp-info-color1, #0097a7)"),
    "progress": ("→ Progress", "var(--jp-info-color1, #0097a7)"),
}
FRAME = (
    "border:1px solid var(--jp-border-color2,#bdbdbd);border-left:5px solid {};border-radius:4px;"
    "padding:.6em 1em;margin:.3em 0;max-width:60em;line-height:1.5;overflow-x:auto"
)
CELL = "text-align:left;vertical-align:top;padding:.15em 1.5em .15em 0;border:0;background:none"
MONOSPACE = "white-space:pre;font-family:var(--jp-code-font-family,monospace);font-size:.92em;line-height:1.35"


def _rich(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def aligned(rows: dict[str, str]) -> list[str]:
    """The rows of a small table as text, name and value; lines of a value begin below one another."""
    width = max(map(len, rows), default=0)
    return [f"{name:<{width}}  " + value.replace("\n", "\n" + " " * (width + 2)) for name, value in rows.items()]


@dataclass(frozen=True)
class Box:
    """A titled message; text may hold `code` in backticks.

    Attributes:
        kind: a key of `MARKS`.
        title: what the box is about, after the mark.
        text: paragraphs.
        rows: a small table, name to value; values may have several lines.
        closing: one line under the table.
        code: Python source, highlighted.
        mistake: the name of the misconception that it tells of; not shown.
        points: the share of an exercise's checks that passed; not shown.
    """

    kind: str
    title: str
    text: tuple[str, ...] = ()
    rows: dict[str, str] = field(default_factory=dict)
    closing: str = ""
    code: str = ""
    mistake: str = ""
    points: float = 0.0

    def __repr__(self) -> str:
        table = [indent(line, "  ") for line in aligned(self.rows)]
        head = f"{MARKS[self.kind][0]}: {self.title}".replace("`", "")
        return "\n".join(
            [head, *(fill(line, 110) for line in self.text), *table, *filter(None, [self.closing, self.code])]
        )

    def _repr_html_(self) -> str:
        mark, colour = MARKS[self.kind]
        rows = "".join(
            f'<tr style="background:none"><th scope="row" style="{CELL};font-weight:normal">{_rich(name)}</th>'
            f'<td style="{CELL};{MONOSPACE}">{html.escape(value)}</td></tr>'
            for name, value in self.rows.items()
        )
        return "".join(
            [
                f'<div style="{FRAME.format(colour)}"><div><strong>{mark}</strong> · {_rich(self.title)}</div>',
                *(f'<div style="margin-top:.4em">{_rich(paragraph)}</div>' for paragraph in self.text),
                rows and f'<table style="margin:.5em 0 0;border:0;font-size:inherit">{rows}</table>',
                self.closing and f'<div style="margin-top:.4em;opacity:.8">{_rich(self.closing)}</div>',
                self.code
                and highlight(self.code, PythonLexer(), HtmlFormatter(prestyles="white-space:pre;overflow-x:auto")),
                "</div>",
            ]
        )
