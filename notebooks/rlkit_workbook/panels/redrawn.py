"""Figures of which little changes from one picture to the next."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rlkit_mini.agents.settings import setting_label
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.style import INK, label_of, new_figure

AXES = {"data": "data set", "dataset": "data set", "steps": "steps made (offline: updates)"}  # beside hyperparameters


def axis_label(name: str, algorithm: str = "") -> str:
    """What the axis of something swept says."""
    return AXES.get(name) or setting_label(name, algorithm)


class Redrawn:
    """A figure of which little changes from one picture to the next.

    Attributes:
        figure: 9 inches wide.
        message: what it shows, in two lines; its title, where it has one.
    """

    figure: Figure
    title, message = None, ""

    def draw_title(self) -> None:
        """Room for the two lines."""
        self.title = self.figure.suptitle("two\nlines", x=0.012, ha="left", fontsize=11.5, color=INK, linespacing=1.4)

    def say(self, message: str) -> None:
        """Let the figure say what it shows."""
        self.message = message
        if self.title:
            self.title.set_text(message)

    def settle(self, maps, artists) -> None:
        """Fix where everything is; from now on only `artists`, and what lies on the axes `maps`, is drawn again."""
        if arrange := self.figure.get_layout_engine():
            arrange.execute(self.figure)
            self.figure.set_layout_engine("none")
            for ax in self.figure.axes:
                ax.apply_aspect()
        on_maps = [(*ax.images, *ax.patches, *ax.texts, *ax.collections, *ax.spines.values()) for ax in maps]
        moving = [artist for group in on_maps for artist in group] + [*artists, *filter(None, [self.title])]
        self._moving, self._still = sorted(moving, key=lambda artist: artist.zorder), None

    def to_pixels(self) -> np.ndarray:
        """The figure as it is now, (height, 900, 3): what moves is drawn again on a kept picture of what does not."""
        canvas = self.figure.canvas
        if self._still is None:
            shown = [artist for artist in self._moving if artist.get_visible()]
            for artist in shown:
                artist.set_visible(False)
            canvas.draw()
            self._still = canvas.copy_from_bbox(self.figure.bbox)
            for artist in shown:
                artist.set_visible(True)
        canvas.restore_region(self._still)
        for artist in self._moving:
            artist.draw(canvas.get_renderer())
        return np.asarray(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def fixed_figure(rows: int, columns: int, height: float, **place: float):
    """An empty figure whose axes lie where `subplots_adjust` puts them: arranging them takes longer than drawing."""
    figure, axes = new_figure(rows, columns, height=height)
    figure.set_layout_engine(None)
    figure.subplots_adjust(**place)
    return figure, axes


def in_words(name: str, oracle: Oracle, acts: float, believes: float, truth: float) -> str:
    """Two lines on an agent: how well it acts (exact return), and whether it knows (discounted values at the start).

    Args:
        believes: NaN of an agent that learns no values.
    """
    best, worst = oracle.optimal_return, -oracle.maze.horizon
    well = "it arrives late, or not at all" if acts < (best + worst) / 2 else "it could do better"
    well = "it hardly ever arrives" if acts < 0.95 * worst else well
    well = "nearly as good as it gets" if acts >= 1.1 * best else well
    second = f"It learns no values; {truth:.1f} is true at the start."
    if not np.isnan(believes):
        knows = f"{'over' if believes > truth else 'under'}estimated by {abs(believes - truth):.1f}"
        knows = "about right" if abs(believes - truth) < 0.1 * abs(truth) + 0.1 else knows
        second = f"At the start it believes {believes:.1f}, and {truth:.1f} is true: {knows}."
    words = f"return {acts:.1f} where {best:.1f} is possible: {well}.\n{second}".replace("-", "−")
    return f"{name}: {words}"


def setting_in_words(setting: dict) -> str:
    """ "alpha 1, dataset medium-lazy"."""
    return ", ".join(f"{name} {label_of(value)}" for name, value in setting.items())
