"""The probe: choose a place, and see how often each action was tried there, what is believed, and what is true."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.mazes import blocks, in_block
from rlkit_mini.oracle import shared_oracle
from rlkit_mini.pointmass import ACTION_NAMES
from rlkit_mini.tables import Table
from rlkit_workbook.panels.shown import Panel, in_turn
from rlkit_workbook.panels.tiles import in_palette
from rlkit_workbook.widgets.controls import PlaceMap, Status, button, choice, rows_of
from rlkit_workbook.widgets.live import Run
from rlkit_workbook.widgets.probe_figure import actions_at, carriers, draw_probe
from rlkit_workbook.widgets.training import LiveTrainer

COLUMNS = {"tried": "times in the data", "believed": "believed Q", "true": "true Q of the policy", "best": "Q*"}


class Probe(Panel):
    """One place of a maze: how often a data set has each action there, what an agent believes, and what is true.

    Attributes:
        place: the centre of the chosen block, in cells.
        action: the choice of one whose value's origin the map shows; None shows the visits.
        map, status, table: what is shown.
    """

    def __init__(self, *controls) -> None:
        super().__init__("rlkit-panel", "rlkit-probe")
        self.place = None
        self.status, self.map = Status(), PlaceMap("probe", self.look)
        self.action = widgets.ToggleButtons(
            options=[("none", None), *((name, number) for number, name in enumerate(ACTION_NAMES))],
            description="trace the value of",
            tooltip="the action whose value is followed to the stored steps that carry it; none shows the visits",
            style={"button_width": "auto", "description_width": "auto"},
        )
        self.action.observe(lambda _: self.look(), "value")
        self.table = widgets.HTML(_dom_classes=("rlkit-runs",))
        self.fill(rows_of(*controls, self.action), self.status, self.map, self.table)
        self.look()

    def __repr__(self) -> str:
        return "probe"

    def still(self) -> tuple[str, bytes]:
        return self.status.words, in_palette(self.map.pixels)

    def subject(self) -> tuple[str, Transitions, Judgement | None]:
        """What is looked at, in words; its data; and the judgement on what was learnt, None before anything was."""
        raise NotImplementedError

    @in_turn
    def look(self, place: tuple[float, float] | None = None) -> None:
        """Show a place; None: the one before."""
        try:
            whose, data, judged = self.subject()
            maze, oracle = data.maze, shared_oracle(data.maze)
        except Exception as error:  # no data, or none of a maze
            return self.status.say(str(error), error=True)
        self.place = place or self.place
        if self.place not in blocks(maze):
            self.place = next(block for block in blocks(maze) if in_block(maze, block, maze.start))
        facts = actions_at(oracle, data, self.place, judged)
        told = {
            COLUMNS[key]: [f"{value:,}" if key == "tried" else f"{value:.1f}" for value in facts[key]] for key in facts
        }
        rows = [{"action": name} | {title: told[title][i] for title in told} for i, name in enumerate(ACTION_NAMES)]
        self.table.value = Table(rows)._repr_html_()
        never = [action for action, count in zip(ACTION_NAMES, facts["tried"], strict=True) if not count]
        words = f"never tried there: {', '.join(never)}" if never else "every action was tried there"
        said, carried = f"{whose}; place x {self.place[0]:g}, y {self.place[1]:g}: {words}.", None
        if self.action.value is not None:
            carried = carriers(oracle, data, self.place, self.action.value, judged)
            name = ACTION_NAMES[self.action.value]
            said += (
                f"\n{carried[1].sum():.0%} of the value of {name} hangs on actions that the data never has where its "
                "paths lead (crosses); lines are the stored steps that carry it."
            )
        self.status.say(said)
        told = f"Map and bars: {self.status.words} The table below has the numbers."
        self.map.show(maze, told, draw_probe(oracle, data, self.place, judged, carried), self.place)


class TrainerProbe(Probe):
    """Looks at the live trainer's run, or before there is one at its data set; anew whenever a run has ended."""

    def __init__(self, trainer: LiveTrainer) -> None:
        self.trainer = trainer
        super().__init__(button("Look at the run again", "at the trainer's run or data set as it is now", self.look))
        trainer.on_end.append(self._look_anew)

    def _look_anew(self, run: Run) -> None:
        self.look()

    def close(self) -> None:
        """The trainer calls it no more."""
        if self._look_anew in self.trainer.on_end:
            self.trainer.on_end.remove(self._look_anew)
        super().close()

    def subject(self) -> tuple[str, Transitions, Judgement | None]:
        run = self.trainer.training.run if self.trainer.training else None
        if run is None:
            return f"{self.trainer.dataset.value}, nothing trained", self.trainer.settings().source.load(), None
        return f"{run.settings} on {run.settings.source.name}", run.data, run.judged


class AgentProbe(Probe):
    """Looks at trained agents, one at a time, each with the data that it learnt from.

    Attributes:
        agent: the choice among them.
    """

    def __init__(self, agents: Mapping[str, tuple[Agent, Transitions]]) -> None:
        self._judged = {name: self._judge(agent, data) for name, (agent, data) in agents.items()}
        self._agents = agents
        self.agent = choice("agent", list(agents), "whose data and beliefs are shown (of its seeds the median one)")
        self.agent.observe(lambda _: self.look(), "value")
        super().__init__(self.agent)

    @staticmethod
    def _judge(agent: Agent, data: Transitions) -> Judgement:
        if agent.grid:
            raise ValueError(f"{', '.join(agent.grid)} was swept; expected an agent with one setting")
        judged = Judgement.of(agent, shared_oracle(data.maze))
        return judged[judged.median]

    def subject(self) -> tuple[str, Transitions, Judgement | None]:
        name = self.agent.value
        return name, self._agents[name][1], self._judged[name]


def probe(subject: LiveTrainer | Mapping[str, tuple[Agent, Transitions]]) -> Probe:
    """The probe, as the last expression of a cell.

    Args:
        subject: the live trainer, whatever it trains; or trained agents, {"DQN": (agent, its data), ...}.
    """
    if isinstance(subject, LiveTrainer):
        return TrainerProbe(subject)
    if not isinstance(subject, Mapping) or not subject:
        given = type(subject).__name__
        raise TypeError(
            f"subject is a {given}; expected the live trainer, or agents and their data: {{'DQN': (agent, data)}}"
        )
    return AgentProbe(subject)
