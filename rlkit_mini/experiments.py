"""The named experiments: the rows of `experiments.toml`, which is made to be read and edited."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.names import Catalogue

if TYPE_CHECKING:
    from rlkit_mini.agents.agent import Agent
    from rlkit_mini.environments import Environment

TABLE = Path(__file__).with_suffix(".toml")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A row of the table.

    Attributes:
        agent: its name, such as "CQL".
        dataset: that a training reads, and an exploration writes.
        dataset_dir: where a training looks for it, and nowhere else; None for where `load_dataset` does.
        maze, steps: of an exploration: where (a maze, or an environment's id), and for how many steps per member.
        updates: of a training: minibatches per member.
        online_steps, online_epsilon: of a fine-tuning: steps per member that follow the updates, one more update each,
            and the share of random actions in them.
        settings: of the agent, where they are not its defaults.
        course: what the course has otherwise: attributes of this row, or settings of the agent.
    """

    name: str
    agent: str
    dataset: str
    dataset_dir: Path | None = None
    maze: str = ""
    steps: int = 0
    updates: int = 0
    online_steps: int | None = None
    online_epsilon: float = 0.1
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    course: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> Experiment:
        """An experiment as the table has it: what is no attribute is a setting of the agent.

        Raises:
            UnknownNameError: no such agent or maze. ValueError: the row lacks something.
        """
        needed = ("agent", "dataset", *(("maze", "steps") if "maze" in row else ("updates",)))
        missing = [word for word in needed if word not in row]
        if missing:
            raise ValueError(f"experiment {name} has no {missing[0]}; expected {', '.join(needed)} and any settings")
        ALGORITHMS[row["agent"]]  # what is unknown is told with the closest names
        if "maze" in row and not re.search(r"-v\d+$", row["maze"]):
            MAZES[row["maze"]]
        return cls(name, "", "").changed(**row)

    @classmethod
    def unnamed(cls, command: str, agent: str, **where: str | None) -> Experiment:
        """Of no table: an agent in an environment (`maze`), or on a `dataset`, for the usual length.

        Raises:
            UnknownNameError: no such agent or maze. ValueError: nothing says where.
        """
        needed, lengths = ("maze", {"steps": 10_000}) if command == "explore" else ("dataset", {"updates": 4000})
        if not where.get(needed):
            raise ValueError(
                f"--agent {agent} has no data; expected {'--env' if needed == 'maze' else '--dataset'} too"
            )
        names = {word.lower(): name for name, row in ALGORITHMS.items() for word in (row.label, name)}
        agent = Catalogue("algorithm", names)[agent.lower()]
        place = re.sub(r"-v\d+$", "", where[needed]).lower()
        label = ALGORITHMS[agent].label.lower()
        row = {"agent": agent, "dataset": f"{place.split('/')[-1]}/{label}-v0"} | lengths
        row |= {"online_steps": 4000} if command == "finetune" else {}
        name = f"{re.sub(r'[^a-z0-9]+', '_', place)}_{label}"
        return cls.of(name, row | {word: value for word, value in where.items() if value})

    def changed(self, **changes: Any) -> Experiment:
        """The same experiment with other attributes, or other settings of its agent."""
        known = {field.name for field in dataclasses.fields(self)}
        settings = {word: value for word, value in changes.items() if word not in known}
        attributes = {word: value for word, value in changes.items() if word in known}
        return dataclasses.replace(self, **{"settings": {**self.settings, **settings}} | attributes)

    def as_in_the_course(self) -> Experiment:
        """The same experiment with the course's own settings and length."""
        return self.changed(**self.course)

    @property
    def command(self) -> str:
        """That runs it: "explore", "train" or "finetune"."""
        return "explore" if self.maze else "train" if self.online_steps is None else "finetune"

    def suited(self, where: Maze | Environment) -> Experiment:
        """The same experiment with what an agent has to know of an environment that is no maze, on raw observations."""
        if isinstance(where, Maze):
            return self
        raw = {"features": "raw"} if "features" in ALGORITHMS[self.agent].load().defaults() else {}
        return self.changed(**raw | where.sizes | self.settings)

    def make_agent(self, seeds: int | Sequence[int] = 1) -> Agent:
        """A fresh population.

        Args:
            seeds: how many (0, 1, ...), or which.

        Raises:
            ValueError: the agent has no such setting, or not with this value.
        """
        try:
            return ALGORITHMS[self.agent].load()(seeds=seeds, **self.settings)
        except TypeError as error:
            raise ValueError(f"{self.name}: {error}") from None

    def words(self) -> str:
        """Data, length and settings, such as "medium-rnd, 4,000 updates, alpha 0.1"."""
        data = self.dataset.removeprefix("pointmass/").removesuffix("-v0")
        length = {"steps": self.steps, "updates": self.updates, "online steps": self.online_steps}
        counts = [f"{count:,} {unit}" for unit, count in length.items() if count]
        return ", ".join([data, *counts, *_in_words(self.settings)])

    def differences(self) -> str:
        """What the course has otherwise, in words."""
        return "course: " + ", ".join(_in_words(self.course)) if self.course else "as in the course"


def _in_words(facts: Mapping[str, Any]) -> list[str]:
    return [f"{word} {value:,}" if type(value) is int else f"{word} {value}" for word, value in facts.items()]


def read_experiments(path: Path = TABLE) -> Catalogue:
    """The rows of a table, by name.

    Raises:
        UnknownNameError, ValueError: it is no TOML, or a row names what is not there, or lacks something.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML ({error}); expected a table per experiment") from None
    return Catalogue("experiment", {name: Experiment.of(name, row) for name, row in rows.items()})


EXPERIMENTS = read_experiments()
