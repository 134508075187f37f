"""The course's experiments by name: one table, and what runs one of its rows."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from rlkit_mini.agents import AWAC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import start_values
from rlkit_mini.evaluation.measures import bootstrap_interval, coverage_curve, interquartile_mean
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.names import Catalogue
from rlkit_mini.oracle import Oracle
from rlkit_mini.tables import with_interval
from rlkit_mini.training import History, fine_tune, train_offline


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A row of the table.

    Attributes:
        steps: environment steps of an exploration, (offline) updates of a training.
        settings: of the agent, where they are not its defaults.
        course: the course's own settings, where ours differ; `course_steps` and `course_online_steps` likewise.
        dataset: that a training reads and an exploration writes.
        online_steps: that a fine-tuning goes on with online, one update a step.
    """

    name: str
    maze: str
    agent: type[Agent]
    dataset: str
    steps: int
    course_steps: int
    settings: dict
    course: dict
    online_steps: int = 0
    course_online_steps: int = 0

    @property
    def command(self) -> str:
        """That runs it: "explore", "train" or "finetune"."""
        if self.agent in (RandomAgent, RND):
            return "explore"
        return "finetune" if self.online_steps else "train"

    def make_agent(self, seeds: int, course: bool = False) -> Agent:
        return self.agent(seeds=seeds, **(self.settings | (self.course if course else {})))

    def differences(self) -> str:
        """Where the preset differs from the course, in words."""
        changed = [f"{name} {value}" for name, value in self.course.items()]
        if self.steps != self.course_steps:
            changed.append(f"{self.course_steps:,} updates")
        if self.online_steps != self.course_online_steps:
            changed.append(f"{self.course_online_steps:,} online, epsilon {COURSE_EPSILON}")
        return "course: " + ", ".join(changed) if changed else "as in the course"


COURSE_CRITIC = {"features": "raw", "target_period": 300, "batch_size": 128}
COURSE_RND = {"target_period": 300, "batch_size": 128, "rnd_hidden": (400, 400)}

COURSE_OFFLINE = {
    DQN: COURSE_CRITIC,
    CQL: COURSE_CRITIC,
    AWAC: COURSE_CRITIC | {"temperature": 1.0, "actor_hidden": (128, 128)},
    IQL: COURSE_CRITIC | {"temperature": 10.0, "expectile": 0.99, "actor_hidden": (128, 128)},
}
COURSE_EPSILON = 0.3  # share of random actions in fine-tuning
# What we set; λ was chosen on seeds 100 to 107, results are on seeds from 0
PRESET = {CQL: {"alpha": 0.1}, AWAC: {"temperature": 0.1}}


def _rows():
    for maze in MAZES:  # veryhard is for exploration only
        yield Experiment(
            f"pointmass_{maze}_random", maze, RandomAgent, f"pointmass/{maze}-random-v0", 10_000, 10_000, {}, {}
        )
        yield Experiment(f"pointmass_{maze}_rnd", maze, RND, f"pointmass/{maze}-rnd-v0", 10_000, 10_000, {}, COURSE_RND)
    for size in (1_000, 5_000, 10_000, 20_000):
        dataset = f"pointmass/medium-rnd-{size}-v0"
        yield Experiment(f"pointmass_medium_rnd_{size}", "medium", RND, dataset, size, size, {}, COURSE_RND)
    for maze in ("easy", "medium", "hard"):
        course_steps = 200_000 if maze == "hard" else 100_000
        for agent, course in COURSE_OFFLINE.items():
            settings = PRESET.get(agent, {})
            course = course | ({"temperature": 10.0} if agent is AWAC and maze == "hard" else {})
            yield Experiment(
                f"pointmass_{maze}_{agent.__name__.lower()}",
                maze,
                agent,
                f"pointmass/{maze}-rnd-v0",
                4_000,
                200_000 if agent is IQL else course_steps,
                settings,
                course,
            )
    for alpha in (0, 1, 10):
        name = f"pointmass_medium_cql_alpha{alpha}"
        yield Experiment(
            name, "medium", CQL, "pointmass/medium-rnd-v0", 4_000, 100_000, {"alpha": float(alpha)}, COURSE_CRITIC
        )
    for size in (1_000, 5_000, 10_000, 20_000):
        dataset = f"pointmass/medium-rnd-{size}-v0"
        name = f"pointmass_medium_cql_rnd{size}"
        yield Experiment(name, "medium", CQL, dataset, 4_000, 100_000, {"alpha": 0.1}, COURSE_CRITIC)
    yield Experiment(
        "pointmass_hard_cql_finetune",
        "hard",
        CQL,
        "pointmass/hard-rnd-v0",
        4_000,
        100_000,
        {"alpha": 0.1},
        COURSE_CRITIC | {"alpha": 1.0},
        online_steps=4_000,
        course_online_steps=100_000,
    )


EXPERIMENTS = Catalogue("experiment", {row.name: row for row in _rows()})


@dataclasses.dataclass
class TrainingResult:
    """A trained population held against the truth; `summary` holds the numbers, ready for JSON.

    Attributes:
        control: of a fine-tuning: the same agents, trained offline on and on, for as many updates.
    """

    experiment: Experiment
    agent: Agent
    oracle: Oracle
    data: Transitions
    history: History
    summary: dict
    control: History | None = None


@dataclasses.dataclass
class ExplorationResult:
    """What a population collected; `coverages` is (points, seeds) after `steps` (points,)."""

    experiment: Experiment
    data: list[Transitions]
    steps: np.ndarray
    coverages: np.ndarray
    summary: dict


def as_row(summary: dict) -> dict[str, str]:
    """A summary as a table's row."""
    if "coverage" in summary:
        return {
            "experiment": summary["experiment"],
            "coverage: IQM [95% interval]": with_interval(summary["coverage"], digits=2),
            "worst seed": f"{summary['worst']:.2f}",
            "goals a member": f"{np.mean(summary['goals']):.1f}",
            "steps": f"{summary['steps']:,}",
            "seconds": "–" if summary["seconds"] is None else f"{summary['seconds']:.1f}",
        }
    behaviour = summary["behaviour_return"]
    return {
        "experiment": summary["experiment"],
        "data": summary["dataset"].removeprefix("pointmass/").removesuffix("-v0"),
        "J*": f"{summary['optimal_return']:.1f}",
        "best of data": f"{summary['best_return_of_data']:.1f}",
        "behaviour": "–" if behaviour is None else f"{behaviour:.1f}",
        "return: IQM [95% interval]": with_interval(summary["returns"]),
        "worst seed": f"{summary['worst']:.1f}",
        "believed value at start": f"{summary['start_value_estimated']:.2f}",
        "true value": f"{summary['start_value_true']:.2f}",
        "updates": f"{summary['updates']:,}",
        "seconds": f"{summary['seconds']:.1f}",
    }


def run_training(
    experiment: Experiment,
    seeds: int = 8,
    steps: int | None = None,
    log_interval: int | None = None,
    course: bool = False,
    progress: bool = True,
) -> TrainingResult:
    """Train a population on the experiment's data set and evaluate it exactly, every `log_interval` updates."""
    data, agent = load_dataset(experiment.dataset), experiment.make_agent(seeds, course)
    oracle = Oracle(data.maze)
    updates = (experiment.course_steps if course else experiment.steps) if steps is None else steps
    evaluations = _looks(updates, log_interval, usual=10)
    began = time.perf_counter()
    history = train_offline(agent, data, updates, oracle, evaluations, progress=progress)
    return _held_against_the_truth(experiment, agent, oracle, data, history, time.perf_counter() - began)


def run_fine_tuning(
    experiment: Experiment,
    seeds: int = 8,
    steps: int | None = None,
    online_steps: int | None = None,
    log_interval: int | None = None,
    course: bool = False,
    progress: bool = True,
) -> TrainingResult:
    """Train a population offline, go on online, and train its control, the same agents, offline all the way."""
    data, agent = load_dataset(experiment.dataset), experiment.make_agent(seeds, course)
    oracle = Oracle(data.maze)
    updates = (experiment.course_steps if course else experiment.steps) if steps is None else steps
    if online_steps is None:
        online_steps = experiment.course_online_steps if course else experiment.online_steps
    total = updates + online_steps
    evaluations = _looks(total, log_interval, usual=20)
    began = time.perf_counter()
    history = fine_tune(
        agent,
        data,
        data.maze,
        updates,
        online_steps,
        epsilon=COURSE_EPSILON if course else 0.1,
        oracle=oracle,
        evaluations=evaluations,
        progress=progress,
    )
    seconds = time.perf_counter() - began
    result = _held_against_the_truth(experiment, agent, oracle, data, history, seconds)
    if history.updates[-1] < total:
        raise RuntimeError(f"{experiment.name} was interrupted; without its control nothing is shown")
    control = experiment.make_agent(seeds, course)
    result.control = train_offline(control, data, total, oracle, evaluations, progress=progress)
    result.summary |= {"online_from": updates, "control": _as_lists(result.control)}
    return result


def _held_against_the_truth(
    experiment: Experiment, agent: Agent, oracle: Oracle, data: Transitions, history: History, seconds: float
) -> TrainingResult:
    if not len(history.updates):
        raise RuntimeError(f"{experiment.name} was interrupted before its first evaluation; nothing was kept")
    returns = history.returns[-1]
    policy = agent.policy(oracle.observations).cpu().numpy()
    believed = start_values(policy, agent.q_values(oracle.observations).cpu().numpy(), oracle)
    true = start_values(policy, oracle.evaluate(agent.policy).q_values, oracle)
    low, high = bootstrap_interval(returns)
    summary = {
        "experiment": experiment.name,
        "dataset": experiment.dataset,
        "optimal_return": oracle.optimal_return,
        "best_return_of_data": oracle.best_return(data.observations, data.actions),
        "behaviour_return": float(data.episode_returns.mean()) if len(data.episode_returns) else None,
        "returns": returns.tolist(),
        "interquartile_mean": float(interquartile_mean(returns)),
        "interval": [float(low), float(high)],
        "worst": float(returns.min()),
        "start_value_estimated": float(np.median(believed)),
        "start_value_true": float(np.median(true)),
        "start_values_estimated": believed.tolist(),
        "start_values_true": true.tolist(),
        "updates": int(history.updates[-1]),
        "seconds": seconds,
        "history": _as_lists(history),
    }
    return TrainingResult(experiment, agent, oracle, data, history, summary)


def _looks(total: int, log_interval: int | None, usual: int) -> int:
    """How often to look at a run of `total` steps."""
    if log_interval is not None and log_interval < 1:
        raise ValueError(f"log_interval is {log_interval}; expected at least 1")
    return usual if log_interval is None else max(1, total // log_interval)


def _as_lists(history: History) -> dict[str, list]:
    return {"updates": history.updates.tolist(), "returns": history.returns.round(2).tolist()}


def run_exploration(
    experiment: Experiment,
    seeds: int = 8,
    steps: int | None = None,
    log_interval: int | None = None,
    course: bool = False,
    progress: bool = True,
) -> ExplorationResult:
    """Let a population explore the experiment's maze and measure its coverage, every `log_interval` steps."""
    maze = MAZES[experiment.maze]
    began = time.perf_counter()
    data = explore(experiment.make_agent(seeds, course), maze, experiment.steps if steps is None else steps, progress)
    seconds = time.perf_counter() - began
    points = _looks(len(data[0]), log_interval, usual=20)
    marks = np.unique(np.linspace(0, len(data[0]), points + 1)[1:].astype(int))
    coverages = coverage_curve(data, marks)
    low, high = bootstrap_interval(coverages[-1])
    summary = {
        "experiment": experiment.name,
        "dataset": experiment.dataset,
        "coverage": coverages[-1].tolist(),
        "interquartile_mean": float(interquartile_mean(coverages[-1])),
        "interval": [float(low), float(high)],
        "worst": float(coverages[-1].min()),
        "goals": [int(member.terminations.sum()) for member in data],
        "steps": len(data[0]),
        "seconds": seconds,
        "curve": {
            "steps": marks.tolist(),
            "coverage": coverages.round(4).tolist(),
            "goals": np.array([member.terminations.numpy().cumsum()[marks - 1] for member in data]).T.tolist(),
        },
    }
    return ExplorationResult(experiment, data, marks, coverages, summary)
