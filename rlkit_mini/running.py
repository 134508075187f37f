"""Runs one of the named experiments, and holds what comes out against the truth."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.environments import Copies, Environment, environment_of
from rlkit_mini.evaluation.choosing import fitted_q_evaluation
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import bootstrap_interval, coverage_curve, interquartile_mean
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.experiments import Experiment
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.oracle import Oracle
from rlkit_mini.tables import with_interval
from rlkit_mini.training import History, fine_tune, train_offline


@dataclasses.dataclass
class TrainingResult:
    """A trained population held against the truth; `summary` holds the numbers, ready for JSON.

    Of a fine-tuning they include those of its control: the same agents, trained offline on and on, for as many updates.
    """

    experiment: Experiment
    agent: Agent
    oracle: Oracle | Rollouts | None
    history: History
    summary: dict[str, Any]


@dataclasses.dataclass
class ExplorationResult:
    """What a population collected; `coverages` is (evaluations, seeds), beyond the mazes None."""

    experiment: Experiment
    data: list[Transitions]
    coverages: np.ndarray | None
    summary: dict[str, Any]


def run_experiment(
    experiment: Experiment, seeds: int | Sequence[int] = 8, log_interval: int | None = None, progress: bool = True
) -> TrainingResult | ExplorationResult:
    """Run an experiment: explore and measure coverage, or train and judge exactly; a fine-tuning beside its control.

    Args:
        seeds: members, one per seed: how many (0, 1, ...), or which.
        log_interval: steps or updates between two evaluations; None for ten of a training, twenty of all others.
        progress: whether bars are shown.

    Raises:
        UnknownNameError: no such agent, data set or maze. ValueError: a count or a setting that cannot be.
        RuntimeError: interrupted before anything could be shown. TrainingDivergedError: as in `train_offline`.
    """
    run = _explored if experiment.command == "explore" else _trained
    return run(experiment, seeds, log_interval, progress)


def as_row(summary: dict[str, Any]) -> dict[str, str]:
    """A summary as a table's row."""

    def number(key: str, digits: int = 1) -> str:
        return "–" if summary.get(key) is None else f"{summary[key]:.{digits}f}"

    row, seconds = {"experiment": summary["experiment"]}, number("seconds")
    if "goals" in summary:  # of an exploration
        if "coverage" in summary:
            row["coverage: IQM [95% interval]"] = with_interval(summary["coverage"], digits=2)
            row["worst seed"] = number("worst", digits=2)
        goals = "goals per member" if "coverage" in summary else "terminations per member"
        row[goals] = f"{np.mean(summary['goals']):.1f}"
        return row | {"steps": f"{summary['steps']:,}", "seconds": seconds}
    row["data"] = summary["dataset"].removeprefix("pointmass/").removesuffix("-v0")
    if exact := "optimal_return" in summary:
        row |= {"J*": number("optimal_return"), "best of data": number("best_return_of_data")}
        values = {"believed value at start": "start_value_estimated", "true value": "start_value_true"}
    else:
        values = {"value at start, as FQE guesses": "start_value_by_fqe"}
    row["behaviour"] = number("behaviour_return")
    returns = with_interval(summary["returns"]) if "returns" in summary else "–"
    row |= {f"return{'' if exact else ' in rollouts'}: IQM [95% interval]": returns, "worst seed": number("worst")}
    row |= {name: number(key, digits=2) for name, key in values.items()}
    row |= {"updates": f"{summary['updates']:,}", "seconds": seconds}
    return row if exact else row | {"and rollouts": summary.get("rollouts", "–")}


def _judge(maze: Maze | Environment, agent: Agent) -> Oracle | Rollouts | None:
    """Who says what the agents are worth: nobody, where the environment is not there."""
    if isinstance(maze, Maze):
        return Oracle(maze, agent.settings[0].get("discount", 0.95))
    try:
        Copies(maze, 1).close()
    except ValueError as error:
        print(f"{error}. Without it nobody can know what agents are worth: what FQE says is a guess from the data")
        return None
    return Rollouts(maze)


def _trained(
    experiment: Experiment, seeds: int | Sequence[int], log_interval: int | None, progress: bool
) -> TrainingResult:
    data, online = load_dataset(experiment.dataset, experiment.dataset_dir), experiment.command == "finetune"
    experiment = experiment.suited(data.maze)
    agent = experiment.make_agent(seeds)
    oracle = _judge(data.maze, agent)
    total = experiment.updates + (experiment.online_steps if online else 0)
    evaluations = _evaluations(total, log_interval, usual=20 if online else 10)
    shown, began = {"oracle": oracle, "evaluations": evaluations, "progress": progress}, time.perf_counter()
    if online:
        lengths = {"updates": experiment.updates, "steps": experiment.online_steps}
        history = fine_tune(agent, data, data.maze, **lengths, epsilon=experiment.online_epsilon, **shown)
    else:
        history = train_offline(agent, data, total, **shown)
    seconds = time.perf_counter() - began
    if not len(history.updates) or (online and history.updates[-1] < total):
        raise RuntimeError(f"{experiment.name} was interrupted too early to be shown; nothing was kept")
    summary = _facts(experiment, agent) | _judged(agent, oracle, data)
    summary |= {"updates": int(history.updates[-1]), "seconds": seconds, "history": _as_lists(history)}
    if isinstance(oracle, Rollouts):
        summary["rollouts"] = f"{oracle.steps:,} steps, {oracle.seconds:.1f} s"
    if online:
        control = train_offline(experiment.make_agent(agent.configuration["seeds"]), data, total, **shown)
        summary |= {"online_from": experiment.updates, "control": _as_lists(control)}
    return TrainingResult(experiment, agent, oracle, history, summary)


def _judged(agent: Agent, oracle: Oracle | Rollouts | None, data: Transitions) -> dict[str, Any]:
    """What the agents believe and are worth, beside what could have been reached."""
    behaviour = {"behaviour_return": float(data.episode_returns.mean()) if len(data.episode_returns) else None}
    if not isinstance(oracle, Oracle):
        estimates = fitted_q_evaluation(data, agent.policy, agent.settings[0].get("discount", 0.99))
        behaviour["start_value_by_fqe"] = float(np.median(estimates))
        returns = oracle and oracle.evaluate(agent.policy).episode_return
        return behaviour | ({} if returns is None else {"returns": returns.tolist(), **_over_seeds(returns)})
    judged = Judgement.of(agent, oracle)
    true, believed = judged.true_start, None if judged.q_values is None else judged.believed_start
    return behaviour | {
        "optimal_return": oracle.optimal_return,
        "best_return_of_data": oracle.best_return(data.observations, data.actions),
        "returns": judged.returns.tolist(),
        **_over_seeds(judged.returns),
        "start_value_estimated": None if believed is None else float(np.median(believed)),
        "start_value_true": float(np.median(true)),
        "start_values_estimated": None if believed is None else believed.tolist(),
        "start_values_true": true.tolist(),
    }


def _explored(
    experiment: Experiment, seeds: int | Sequence[int], log_interval: int | None, progress: bool
) -> ExplorationResult:
    maze = MAZES[experiment.maze] if experiment.maze in MAZES else environment_of(experiment.maze)
    agent = experiment.suited(maze).make_agent(seeds)
    began = time.perf_counter()
    data = explore(agent, maze, experiment.steps, progress)
    seconds, made = time.perf_counter() - began, len(data[0])
    steps = np.unique(np.linspace(0, made, _evaluations(made, log_interval, usual=20) + 1)[1:].astype(int))
    ended = np.transpose([member.terminations.numpy().cumsum()[steps - 1] for member in data])
    coverages = coverage_curve(data, steps) if isinstance(maze, Maze) else None
    summary, curve = _facts(experiment, agent), {"steps": steps.tolist()}
    if coverages is not None:
        summary |= {"coverage": coverages[-1].tolist(), **_over_seeds(coverages[-1])}
        curve["coverage"] = coverages.round(4).tolist()
    curve["goals"] = ended.tolist()
    summary |= {"goals": ended[-1].tolist(), "steps": made, "seconds": seconds, "curve": curve}
    return ExplorationResult(experiment, data, coverages, summary)


def _facts(experiment: Experiment, agent: Agent) -> dict[str, Any]:
    made_with = {"algorithm": experiment.agent, **agent.configuration}
    return {"experiment": experiment.name, "dataset": experiment.dataset, "agent": made_with}


def _over_seeds(values: np.ndarray) -> dict[str, Any]:
    low, high = bootstrap_interval(values)
    middle = {"interquartile_mean": float(interquartile_mean(values)), "interval": [float(low), float(high)]}
    return middle | {"worst": float(values.min())}


def _evaluations(total: int, log_interval: int | None, usual: int) -> int:
    """How many evaluations a run of `total` steps or updates gets."""
    if log_interval is not None and log_interval < 1:
        raise ValueError(f"log_interval is {log_interval}; expected at least 1")
    return usual if log_interval is None else max(1, total // log_interval)


def _as_lists(history: History) -> dict[str, list]:
    returns = None if history.returns is None else history.returns.round(2).tolist()
    return {"updates": history.updates.tolist(), "returns": returns}
