"""The command line: python -m rlkit_mini list | explore NAME | train NAME | finetune NAME."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import tyro

from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.data.sets import save_dataset
from rlkit_mini.experiments import EXPERIMENTS, Experiment
from rlkit_mini.files import whole_file
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots.runs import draw_exploration, draw_fine_tuning, draw_training
from rlkit_mini.plots.style import save_figure
from rlkit_mini.running import as_row, run_experiment
from rlkit_mini.tables import Table
from rlkit_mini.training import use_one_thread

ROOT = Path(__file__).resolve().parent.parent

app = tyro.extras.SubcommandApp()
Name = tyro.conf.Positional[str]


@app.command(name="list")
def list_experiments() -> None:
    """List the algorithms, then the experiments, what each does, and where its settings differ from the course's."""
    width = max(map(len, EXPERIMENTS))
    for name, algorithm in ALGORITHMS.items():
        print(f"{name:{width}}  {'explores' if algorithm.explores else 'learns from data'}")
    for row in EXPERIMENTS.values():
        print(f"{row.name:{width}}  {row.command:8}  {row.words()}; {row.differences()}")


@app.command
def explore(
    name: Name,
    seeds: int = 8,
    steps: int | None = None,
    dataset_dir: Path = Path("results/datasets"),
    log_interval: int | None = None,
    out: Path = Path("results"),
    course: bool = False,
    overwrite: bool = False,
) -> None:
    """Explore a maze with a population and write each member's data set.

    Args:
        name: of an exploration; see `list`.
        seeds: members, one a seed.
        steps: environment steps a member, instead of the experiment's.
        dataset_dir: where the data sets go: seed 0's under the experiment's id, the others with -seedN.
        log_interval: steps between two points of the coverage curve; default a twentieth of the steps.
        out: where the table (JSON) and the figure go.
        course: the course's own settings.
        overwrite: replace data sets of these ids.
    """
    experiment = _named(name, "explore", course, steps=steps)
    use_one_thread()
    for folder in (dataset_dir / "pointmass", out / name):
        _check_writable(folder)
    root = dataset_dir.resolve()
    ids = [experiment.dataset] + [experiment.dataset.replace("-v0", f"-seed{seed}-v0") for seed in range(1, seeds)]
    there = [dataset_id for dataset_id in ids if (root / dataset_id).exists()]
    if there and not overwrite:
        raise FileExistsError(f"{there[0]} is in {dataset_dir} already; pass --overwrite, or another --dataset-dir")
    result = run_experiment(experiment, seeds, log_interval)
    oracle = Oracle(result.data[0].maze)
    for seed, (dataset_id, data) in enumerate(zip(ids, result.data, strict=True)):
        save_dataset(
            dataset_id,
            data,
            algorithm=experiment.agent,
            description=f"{name}, {len(data):,} steps, seed {seed}.",
            reference_returns=(oracle.random_return, oracle.optimal_return),
            folder=root,
            overwrite=overwrite,
        )
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_exploration({experiment.agent.removesuffix("Agent"): result}))


@app.command
def train(
    name: Name,
    seeds: int = 8,
    steps: int | None = None,
    dataset_dir: Path | None = None,
    log_interval: int | None = None,
    out: Path = Path("results"),
    course: bool = False,
) -> None:
    """Train a population offline on a data set and hold it against the exact solution.

    Args:
        name: of a training; see `list`.
        seeds: members, one a seed.
        steps: updates, instead of the experiment's.
        dataset_dir: where the data sets are; default the committed ones.
        log_interval: updates between two evaluations; default a tenth of the updates.
        out: where the table (JSON), the figure and the trained agent go.
        course: the course's own settings.
    """
    experiment = _named(name, "train", course, updates=steps, dataset_dir=dataset_dir)
    use_one_thread()
    _check_writable(out / name)
    result = run_experiment(experiment, seeds, log_interval)
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_training({experiment.agent: result}))
    result.agent.save(out / name / "agent.safetensors")


@app.command
def finetune(
    name: Name,
    seeds: int = 8,
    steps: int | None = None,
    online_steps: int | None = None,
    dataset_dir: Path | None = None,
    log_interval: int | None = None,
    out: Path = Path("results"),
    course: bool = False,
) -> None:
    """Train a population offline, then let it go on online with the data kept; its control stays offline.

    Args:
        name: of a fine-tuning; see `list`.
        seeds: members, one a seed.
        steps: offline updates, instead of the experiment's.
        online_steps: environment steps that follow, one update each, instead of the experiment's.
        dataset_dir: where the data sets are; default the committed ones.
        log_interval: updates between two evaluations; default a twentieth of them all.
        out: where the table (JSON), the figure and the trained agent go.
        course: the course's own settings.
    """
    experiment = _named(name, "finetune", course, updates=steps, online_steps=online_steps, dataset_dir=dataset_dir)
    use_one_thread()
    _check_writable(out / name)
    result = run_experiment(experiment, seeds, log_interval)
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_fine_tuning({experiment.agent: result.summary}))
    result.agent.save(out / name / "agent.safetensors")


def _named(name: str, command: str, course: bool = False, **changes: int | Path | None) -> Experiment:
    experiment = EXPERIMENTS[name]
    if experiment.command != command:
        raise ValueError(f"{name} is run by `{experiment.command} {name}`")
    experiment = experiment.as_in_the_course() if course else experiment
    return experiment.changed(**{word: value for word, value in changes.items() if value is not None})


def _check_writable(folder: Path) -> None:
    """Raise before hours of work where nothing could be written after them."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OSError(f"{folder} cannot be written to; expected a folder that can, or a new one")


def _write(folder: Path, summary: dict | list[dict], figure) -> None:
    with whole_file(folder / "result.json") as part:
        part.write_text(json.dumps(summary, indent=1) + "\n")
    save_figure(figure, "figure", folder)
    print(f"written to {folder}")


def main() -> None:
    try:
        app.cli(prog="python -m rlkit_mini")
    except (KeyError, ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main()
