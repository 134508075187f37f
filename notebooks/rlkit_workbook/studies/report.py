"""Every experiment at once: results as data and as tables; their figures are in `report_figures.py`."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch

from rlkit_mini.data.sets import checksum, load_dataset
from rlkit_mini.evaluation.choosing import fitted_q_evaluation, td_error
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.experiments import EXPERIMENTS, Experiment
from rlkit_mini.mazes import MAZES
from rlkit_mini.names import check_count
from rlkit_mini.oracle import Oracle
from rlkit_mini.running import TrainingResult, as_row, run_experiment
from rlkit_mini.tables import markdown_table, with_interval
from rlkit_mini.training import train_offline
from rlkit_workbook.faults import FAULTS
from rlkit_workbook.studies.faults import at_start, compared, gap
from rlkit_workbook.studies.parts import Part, file_name, processes, run_parts

DATA = ("medium-near-expert", "hard-near-expert", "medium-lazy", "medium-rnd")
AGENTS = {  # label -> algorithm with the settings that `searching` found, and CQL with smaller and larger α
    "BC": ("BC", {}),
    "BC, sampled": ("BC", {}),
    "DQN": ("DQN", {}),
    "CQL, α 0.1": ("CQL", {"alpha": 0.1}),
    "CQL, α 0.3": ("CQL", {}),
    "CQL, α 1": ("CQL", {"alpha": 1.0}),
    "AWAC": ("AWAC", {}),
    "IQL": ("IQL", {}),
}
CANDIDATES = ("DQN", "CQL, α 0.1", "CQL, α 1", "AWAC", "IQL")  # to choose from without acting: those with a critic
UPDATES, CHECKPOINTS = 4_000, 2  # of comparisons and candidates
SIZES = (1_000, 5_000, 10_000, 20_000)
DIFFERENCES = {fault.title: name for name, fault in FAULTS.items() if fault.title}
CONTROL = "without the bonus"  # RND's control: the same agent, with rnd_weight 0


def parts(steps: int | None = None) -> list[tuple[str, str, list[Experiment]]]:
    """Kind, name and experiments of all that a report needs, the longest kinds first; each runs by itself.

    Args:
        steps: steps or updates of every experiment, instead of its own.
    """
    kinds = {"choose": {f"choosing: {data}": [_compared_row(data, label) for label in CANDIDATES] for data in DATA}}
    for command in ("finetune", "explore", "train"):
        kinds[command] = {name: [row] for name, row in EXPERIMENTS.items() if row.command == command}
    for name in (f"pointmass_{maze}_rnd" for maze in MAZES):
        kinds["explore"][f"{name}_control"] = [EXPERIMENTS[name].changed(name=f"{name}_control", rnd_weight=0.0)]
    kinds["compare"] = {f"{data}: {label}": [_compared_row(data, label)] for data in DATA for label in AGENTS}
    kinds["snippet"] = {name: [] for name in DIFFERENCES}  # of the catalogue of faults
    every = [(kind, name, rows) for kind, names in kinds.items() for name, rows in names.items()]
    return [(kind, name, [_shortened(row, steps) for row in rows]) for kind, name, rows in every]


def _compared_row(data: str, label: str) -> Experiment:
    agent, settings = AGENTS[label]
    return Experiment(f"{data}: {label}", agent, f"pointmass/{data}-v0", updates=UPDATES, settings=settings)


def _shortened(row: Experiment, steps: int | None) -> Experiment:
    lengths = ("steps", "updates", "online_steps")
    return row.changed(**{length: steps for length in lengths if steps and getattr(row, length)})


def run_part(kind: str, name: str, experiments: list[Experiment], seeds: int, steps: int | None = None) -> bytes:
    """The numbers of one part, as JSON."""
    torch.set_num_threads(1)
    if kind == "choose":
        numbers = _choosing(experiments, seeds)
    elif kind == "snippet":
        numbers = compared(DIFFERENCES[name], seeds, steps)
    else:
        result = run_experiment(*experiments, seeds, progress=False)
        numbers = _comparison(result) if kind == "compare" else result.summary
    return (json.dumps(numbers, indent=1) + "\n").encode()


def made_with(kind: str, name: str, experiments: list[Experiment], seeds: int, steps: int | None = None) -> dict:
    """What a part's numbers follow from, ready for JSON: the settings of its agents, its data, its length."""
    if kind == "snippet":
        fault = FAULTS[DIFFERENCES[name]]
        sound, data, length = fault.control.agent, fault.control.data, steps or fault.control.length
        agents = [fault.plant(sound)(seeds=seeds), sound(seeds=seeds)]
        data = data if data in MAZES else f"pointmass/{data}-v0"
    else:
        agents, row = [row.make_agent(seeds) for row in experiments], experiments[0]
        data, length = row.maze or row.dataset, [row.steps, row.updates, row.online_steps, row.online_epsilon]
    facts = {"agents": [{"agent": type(agent).__name__} | agent.configuration for agent in agents], "data": data}
    return facts | {"checksum": None if data in MAZES else checksum(data), "length": [length, CHECKPOINTS]}


def _comparison(result: TrainingResult) -> dict:
    """One agent on one data set, the same settings for all of them."""
    data, _, label = result.experiment.name.partition(": ")
    judged = Judgement.of(result.agent, result.oracle, greedy=not label.endswith("sampled"))
    facts = {name: result.summary[name] for name in ("optimal_return", "behaviour_return", "best_return_of_data")}
    return {"data": data, "agent": label} | facts | at_start(judged)


def _choosing(candidates: list[Experiment], seeds: int) -> dict:
    """Candidates trained on four of five episodes, judged by the fifth ones: a row each, its lists over seeds."""
    data, rows = load_dataset(candidates[0].dataset), []
    oracle = Oracle(data.maze)
    train, held_out = data.split(every=5)
    for label, candidate in zip(CANDIDATES, candidates, strict=True):
        agent, updates = candidate.make_agent(seeds), candidate.updates // CHECKPOINTS
        for checkpoint in range(1, CHECKPOINTS + 1):
            train_offline(agent, train, updates=updates, progress=False)
            judged = Judgement.of(agent, oracle)
            estimate = fitted_q_evaluation(held_out, agent.policy, updates=min(2000, candidate.updates))
            rows.append(
                {
                    "agent": label,
                    "updates": checkpoint * updates,
                    "returns": judged.returns.tolist(),
                    "td_errors": td_error(held_out, agent).tolist(),
                    "fitted_q": estimate.tolist(),
                    "true": judged.true_start.tolist(),
                }
            )
    return {"optimal_return": oracle.optimal_return, "held_out": len(held_out), "candidates": rows}


def run_report(folder: Path, seeds: int = 8, steps: int | None = None, jobs: int | None = None) -> dict[str, dict]:
    """All parts, in processes side by side, name -> numbers; on a second call only missing ones run.

    A part is missing where something that its numbers follow from has changed, or where its file cannot be read.

    Raises:
        ValueError: a count below 1. RuntimeError: parts failed, named with their reasons; the others are kept.
    """
    for name, count in (("steps", steps), ("jobs", jobs)):
        if count is not None:
            check_count(name, count)
    needed, names = [], []
    for kind, name, rows in parts(steps):
        said, asked = f"{kind} {name}", (kind, name, rows, seeds, steps)
        needed.append(Part(said, file_name(said, made_with(*asked), ".json"), partial(run_part, *asked)))
        names.append(name)
    with processes(jobs or os.cpu_count()) as pool:
        return dict(zip(names, run_parts(needed, _read, folder / "parts", pool), strict=True))


def _read(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8"))


def markdown(results: dict[str, dict]) -> str:
    """The tables of figures/RESULTS.md."""
    steps, seeds = results["pointmass_hard_rnd"]["steps"], len(results[f"{DATA[0]}: DQN"]["returns"])
    found = "RND members that found the goal"
    sections = {
        f"**Exploration.** Coverage after {steps:,} steps, IQM [95% interval] of {seeds} seeds.": [
            {
                "maze": maze,
                **{
                    label: with_interval(results[f"pointmass_{maze}_{agent}"]["coverage"], 2)
                    for label, agent in (("random", "random"), (f"RND {CONTROL}", "rnd_control"), ("RND", "rnd"))
                },
                found: f"{np.count_nonzero(goals)} of {len(goals)}",
            }
            for maze in MAZES
            for goals in [results[f"pointmass_{maze}_rnd"]["goals"]]
        ],
        f"**Offline.** Median exact return of {seeds} seeds (worst seed), one setting for all data.": [
            _compared(data, results) for data in DATA
        ],
        "**Choosing without peeking.** Exact return of what each seed would have picked among "
        f"{len(CANDIDATES) * CHECKPOINTS} candidates ({'; '.join(CANDIDATES)}, half-way and at the end, trained on "
        "four of five episodes), by what it can know from the fifth; IQM [95% interval], and the most frequent pick.": [
            _chosen(data, results[f"choosing: {data}"]) for data in DATA
        ],
        "**From the blog and the course's starter code: what they do differently**, beside a control, the same agent "
        "without it. Exact return (of explorers: coverage), IQM [95% interval], worst seed; then by how much the value "
        "at the start is overestimated (of explorers: how many found the goal).": [
            _altered(results[name]) for name in DIFFERENCES
        ],
        f"**The course's explorations**, {seeds} seeds each; medium's shorter ones are beginnings of the longest.": [
            as_row(results[name]) for name, row in EXPERIMENTS.items() if row.command == "explore"
        ],
        f"**The course's trainings**, {seeds} seeds each, the last agent, not the best.": [
            as_row(results[name]) for name, row in EXPERIMENTS.items() if row.command != "explore"
        ],
    }
    return "\n\n".join(f"{caption}\n\n{markdown_table(rows)}" for caption, rows in sections.items())


def _compared(data: str, results: dict[str, dict]) -> dict[str, str]:
    rows = {label: results[f"{data}: {label}"] for label in AGENTS}
    facts = rows["DQN"]
    return (
        {"data": data, "J*": f"{facts['optimal_return']:.1f}", "behaviour": f"{facts['behaviour_return']:.1f}"}
        | {label: f"{np.median(row['returns']):.1f} ({min(row['returns']):.1f})" for label, row in rows.items()}
        | {"DQN believes too much by": f"{gap(facts):+.1f}"}
    )


def picks(result: dict) -> dict[str, np.ndarray]:
    """Which candidate each seed would take, (seeds,), by each way of choosing; the last one peeks at the truth."""
    td_errors, fitted_q, returns = (
        np.array([candidate[key] for candidate in result["candidates"]]) for key in ("td_errors", "fitted_q", "returns")
    )
    return {
        "least TD error": td_errors.argmin(axis=0),
        "highest fitted Q": fitted_q.argmax(axis=0),
        "best in truth": returns.argmax(axis=0),
    }


def _chosen(data: str, result: dict) -> dict[str, str]:
    candidates = result["candidates"]
    returns = np.array([candidate["returns"] for candidate in candidates])
    row = {
        "data": data,
        "J*": f"{result['optimal_return']:.1f}",
        "any last agent": with_interval(returns[CHECKPOINTS - 1 :: CHECKPOINTS].mean(axis=0)),
    }
    for way, chosen in picks(result).items():
        ((label, times),) = Counter(candidates[pick]["agent"] for pick in chosen).most_common(1)
        row[way] = f"{with_interval(returns[chosen, np.arange(len(chosen))])}: {label} ({times} of {len(chosen)})"
    return row


def _altered(result: dict) -> dict[str, str]:
    row = {"difference": result["difference"], "its code": result["says"], "data": result["data"]}
    for label in ("altered", "control"):
        numbers = result[label]
        if "coverage" in numbers:
            found = f"{np.count_nonzero(numbers['goals'])} of {len(numbers['goals'])}"
            row[label] = f"{with_interval(numbers['coverage'], 2)}, {min(numbers['coverage']):.2f}; {found}"
        else:
            row[label] = f"{with_interval(numbers['returns'])}, {min(numbers['returns']):.1f}; {gap(numbers):+.1f}"
    return row
