"""Every experiment at once: results as data, as the README's tables, and as figures."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL
from rlkit_mini.data import load_dataset
from rlkit_mini.experiments import EXPERIMENTS, run_exploration, run_training
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots import INK, RETURN, describe, draw_curve, draw_references, look, new_figure
from rlkit_mini.tables import start_values, with_interval
from rlkit_mini.training import train_offline

DATA = ("medium-near-expert", "hard-near-expert", "medium-lazy", "medium-rnd")
AGENTS = {
    "BC": (BC, {}),
    "BC, sampled": (BC, {}),
    "DQN": (DQN, {}),
    "CQL, α 0.1": (CQL, {"alpha": 0.1}),
    "CQL, α 1": (CQL, {"alpha": 1.0}),
    "AWAC": (AWAC, {}),
    "IQL": (IQL, {}),
}
CONTROL = "without the bonus"  # RND's control: the same agent, with rnd_weight 0


def parts() -> list[tuple[str, str]]:
    """(kind, name) of everything that a report needs; each runs by itself."""
    explorations = [f"pointmass_{maze}_{agent}" for maze in MAZES for agent in ("random", "rnd", "rnd_control")]
    trainings = [name for name, row in EXPERIMENTS.items() if not row.explores]
    comparisons = [f"{data}: {label}" for data in DATA for label in AGENTS]
    return (
        [("explore", n) for n in explorations]
        + [("train", n) for n in trainings]
        + [("compare", n) for n in comparisons]
    )


def run_part(kind: str, name: str, seeds: int, steps: int | None = None) -> dict:
    """The numbers of one part, ready for JSON."""
    torch.set_num_threads(1)
    if kind == "explore":
        row = EXPERIMENTS[name.removesuffix("_control")]
        if name.endswith("_control"):
            row = dataclasses.replace(row, name=name, settings={"rnd_weight": 0.0})
        result = run_exploration(row, seeds, steps, progress=False)
        return result.summary | {"points": result.steps.tolist(), "coverages": result.coverages.tolist()}
    if kind == "train":
        result = run_training(EXPERIMENTS[name], seeds, steps, progress=False)
        return result.summary | {"row": result.row()}
    data_name, label = name.split(": ")
    data = load_dataset(f"pointmass/{data_name}-v0")
    oracle = Oracle(data.maze)
    agent, settings = AGENTS[label]
    agent = agent(seeds=seeds, **settings)
    train_offline(agent, data, updates=steps or 4000, progress=False)
    policy = agent.policy(oracle.observations, greedy=not label.endswith("sampled")).numpy()
    truth = oracle.evaluate(policy)
    known = hasattr(agent, "q_values")
    believed = start_values(policy, agent.q_values(oracle.observations).numpy(), oracle) if known else None
    return {
        "data": data_name,
        "agent": label,
        "optimal_return": oracle.optimal_return,
        "behaviour_return": float(data.episode_returns.mean()),
        "best_return_of_data": oracle.best_return(data.observations, data.actions),
        "returns": truth.episode_return.tolist(),
        "believed": believed.tolist() if known else None,
        "true": start_values(policy, truth.q_values, oracle).tolist(),
    }


def run_report(folder: Path, seeds: int = 8, steps: int | None = None, jobs: int | None = None) -> dict[str, dict]:
    """All parts, in processes side by side; each is written at once, and on a second call only missing ones run."""
    results, missing = {}, []
    for kind, name in parts():
        path = folder / "parts" / f"{kind} {name.replace(': ', ' - ')}, {seeds} seeds, {steps or 'all'} steps.json"
        if path.is_file():
            results[name] = json.loads(path.read_text())
        else:
            missing.append((kind, name, path))
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs or os.cpu_count(), mp_context=context) as pool:
        running = {pool.submit(run_part, kind, name, seeds, steps): (name, path) for kind, name, path in missing}
        for future in tqdm(as_completed(running), total=len(running), desc="report", unit="part"):
            name, path = running[future]
            results[name] = future.result()
            with whole_file(path) as part:
                part.write_text(json.dumps(results[name], indent=1) + "\n")
    return {name: results[name] for _, name in parts()}


def markdown(results: dict[str, dict]) -> str:
    """The README's three tables."""
    explored = [
        {
            "maze": maze,
            **{
                label: with_interval(results[f"pointmass_{maze}_{agent}"]["coverage"], 2)
                for label, agent in (("random", "random"), (f"RND {CONTROL}", "rnd_control"), ("RND", "rnd"))
            },
            "RND members that found the goal": f"{np.count_nonzero(goals)} of {len(goals)}",
        }
        for maze in MAZES
        for goals in [results[f"pointmass_{maze}_rnd"]["goals"]]
    ]
    compared = []
    for data in DATA:
        rows = {label: results[f"{data}: {label}"] for label in AGENTS}
        facts = rows["DQN"]
        gap = np.median(np.subtract(facts["believed"], facts["true"]))
        compared.append(
            {"data": data, "J*": f"{facts['optimal_return']:.1f}", "behaviour": f"{facts['behaviour_return']:.1f}"}
            | {label: f"{np.median(row['returns']):.1f} ({min(row['returns']):.1f})" for label, row in rows.items()}
            | {"DQN believes too much by": f"{gap:+.1f}"}
        )
    trained = [row["row"] for row in results.values() if "row" in row]
    seeds, steps = len(results[f"{DATA[0]}: DQN"]["returns"]), results["pointmass_hard_rnd"]["steps"]
    sections = {
        f"**Exploration.** Coverage after {steps:,} steps, IQM [95% interval] of {seeds} seeds.": explored,
        f"**Offline.** Median exact return of {seeds} seeds (worst seed), one setting for all data.": compared,
        f"**The course's experiments**, {seeds} seeds each, the last agent, not the best.": trained,
    }
    return "\n\n".join(f"{caption}\n\n{_markdown_table(rows)}" for caption, rows in sections.items())


def _markdown_table(rows: list[dict[str, str]]) -> str:
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(row.values()) + " |" for row in rows])


def draw_coverage(results: dict[str, dict]):
    """Coverage against steps in the four mazes: random, RND, and RND without its bonus."""
    figure, axes = new_figure(2, 2, width=10, height=6.5)
    control = {"color": INK, "linestyle": "--", "marker": "."}
    for ax, maze in zip(axes.ravel(), MAZES, strict=True):
        for label, agent, style in (("random", "random", {}), (CONTROL, "rnd_control", control), ("RND", "rnd", {})):
            result = results[f"pointmass_{maze}_{agent}"]
            draw_curve(ax, result["points"], np.array(result["coverages"]), label, **style)
        ax.set_ylim(0, 1)
        describe(ax, maze, "steps", "coverage (share of half-cells)", "lower right" if maze == "easy" else "")
    return figure


def draw_comparison(results: dict[str, dict]):
    """Exact returns of every agent's seeds on four data sets."""
    figure, axes = new_figure(2, 2, width=11, height=7)
    titles = ("Narrow and good: medium near-expert", "Narrow, noisier: hard near-expert", "Lazy", "Broad: medium RND")
    for ax, data, title in zip(axes.ravel(), DATA, titles, strict=True):
        for place, label in enumerate(AGENTS):
            returns = np.sort(results[f"{data}: {label}"]["returns"])
            style = look(label) | {"linestyle": ""}
            ax.plot(place + np.linspace(-0.25, 0.25, len(returns)), returns, markersize=5, alpha=0.8, **style)
        ax.set_xticks(range(len(AGENTS)), [label.replace(", ", "\n") for label in AGENTS])
        ax.grid(axis="y", color="#e8e8e8")
        describe(ax, title, y=RETURN)
        facts = results[f"{data}: DQN"]
        draw_references(ax, {"J*": facts["optimal_return"], "behaviour": facts["behaviour_return"]})
    return figure
