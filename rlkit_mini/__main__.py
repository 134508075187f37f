"""The command line: python -m rlkit_mini list | explore NAME | train NAME | finetune NAME; or --agent for a NAME."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.agents.settings import SETTINGS
from rlkit_mini.commands import answer
from rlkit_mini.files import check_writable, write_csv, write_json
from rlkit_mini.names import check_count

if TYPE_CHECKING:
    from rlkit_mini.experiments import Experiment
    from rlkit_mini.running import ExplorationResult, TrainingResult

WIDTH = 80  # of a terminal
WORKBOOK = dict.fromkeys(("bench", "claims", "grade", "replicate", "report", "sweep"), "python -m rlkit_workbook")


def _option(kind: Any, metavar: str, meaning: str = "") -> Any:
    return Annotated[kind | None, arg(metavar=metavar, help=meaning, help_behavior_hint="")]


OWN_SETTINGS = {  # of single agents, without a range
    "features": _option(str, "WORD", "of the network's input: fourier, or raw"),
    "double": _option(bool, "{True,False}", "whether the online network chooses the next action"),
    "hidden": _option(tuple[int, ...], "INT ...", "sizes of the critic's layers"),
    "actor_hidden": _option(tuple[int, ...], "INT ...", "sizes of the actor's layers"),
    "rnd_hidden": _option(tuple[int, ...], "INT ...", "sizes of the RND networks' layers"),
}
SETTING_OPTIONS = {
    name: _option(
        *((int, "INT") if row.whole else (float, "FLOAT")), f"{row.meaning or row.sign}, in {row.range}".strip(", ")
    )
    for name, row in SETTINGS.items()
} | OWN_SETTINGS
AgentSettings = dataclasses.make_dataclass(
    "AgentSettings", [(name, kind, None) for name, kind in SETTING_OPTIONS.items()]
)


@dataclasses.dataclass(kw_only=True)
class Run:
    """The options of every run."""

    name: Annotated[Positional[str | None], arg(metavar="NAME", help="of an experiment, see `list`")] = None
    agent: _option(str, "WORD", "without a NAME: an algorithm, see `list`") = None
    seeds: Annotated[int, arg(help="members, one per seed")] = 8
    first_seed: Annotated[int, arg(help="which the others follow")] = 0
    course: Annotated[bool, arg(help="the course's own settings and length", help_behavior_hint="")] = False
    dataset: _option(str, "ID", "that a training reads, and an exploration writes") = None
    dataset_dir: _option(Path, "PATH", "of data sets: for explore, where they go, by default datasets in --out") = None
    log_interval: _option(int, "INT", "steps or updates between two evaluations") = None
    out: Annotated[Path, arg(help="table, curve, figure and agent go into a folder NAME there")] = Path("results")
    device: _option(str, "DEVICE", "of the agents, such as cuda") = None
    settings: Annotated[AgentSettings, arg(name="")] = dataclasses.field(default_factory=AgentSettings)

    def rows(self, command: str) -> tuple[Experiment, Experiment]:
        """The experiment as the table has it (or the course), and as it was asked for.

        Raises:
            UnknownNameError: there is none. ValueError: another command runs it.
        """
        from rlkit_mini.experiments import EXPERIMENTS, Experiment

        if (self.name is None) == (self.agent is None):
            raise ValueError("expected either the NAME of an experiment, see `list`, or --agent and where it learns")
        if self.agent:
            row = Experiment.unnamed(command, self.agent, maze=getattr(self, "env", None), dataset=self.dataset)
            self.name = row.name
        else:
            row = EXPERIMENTS[self.name]
        if row.command != command:
            raise ValueError(f"{self.name} is run by `{row.command} {self.name}`")
        row = row.as_in_the_course() if self.course else row
        names = ("dataset", "dataset_dir", "device", "steps", "updates", "online_steps", "online_epsilon")
        asked = {name: getattr(self, name, None) for name in names} | vars(self.settings)
        return row, row.changed(**{name: value for name, value in asked.items() if value is not None})

    def all_seeds(self) -> range:
        """Which they are.

        Raises:
            ValueError: fewer than one.
        """
        check_count("seeds", self.seeds)
        return range(self.first_seed, self.first_seed + self.seeds)


@dataclasses.dataclass(kw_only=True)
class Exploration(Run):
    """And of an exploration."""

    env: _option(str, "ID", "without a NAME: a Gymnasium environment, such as CartPole-v1, or a maze") = None
    steps: _option(int, "INT", "in the environment, per member, instead of the experiment's") = None
    overwrite: Annotated[bool, arg(help="replace data sets of these ids", help_behavior_hint="")] = False


@dataclasses.dataclass(kw_only=True)
class Training(Run):
    """And of a training."""

    updates: Annotated[
        int | None,
        arg(metavar="INT", aliases=["--steps"], help="minibatches per member", help_behavior_hint=""),
    ] = None


@dataclasses.dataclass(kw_only=True)
class FineTuning(Training):
    """And of a fine-tuning."""

    online_steps: _option(int, "INT", "that follow the updates, one more update each") = None
    online_epsilon: _option(float, "FLOAT", "share of random actions in them") = None


def list_experiments() -> None:
    """List the algorithms, then the experiments and their settings."""
    from rlkit_mini.experiments import EXPERIMENTS

    print("Algorithms\n")
    for name, algorithm in ALGORITHMS.items():
        print(f"  {name:13}{'explores' if algorithm.explores else 'learns from data'}")
    width = max(map(len, EXPERIMENTS)) + 4
    for command, title in {"explore": "Explorations", "train": "Trainings", "finetune": "Fine-tunings"}.items():
        print(f"\n{title}: python -m rlkit_mini {command} NAME\n")
        for name, row in EXPERIMENTS.items():
            if row.command == command:
                lines = [f"  {name:{width - 2}}{row.words()}", f"{'':{width}}{row.differences()}"]
                print(*[textwrap.fill(line, WIDTH, subsequent_indent=" " * width) for line in lines], sep="\n")


def explore(options: Annotated[Exploration, arg(name="")]) -> None:
    """Explore a maze, or another environment, with a population, and write a data set per member."""
    from rlkit_mini.data.sets import check_id

    row, asked = options.rows("explore")
    check_id(asked.dataset)
    folder = options.dataset_dir or options.out / "datasets"
    for place in (folder / Path(asked.dataset).parent, options.out / options.name):
        check_writable(place)
    ids = [re.sub(r"(?=-v\d+$)", f"-seed{seed}" if seed else "", asked.dataset) for seed in options.all_seeds()]
    there = [dataset_id for dataset_id in ids if (folder / dataset_id).exists()]
    if there and not options.overwrite:
        raise FileExistsError(f"{there[0]} is in {folder} already; pass --overwrite, or another --dataset-dir")
    result = _run(row, asked, options)
    _save_datasets(result, ids, options, folder)
    curve = result.summary["curve"]
    _write(options, result, "steps", curve["steps"], curve.get("coverage") or curve["goals"])


def train(options: Annotated[Training, arg(name="")]) -> None:
    """Train a population offline, and hold it against the exact solution, or beyond the mazes against rollouts."""
    _train(options, "train")


def finetune(options: Annotated[FineTuning, arg(name="")]) -> None:
    """Train a population offline, then online with the data kept."""
    _train(options, "finetune")


def _train(options: Training, command: str) -> None:
    row, asked = options.rows(command)
    check_writable(options.out / options.name)
    result = _run(row, asked, options)
    history = result.summary["history"]
    _write(options, result, "updates", history["updates"], history["returns"])
    result.agent.save(options.out / options.name / "agent.safetensors")


def _run(row: Experiment, asked: Experiment, options: Run) -> ExplorationResult | TrainingResult:
    """The result, and its table on the screen."""
    from rlkit_mini.running import as_row, run_experiment
    from rlkit_mini.tables import Table
    from rlkit_mini.training import use_one_thread

    use_one_thread()
    result = run_experiment(asked, options.all_seeds(), options.log_interval)
    (_, name), *facts = as_row(result.summary).items()
    print(Table([{"": fact, name: value} for fact, value in facts]))
    for unit in ("steps", "updates"):
        made, meant = getattr(asked, unit), getattr(row, unit)
        if made < meant / 2:
            print(f"a trial: {made:,} of the experiment's {meant:,} {unit}, too few to judge {asked.agent} by")
    return result


def _save_datasets(result: ExplorationResult, ids: list[str], options: Exploration, folder: Path) -> None:
    from rlkit_mini.data.sets import save_dataset
    from rlkit_mini.mazes import Maze
    from rlkit_mini.oracle import Oracle

    oracle = Oracle(result.data[0].maze) if isinstance(result.data[0].maze, Maze) else None
    for seed, dataset_id, data in zip(options.all_seeds(), ids, result.data, strict=True):
        save_dataset(
            dataset_id,
            data,
            algorithm=result.experiment.agent,
            description=f"{result.experiment.name}, {len(data):,} steps, seed {seed}.",
            reference_returns=oracle and (oracle.random_return, oracle.optimal_return),
            folder=folder,
            overwrite=options.overwrite,
        )
    print(f"data sets of {len(ids)} seeds written to {folder}, the first one as {ids[0]}")


def _write(options: Run, result: ExplorationResult | TrainingResult, unit: str, at: list[int], curve: list) -> None:
    """Summary, curve (a row per evaluation, a column per seed) and figure, into the experiment's folder."""
    from rlkit_mini.plots.runs import draw_exploration, draw_fine_tuning, draw_training
    from rlkit_mini.plots.style import save_figure

    folder, label = options.out / options.name, ALGORITHMS[result.experiment.agent].label
    write_json(folder / "result.json", result.summary)
    rows = ([when, *values] for when, values in zip(at, curve, strict=True))
    write_csv(folder / "curve.csv", [unit, *(f"seed {seed}" for seed in options.all_seeds())], rows)
    if result.experiment.command == "finetune":
        figure = draw_fine_tuning(label, result.summary)
    else:
        figure = (draw_exploration if result.experiment.command == "explore" else draw_training)(label, result)
    save_figure(figure, "figure", folder)
    print(f"written to {folder}")


def main() -> None:
    """Answer the command line that this process was called with."""
    commands = {"list": list_experiments, "explore": explore, "train": train, "finetune": finetune}
    answer("python -m rlkit_mini", commands, WORKBOOK)


if __name__ == "__main__":
    main()
