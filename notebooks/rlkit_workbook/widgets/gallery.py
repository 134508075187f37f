"""The gallery's panel: choose a maze, an algorithm, a data set and hyperparameters, and see what comes of it."""

from __future__ import annotations

import functools

from rlkit_workbook.panels.shown import Panel, in_turn
from rlkit_workbook.sweeps import Gallery
from rlkit_workbook.widgets.controls import choice, rows_of
from rlkit_workbook.widgets.scrubbing import Scrub


class GalleryPanel(Panel):
    """The committed gallery: two choices, and under them the sliders and the figure of the sweep that they name.

    Args:
        setting: where the sliders begin, {"alpha": 1.0, "dataset": "pointmass/medium-lazy-v0"}.

    Attributes:
        maze, algorithm: the choices; `panel.algorithm.value = "IQL"` makes one.
        scrub: the sliders and the figure; a data set that was chosen stays where the next sweep has it as well.
    """

    def __init__(self, maze: str = "medium", algorithm: str = "CQL", setting: dict | None = None) -> None:
        gallery = Gallery()
        named = [name.split() for name in gallery if not name.startswith("collections")]
        mazes, algorithms = (list(dict.fromkeys(names)) for names in zip(*named, strict=True))
        first = gallery[f"{maze} {algorithm}"]  # raises with the closest names
        first.index({name: values[0] for name, values in first.grid.items()} | (setting or {}))  # or what was trained
        super().__init__("rlkit-gallery")
        self.gallery = gallery
        self.maze = choice("maze", mazes, "the maze that the data is from", maze)
        self.algorithm = choice("algorithm", algorithms, "who learns from the data", algorithm)
        self._scrub_of = functools.cache(lambda name: Scrub(gallery[name], None, self._kept(name)))
        self._setting = dict(setting or {})
        self._show()
        for field in (self.maze, self.algorithm):
            field.observe(self._show, "value")

    def _kept(self, name: str) -> dict:
        """What of the present setting the sweep has as well."""
        grid = self.gallery[name].grid
        return {key: value for key, value in self._setting.items() if value in grid.get(key, ())}

    @in_turn
    def _show(self, _change=None) -> None:
        if self.children:
            self._setting |= self.scrub.setting
        name = f"{self.maze.value} {self.algorithm.value}"
        self.scrub = self._scrub_of(name)
        for key, value in self._kept(name).items():
            self.scrub.sliders[key].value = value
        self.children = [rows_of(self.maze, self.algorithm), self.scrub]

    def still(self) -> tuple[str, bytes]:
        return self.scrub.still()

    def __repr__(self) -> str:
        return f"gallery: {len(self.gallery)} sweeps, at {self.maze.value} {self.algorithm.value}"
