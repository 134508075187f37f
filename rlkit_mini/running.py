"""Runs one of the named experiments, and holds what comes out against the truth."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import bootstrap_interval, coverage_curve, interquartile_mean
from rlkit_mini.experiments import Experiment
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.tables import with_interval
from rlkit_mini.training import History, fine_tune, train_offline


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
    summary: dict[str, Any]
    control: History | None = None


@dataclasses.dataclass
class ExplorationResult:
    """What a population collected; `coverages` is (evaluations, seeds) after `steps` (evaluations,)."""

    experiment: Experiment
    data: list[Transitions]
    steps: np.ndarray
    coverages: np.ndarray
    summary: dict[str, Any]


def run_experiment(
    experiment: Experiment, seeds: int | Sequence[int] = 8, log_interval: int | None = None, progress: bool = True
) -> TrainingResult | ExplorationResult:
    """Run an experiment, whatever its command is.

    Args:
        seeds: members, one per seed: how many (0, 1, ...), or which.
        log_interval: steps or updates between two evaluations; None for ten of a training, twenty of all others.
        progress: whether bars are shown.

    Raises:
        UnknownNameError: no such agent, data set or maze. ValueError: a count or a setting that cannot be.
        RuntimeError: interrupted before anything could be shown. TrainingDivergedError: as in `train_offline`.
    """
    run = {"explore": run_exploration, "train": run_training, "finetune": run_fine_tuning}[experiment.command]
    return run(experiment, seeds, log_interval, progress)


def run_training(
    experiment: Experiment, seeds: int | Sequence[int] = 8, log_interval: int | None = None, progress: bool = True
) -> TrainingResult:
    """Train a population on the experiment's data set and evaluate it exactly; see `run_experiment`."""
    evaluations = _evaluations(experiment.updates, log_interval, usual=10)

    def train(agent: Agent, data: Transitions, oracle: Oracle) -> History:
        return train_offline(agent, data, experiment.updates, oracle, evaluations, progress=progress)

    return _held_against_the_truth(experiment, seeds, train)


def run_fine_tuning(
    experiment: Experiment, seeds: int | Sequence[int] = 8, log_interval: int | None = None, progress: bool = True
) -> TrainingResult:
    """Train a population offline, go on online, and train its control, the same agents, offline all the way.

    Raises:
        RuntimeError: it was interrupted; all else as `run_experiment`.
    """
    total = experiment.updates + experiment.online_steps
    evaluations = _evaluations(total, log_interval, usual=20)
    shown = {"evaluations": evaluations, "progress": progress}

    def train(agent: Agent, data: Transitions, oracle: Oracle) -> History:
        lengths = {"updates": experiment.updates, "steps": experiment.online_steps}
        return fine_tune(agent, data, data.maze, **lengths, epsilon=experiment.online_epsilon, oracle=oracle, **shown)

    result = _held_against_the_truth(experiment, seeds, train)
    if result.history.updates[-1] < total:
        raise RuntimeError(f"{experiment.name} was interrupted; without its control nothing is shown")
    control = experiment.make_agent(seeds)
    result.control = train_offline(control, result.data, total, result.oracle, **shown)
    result.summary |= {"online_from": experiment.updates, "control": _as_lists(result.control)}
    return result


def run_exploration(
    experiment: Experiment, seeds: int | Sequence[int] = 8, log_interval: int | None = None, progress: bool = True
) -> ExplorationResult:
    """Let a population explore the experiment's maze and measure its coverage; see `run_experiment`."""
    agent, began = experiment.make_agent(seeds), time.perf_counter()
    data = explore(agent, MAZES[experiment.maze], experiment.steps, progress)
    seconds = time.perf_counter() - began
    made = len(data[0])
    steps = np.unique(np.linspace(0, made, _evaluations(made, log_interval, usual=20) + 1)[1:].astype(int))
    coverages = coverage_curve(data, steps)
    summary = {
        **_facts(experiment, agent),
        "coverage": coverages[-1].tolist(),
        **_over_seeds(coverages[-1]),
        "goals": [int(member.terminations.sum()) for member in data],
        "steps": made,
        "seconds": seconds,
        "curve": {
            "steps": steps.tolist(),
            "coverage": coverages.round(4).tolist(),
            "goals": np.array([member.terminations.numpy().cumsum()[steps - 1] for member in data]).T.tolist(),
        },
    }
    return ExplorationResult(experiment, data, steps, coverages, summary)


def as_row(summary: dict[str, Any]) -> dict[str, str]:
    """A summary as a table's row."""
    if "coverage" in summary:
        return {
            "experiment": summary["experiment"],
            "coverage: IQM [95% interval]": with_interval(summary["coverage"], digits=2),
            "worst seed": f"{summary['worst']:.2f}",
            "goals per member": f"{np.mean(summary['goals']):.1f}",
            "steps": f"{summary['steps']:,}",
            "seconds": "–" if summary["seconds"] is None else f"{summary['seconds']:.1f}",
        }
    behaviour, believed = summary["behaviour_return"], summary["start_value_estimated"]
    return {
        "experiment": summary["experiment"],
        "data": summary["dataset"].removeprefix("pointmass/").removesuffix("-v0"),
        "J*": f"{summary['optimal_return']:.1f}",
        "best of data": f"{summary['best_return_of_data']:.1f}",
        "behaviour": "–" if behaviour is None else f"{behaviour:.1f}",
        "return: IQM [95% interval]": with_interval(summary["returns"]),
        "worst seed": f"{summary['worst']:.1f}",
        "believed value at start": "–" if believed is None else f"{believed:.2f}",
        "true value": f"{summary['start_value_true']:.2f}",
        "updates": f"{summary['updates']:,}",
        "seconds": f"{summary['seconds']:.1f}",
    }


def _held_against_the_truth(
    experiment: Experiment, seeds: int | Sequence[int], train: Callable[[Agent, Transitions, Oracle], History]
) -> TrainingResult:
    data, agent = load_dataset(experiment.dataset, experiment.dataset_dir), experiment.make_agent(seeds)
    oracle = Oracle(data.maze, agent.settings[0].get("discount", 0.95))
    began = time.perf_counter()
    history = train(agent, data, oracle)
    seconds = time.perf_counter() - began
    if not len(history.updates):
        raise RuntimeError(f"{experiment.name} was interrupted before its first evaluation; nothing was kept")
    returns = history.returns[-1]
    judged = Judgement.of(agent, oracle)
    true, believed = judged.true_start, None if judged.q_values is None else judged.believed_start
    summary = {
        **_facts(experiment, agent),
        "optimal_return": oracle.optimal_return,
        "best_return_of_data": oracle.best_return(data.observations, data.actions),
        "behaviour_return": float(data.episode_returns.mean()) if len(data.episode_returns) else None,
        "returns": returns.tolist(),
        **_over_seeds(returns),
        "start_value_estimated": None if believed is None else float(np.median(believed)),
        "start_value_true": float(np.median(true)),
        "start_values_estimated": None if believed is None else believed.tolist(),
        "start_values_true": true.tolist(),
        "updates": int(history.updates[-1]),
        "seconds": seconds,
        "history": _as_lists(history),
    }
    return TrainingResult(experiment, agent, oracle, data, history, summary)


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
    return {"updates": history.updates.tolist(), "returns": history.returns.round(2).tolist()}
