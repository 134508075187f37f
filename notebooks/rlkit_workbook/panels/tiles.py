"""A figure cut into its panels, which a page puts side by side, or one under another where it is narrow."""

from __future__ import annotations

import base64
import html
import io
import itertools

import numpy as np
from PIL import Image

from rlkit_workbook.panels.redrawn import Redrawn


def in_palette(pixels: np.ndarray) -> bytes:
    """Pixels (height, width, 3) as the bytes of a PNG file of 256 colours: a third of what all colours take."""
    file = io.BytesIO()
    picture = Image.fromarray(pixels).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    picture.save(file, "png", compress_level=4)
    return file.getvalue()


def cuts(pixels: np.ndarray, rows: int, columns: int) -> list[list[tuple[slice, slice]]]:
    """Where each panel is in the pixels (height, width, 3) of a figure, row by row; blank bands part them."""
    blank = (pixels == 255).all(axis=2)
    down = _parts(blank.all(axis=1), rows)
    return [[(row, column) for column in _parts(blank[row].all(axis=0), columns)] for row in down]


def _parts(blank: np.ndarray, count: int) -> list[slice]:
    """Between lines, some of them blank, `count` parts of about the same size, cut in the widest blank bands there."""
    starts, stops = (np.flatnonzero(np.diff(np.r_[0, blank, 0]) == step) for step in (1, -1))
    middles, widths, size = (starts + stops) // 2, stops - starts, len(blank) / count
    near = {part: np.where(np.abs(middles - size * part) < 0.3 * size, widths, 0) for part in range(1, count)}
    ends = [int(middles[wide.argmax()] if wide.any() else size * part) for part, wide in near.items()]
    return [slice(*both) for both in itertools.pairwise([0, *ends, len(blank)])]


class Tiles:
    """The panels of a figure; where they are cut is found once."""

    def __init__(self, drawn: Redrawn) -> None:
        self.drawn, self.cuts = drawn, None

    @property
    def blank(self) -> str:
        """HTML that takes as much room as the figure, until it is drawn."""
        width, height = (round(length) for length in self.drawn.figure.bbox.size)
        return f'<div class="rlkit-view" style="aspect-ratio:{width}/{height}"></div>'

    def to_html(self, over: str = "") -> str:
        """The figure as it is now; its panels' titles are their alternative texts.

        Args:
            over: shapes of SVG over the first panel, in pixels.
        """
        pixels, titles = self.drawn.to_pixels(), (ax.get_title(loc="left") for ax in self.drawn.figure.axes)
        grid = self.drawn.figure.axes[0].get_gridspec()
        self.cuts = self.cuts or cuts(pixels, grid.nrows, grid.ncols)
        first = self.cuts[0][0]
        return in_rows([[tile(pixels[cut], next(titles), over * (cut == first)) for cut in row] for row in self.cuts])


def in_rows(tiles: list[list[str]]) -> str:
    """Tiles row by row, as HTML."""
    rows = (f"<div>{''.join(row)}</div>" for row in tiles)
    return f'<div class="rlkit-view">{"".join(rows)}</div>'


def tile(pixels: np.ndarray, words: str, over: str = "") -> str:
    """Pixels (height, width, 3) of a panel as HTML; see `Tiles.to_html`."""
    (height, width, _), data = pixels.shape, base64.b64encode(in_palette(pixels)).decode()
    words, over = html.escape(" ".join(words.split())), over and f'<svg viewBox="0 0 {width} {height}">{over}</svg>'
    look = f'width="{width}" height="{height}" decoding="sync"'  # else the page is empty between two pictures
    picture = f'<img {look} alt="{words}" src="data:image/png;base64,{data}">'
    return f'<figure style="flex:{width} {width} 0">{picture}{over}</figure>'
