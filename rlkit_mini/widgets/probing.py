"""The probe: choose a place, and see how often each action was tried there, what is believed, and what is true."""

from __future__ import annotations

import ipywidgets as widgets

from rlkit_mini.live import Run
from rlkit_mini.live_views import actions_at, draw_probe
from rlkit_mini.oracle import solved
from rlkit_mini.painting import blocks, in_block
from rlkit_mini.pointmass import ACTION_NAMES
from rlkit_mini.tables import Table
from rlkit_mini.widgets.controls import STYLE, PlaceMap, Status, button, rows_of
from rlkit_mini.widgets.training import LiveTrainer

COLUMNS = {"tried": "times in the data", "believed": "believed Q", "true": "true Q of the policy", "best": "Q*"}


class Probe(widgets.VBox):
    """Looks at the live trainer's run, or before there is one at its data set; anew whenever a run has ended.

    Attributes:
        place: the centre of the chosen block, in cells.
        map, status, table: what is shown.
    """

    def __init__(self, trainer: LiveTrainer) -> None:
        self.trainer, self.place = trainer, None
        self.status = Status()
        self.map = PlaceMap("probe", self.look)
        self.table = widgets.HTML(_dom_classes=("rlkit-runs",))
        again = button("Look again", "at the trainer's run or data set as it is now", self.look)
        children = (rows_of(again), self.status, self.map, self.table, widgets.HTML(STYLE))
        super().__init__(children, _dom_classes=("rlkit-panel", "rlkit-probe"))
        trainer.on_end.append(lambda run: self.look())
        self.look()

    def __repr__(self) -> str:
        return "probe"

    def look(self, place: tuple[float, float] | None = None) -> None:
        """Show a place; None: the one before."""
        run: Run | None = self.trainer.training.run if self.trainer.training else None
        try:
            data = run.data if run else self.trainer.settings().source.load()
        except Exception as error:
            return self.status.say(str(error), error=True)
        maze, oracle, judged = data.maze, solved(data.maze), run.judged if run else None
        self.place = place or self.place
        if self.place not in blocks(maze):
            self.place = next(block for block in blocks(maze) if in_block(maze, block, maze.start))
        self.map.show(maze, *draw_probe(oracle, data, self.place, judged))
        facts = actions_at(oracle, data, self.place, judged)
        rows = [
            {"action": action}
            | {
                COLUMNS[key]: f"{values[i]:,}" if key == "tried" else f"{values[i]:.1f}"
                for key, values in facts.items()
            }
            for i, action in enumerate(ACTION_NAMES)
        ]
        self.table.value = Table(rows)._repr_html_()
        whose = (
            f"{run.settings} on {run.settings.source.name}" if run else f"{self.trainer.dataset.value}, nothing trained"
        )
        never = [action for action, count in zip(ACTION_NAMES, facts["tried"], strict=True) if not count]
        words = f"never tried there: {', '.join(never)}" if never else "every action was tried there"
        self.status.say(f"{whose}; place x {self.place[0]:g}, y {self.place[1]:g}: {words}.")


def probe(trainer: LiveTrainer) -> Probe:
    """The probe, as the last expression of a cell."""
    return Probe(trainer)
