"""The data painter: draw where a behaviour policy goes, and get the data set that it collects."""

from __future__ import annotations

import threading

import ipywidgets as widgets

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.mazes import MAZES, in_block
from rlkit_mini.names import Catalogue
from rlkit_mini.oracle import shared_oracle
from rlkit_workbook.panels.shown import Panel, furnishing
from rlkit_workbook.panels.tiles import in_palette
from rlkit_workbook.widgets.controls import NumberField, PlaceMap, Status, button, choice, in_turn, rows_of
from rlkit_workbook.widgets.live_figures import draw_painting
from rlkit_workbook.widgets.paint import EPISODES, paint
from rlkit_workbook.widgets.training import LiveTrainer

MOST_WAYPOINTS = 12
NOISE, COUNTS = (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1), (1, 2, 5, 10, 20, 50, EPISODES)


class DataPainter(Panel):
    """Each click on the map adds a waypoint (or moves the start), and the data is collected again at once.

    Attributes:
        data: the `Transitions` as painted; `start` and `waypoints`: positions in cells.
        maze, click, onward, noise, episodes, buttons, map, status: its parts.
    """

    def __init__(self, trainer: LiveTrainer | None, maze: str) -> None:
        self.trainer, self.data, self.waypoints, self.turn = trainer, None, [], threading.RLock()
        known = Catalogue(
            "maze", {name: entry for name, entry in MAZES.items() if name != "veryhard"}
        )  # to explore only
        self.maze = choice("maze", list(known), "where the route is drawn", known[maze].name)
        self.click = choice("a click sets", ["a waypoint", "the start"], "what a click on the map, or Enter, sets")
        self.onward = widgets.Checkbox(
            True, description="then on to the goal", tooltip="else it begins its round again", indent=False
        )
        self.noise = NumberField("noise", 0.1, NOISE, "share of random actions")
        self.episodes = NumberField("episodes", 20, COUNTS, f"episodes to collect, at most {EPISODES}")
        self.buttons = {
            "Undo": button("Undo", "take the last waypoint away", self.undo),
            "Clear": button("Clear", "take all waypoints away, and start where the maze does", self.clear),
        }
        if trainer is not None:
            tip = "train on this data set, in the live trainer"
            self.buttons["Train"] = button("Train on it", tip, self.train, button_style="primary")
        self.status = Status()
        self.map = PlaceMap("painter", self.place)
        self.maze.observe(lambda _: self.clear(), "value")
        for part in (self.onward, self.noise.number, self.episodes.number):
            part.observe(lambda _: self.collect(), "value")
        children = (
            rows_of(self.maze, self.click, self.noise, self.episodes, self.onward),
            rows_of(*self.buttons.values()),
            self.status,
            self.map,
            furnishing(),
        )
        super().__init__(children, _dom_classes=("rlkit-panel", "rlkit-painter"))
        self.clear()

    def still(self) -> tuple[str, bytes]:
        return self.status.words, in_palette(self.map.pixels)

    def __repr__(self) -> str:
        return "data painter"

    @in_turn
    def place(self, where: tuple[float, float]) -> None:
        """What a click on the map does."""
        if self.click.value == "the start":
            known = MAZES[self.maze.value]
            self.start = known.start if in_block(known, where, known.start) else where
        elif len(self.waypoints) >= MOST_WAYPOINTS:
            return self.status.say(f"A route has at most {MOST_WAYPOINTS} waypoints.", error=True)
        else:
            self.waypoints = [*self.waypoints, where]
        self.collect()

    @in_turn
    def undo(self) -> None:
        self.waypoints = self.waypoints[:-1]
        self.collect()

    @in_turn
    def clear(self) -> None:
        self.waypoints, self.start = [], MAZES[self.maze.value].start
        self.collect()

    def code(self) -> str:
        """The expression that paints the same data set."""
        return (
            f'paint("{self.maze.value}", {self.waypoints}, noise={self.noise.value!r}, '
            f"episodes={self.episodes.value!r}, start={self.start}, onward={self.onward.value})"
        )

    @in_turn
    def collect(self) -> None:
        """Collect the data set as it is drawn now; an error leaves the one before."""
        arguments = (self.noise.value, self.episodes.value, self.start, self.onward.value)
        try:
            self.data = paint(self.maze.value, self.waypoints, *arguments)
        except Exception as error:
            return self.status.say(str(error), error=True)
        maze, best = MAZES[self.maze.value], shared_oracle(MAZES[self.maze.value]).optimal_return
        words = painting_in_words(self.data)
        self.status.say(words)
        route = " to ".join(f"x {x:g}, y {y:g}" for x, y in (self.start, *self.waypoints))
        told = f"Map of the visits, and returns of the episodes. Route from {route}. {words}"
        self.map.show(maze, told, *draw_painting(maze, self.start, self.waypoints, self.data, best))
        if self.trainer is not None:
            self.trainer.offer("painted", self.code(), self.data)

    @in_turn
    def train(self) -> None:
        """Choose this data set in the live trainer, and train."""
        self.trainer.dataset.value = "painted"
        self.trainer.train()


def painting_in_words(data: Transitions) -> str:
    """What a data set holds, in a sentence."""
    episodes = data.episodes
    arrived = sum(bool(episode.terminations[-1]) for episode in episodes)
    return (
        f"{len(data):,} steps in {len(episodes)} episodes, {arrived} of which reach the goal; mean return "
        f"{data.episode_returns.mean():.1f}; {coverage(data.positions, data.maze.walls):.0%} of the maze visited."
    ).replace("-", "−")


def data_painter(trainer: LiveTrainer | None = None, maze: str = "medium") -> DataPainter:
    """The data painter, as the last expression of a cell; its data is the trainer's data set "painted"."""
    return DataPainter(trainer, maze)
