"""What is asked of a live run: an algorithm, a data set, hyperparameters; told as a line for a link, and as code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rlkit_mini.agents import offline
from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.settings import SETTINGS, checked, is_swept
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.mazes import Maze
from rlkit_mini.plots.style import label_of

COUNTS = {"seeds": (1, 2, 4, 8, 12, 16), "updates": (100, 200, 500, 1000, 2000, 4000, 10_000, 20_000)}
STEPS = COUNTS | {name: setting.steps for name, setting in SETTINGS.items() if setting.steps}  # that sliders offer
LIMITS = {name: STEPS[name][-1] for name in ("batch_size", "seeds", "updates")}  # what a visitor may ask for
ELSEWHERE = {"features": "raw", "discount": 0.99}  # of agents beyond the mazes


def defaults(algorithm: str) -> dict[str, float]:
    """The hyperparameters of an algorithm that can be set here, its own first, with the values it has by default."""
    found = offline()[algorithm].load().defaults()
    return {name: found[name] for name, setting in SETTINGS.items() if setting.steps and name in found}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where transitions come from: a name, the expression that makes them, and the function that does."""

    name: str
    code: str
    load: Callable[[], Transitions] = dataclasses.field(compare=False)

    @classmethod
    def of(cls, dataset_id: str) -> Source:
        return cls(label_of(dataset_id), f'load_dataset("{dataset_id}")', lambda: load_dataset(dataset_id))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run is made of: equal settings train equal agents, to the bit.

    Attributes:
        values: of the hyperparameters, and how many seeds.
    """

    algorithm: str
    source: Source
    values: dict[str, float]

    def choices(self) -> dict:
        """Everything that was chosen, by name."""
        return {"algorithm": self.algorithm, "data set": self.source, **self.values}

    def changed(self) -> dict[str, float]:
        """The seeds, and the hyperparameters that are not the algorithm's defaults."""
        usual = defaults(self.algorithm)
        return {name: value for name, value in self.values.items() if value != usual.get(name)}

    def faults(self, updates: float = 1) -> dict[str, str]:
        """What is outside its range or this panel's limits: name -> a line that says so."""
        found = {}
        for name, value in (self.values | {"updates": updates}).items():
            try:
                checked(name, value)
            except ValueError as error:
                found[name] = str(error)
            if name in LIMITS and not (1 <= value <= LIMITS[name] and value == int(value)):
                wanted = f"expected an integer from 1 to {LIMITS[name]:,} here"
                found[name] = f"{name.replace('_', ' ')} is {value:g}; {wanted}"
        return found

    def make_agent(self, data: Transitions) -> Agent:
        """A fresh agent that fits the data's environment; raises ValueError where there are faults."""
        for fault in self.faults().values():
            raise ValueError(fault)
        agent = offline()[self.algorithm].load()(**self.values, **self._fitting(data))
        agent.prepare(data.maze, [data])
        return agent

    def _fitting(self, data: Transitions) -> dict:
        """What an agent has to know of an environment that is no maze."""
        if isinstance(data.maze, Maze):
            return {}
        known = offline()[self.algorithm].load().defaults()
        return {name: value for name, value in ELSEWHERE.items() if name in known} | data.sizes

    def __str__(self) -> str:
        own = next(iter(offline()[self.algorithm].load().__annotations__))  # always named, as CQL's alpha
        told = (self.changed().keys() | {own} if is_swept(own) else self.changed().keys()) - {"seeds"}
        words = [f"{name.replace('_', ' ')} {value:g}" for name, value in self.values.items() if name in told]
        return ", ".join([self.algorithm, *words])

    def line(self, updates: float) -> str:
        """All on one line, for a link: "CQL,medium-rnd,alpha=0.3,seeds=4,updates=600"."""
        values = self.changed() | {"updates": updates}
        return ",".join([self.algorithm, self.source.name, *(f"{name}={value!r}" for name, value in values.items())])

    def code(self, updates: int, data: Transitions) -> str:
        """The lines that train the same agent on this run's data, to the bit, and print its return."""
        values = self.changed() | self._fitting(data)
        given = [f"{name}={value!r}" for name, value in values.items() if name not in data.sizes]
        given += [] if isinstance(data.maze, Maze) else ["**data.sizes"]
        home, judge = ("oracle", "Oracle") if isinstance(data.maze, Maze) else ("evaluation", "Rollouts")
        painted = ["from rlkit_workbook.widgets.paint import paint"] if self.source.code.startswith("paint(") else []
        lines = [
            "from rlkit_mini import load_dataset, train_offline",
            f"from rlkit_mini.agents import {self.algorithm}",
            f"from rlkit_mini.{home} import {judge}",
            "from rlkit_mini.tables import with_interval",
            *painted,
            "",
            f"data = {self.source.code}",
            f"agent = {self.algorithm}({', '.join(given)})",
            f"history = train_offline(agent, data, updates={updates}, oracle={judge}(data.maze))",
            "print(with_interval(history.returns[-1]))",
        ]
        return "\n".join(lines)


def read_line(line: str) -> tuple[str, str, dict[str, float]]:
    """What `Settings.line` made: algorithm, name of the data set, and the numbers by name.

    Raises:
        ValueError: it is no such line.
    """
    try:
        algorithm, dataset, *values = [part.strip() for part in line.split(",")]
        pairs = [value.split("=") for value in values]
        return algorithm, dataset, {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        raise ValueError(f'settings are "{line}"; expected such as "CQL,medium-rnd,alpha=0.3,seeds=4"') from None
