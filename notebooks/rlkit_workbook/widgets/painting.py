"""The data painter: draw where a behaviour policy goes, and get the data set that it collects."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.mazes import MAZES, Maze, in_block
from rlkit_mini.names import Catalogue
from rlkit_mini.oracle import shared_oracle
from rlkit_mini.plots.curves import draw_references
from rlkit_mini.plots.maps import draw_visits
from rlkit_mini.plots.style import INK, label_axes, style_of
from rlkit_workbook.panels.redrawn import fixed_figure
from rlkit_workbook.panels.shown import Panel, in_turn
from rlkit_workbook.panels.tiles import in_palette
from rlkit_workbook.widgets.controls import NumberField, PlaceMap, Status, button, choice, rows_of
from rlkit_workbook.widgets.paint import EPISODES, paint
from rlkit_workbook.widgets.training import LiveTrainer

MOST_WAYPOINTS = 12
NOISE, COUNTS = (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1), (1, 2, 5, 10, 20, 50, EPISODES)


class DataPainter(Panel):
    """Each click on the map adds a waypoint (or moves the start), and the data is collected again at once.

    Args:
        trainer: a live trainer, whose data set "painted" this is.

    Attributes:
        data: the `Transitions` as painted; `start` and `waypoints`: positions in cells.
        maze, click, onward, noise, episodes, buttons, map, status: its parts.
    """

    def __init__(self, trainer: LiveTrainer | None = None, maze: str = "medium") -> None:
        known = Catalogue("maze", {name: each for name, each in MAZES.items() if name != "veryhard"})  # to explore only
        self.maze = choice("maze", list(known), "where the route is drawn", known[maze].name)
        super().__init__("rlkit-panel", "rlkit-painter")
        self.trainer, self.data, self.waypoints = trainer, None, []
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
        choices = rows_of(self.maze, self.click, self.noise, self.episodes, self.onward)
        self.fill(choices, rows_of(*self.buttons.values()), self.status, self.map)
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

    def _options(self) -> dict:
        """What `paint` is given besides maze and waypoints."""
        counts = {"noise": self.noise.value, "episodes": self.episodes.value}
        return counts | {"start": self.start, "onward": self.onward.value}

    def code(self) -> str:
        """The expression that paints the same data set."""
        given = ", ".join(f"{name}={value!r}" for name, value in self._options().items())
        return f'paint("{self.maze.value}", {self.waypoints}, {given})'

    @in_turn
    def collect(self) -> None:
        """Collect the data set as it is drawn now; an error leaves the one before."""
        try:
            self.data = paint(self.maze.value, self.waypoints, **self._options())
        except Exception as error:
            return self.status.say(str(error), error=True)
        maze, best = MAZES[self.maze.value], shared_oracle(MAZES[self.maze.value]).optimal_return
        words = painting_in_words(self.data)
        self.status.say(words)
        route = " to ".join(f"x {x:g}, y {y:g}" for x, y in (self.start, *self.waypoints))
        told = f"Map of the visits, and returns of the episodes. Route from {route}. {words}"
        self.map.show(maze, told, draw_painting(maze, self.start, self.waypoints, self.data, best))
        if self.trainer is not None:
            self.trainer.offer("painted", self.code(), self.data)

    @in_turn
    def train(self) -> None:
        """Choose this data set in the live trainer, and train."""
        self.trainer.dataset.value = "painted"
        self.trainer.train()


def draw_painting(maze: Maze, start, waypoints, data: Transitions, best: float):
    """A painted data set: its map, and the returns of its episodes.

    Args:
        start, waypoints: positions in cells; the waypoints are numbered in order.
        best: J*, beside the episodes' returns.
    """
    margins = {"left": 0.06, "right": 0.87, "bottom": 0.13, "top": 0.91, "wspace": 0.55}
    figure, (left, right) = fixed_figure(1, 2, height=4.2, **margins)
    draw_visits(left, maze, data.positions)
    returns = np.sort(data.episode_returns)[::-1]
    right.plot(np.arange(1, len(returns) + 1), returns, **style_of("BC") | {"linestyle": "", "markersize": 5})
    badge = {"boxstyle": "circle,pad=0.2", "facecolor": "#ffc935", "edgecolor": INK, "linewidth": 1}
    for place in dict.fromkeys(waypoints):  # one that is passed twice carries both numbers
        numbers = [str(number) for number, other in enumerate(waypoints, start=1) if other == place]
        at = {"ha": "center", "va": "center", "fontsize": 9, "fontweight": "bold", "color": INK, "zorder": 6}
        left.text(*place, ",".join(numbers), bbox=badge, **at)
    if tuple(start) != tuple(maze.start):
        style = {"color": "white", "markeredgecolor": "white", "zorder": 5.5}
        left.plot(*start, "o", markersize=15, markerfacecolor="#d55e00", **style)
        left.text(*start, "S'", ha="center", va="center", fontsize=8, fontweight="bold", color="white", zorder=6)
    label_axes(left, "Where the behaviour policy has been")
    label_axes(right, "What its episodes return", "episodes, best first", "return (rewards of an episode)")
    right.set_ylim(-1.06 * maze.horizon, 0)
    right.grid(axis="y", color="#e8e8e8")
    draw_references(right, {"J*": best, "mean": returns.mean()})
    return figure


def painting_in_words(data: Transitions) -> str:
    """What a data set holds, in a sentence."""
    return (
        f"{len(data):,} steps in {len(data.episodes)} episodes, {data.terminations.sum()} of which reach the goal; "
        f"mean return {data.episode_returns.mean():.1f}; "
        f"{coverage(data.positions, data.maze.walls):.0%} of the maze visited."
    ).replace("-", "−")
