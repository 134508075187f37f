"""The command line: python -m rlkit_mini list | explore | train | finetune | sweep NAME | report | grade | bench."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import tyro

from rlkit_mini.data import save_dataset
from rlkit_mini.experiments import EXPERIMENTS, Experiment, as_row, run_exploration, run_fine_tuning, run_training
from rlkit_mini.files import whole_file
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots import save_figure
from rlkit_mini.report import markdown, run_report
from rlkit_mini.report_figures import FIGURES, draw_fine_tuning
from rlkit_mini.sweeping import grid_of, processes
from rlkit_mini.sweeping import sweep as run_sweep
from rlkit_mini.tables import Table, sweep_table
from rlkit_mini.training import use_one_thread
from rlkit_mini.views import SweepFigure, draw_exploration, draw_training

ROOT = Path(__file__).resolve().parent.parent

app = tyro.extras.SubcommandApp()
Name = tyro.conf.Positional[str]


@app.command(name="list")
def list_experiments() -> None:
    """List the experiments, what each does, and where its settings differ from the course's."""
    width = max(map(len, EXPERIMENTS))
    for row in EXPERIMENTS.values():
        unit = "steps" if row.command == "explore" else "updates"
        print(f"{row.name:{width}}  {row.command:8}  {row.steps:>6,} {unit:7}  {row.dataset:31} {row.differences()}")


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
    experiment = _named(name, "explore")
    use_one_thread()
    for folder in (dataset_dir / "pointmass", out / name):
        _check_writable(folder)
    root = dataset_dir.resolve()
    ids = [experiment.dataset] + [experiment.dataset.replace("-v0", f"-seed{seed}-v0") for seed in range(1, seeds)]
    there = [dataset_id for dataset_id in ids if (root / dataset_id).exists()]
    if there and not overwrite:
        raise FileExistsError(f"{there[0]} is in {dataset_dir} already; pass --overwrite, or another --dataset-dir")
    result = run_exploration(experiment, seeds, steps, log_interval, course)
    root.mkdir(parents=True, exist_ok=True)
    os.environ["MINARI_DATASETS_PATH"] = str(root)
    oracle = Oracle(result.data[0].maze)
    for seed, (dataset_id, data) in enumerate(zip(ids, result.data, strict=True)):
        save_dataset(
            dataset_id,
            data,
            algorithm=experiment.agent.__name__,
            description=f"{name}, {len(data):,} steps, seed {seed}.",
            reference_returns=(oracle.random_return, oracle.optimal_return),
            overwrite=overwrite,
        )
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_exploration({experiment.agent.__name__.removesuffix("Agent"): result}))


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
    experiment = _named(name, "train")
    use_one_thread()
    _check_writable(out / name)
    _use_datasets_in(dataset_dir)
    result = run_training(experiment, seeds, steps, log_interval, course)
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_training({experiment.agent.__name__: result}))
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
    experiment = _named(name, "finetune")
    use_one_thread()
    _check_writable(out / name)
    _use_datasets_in(dataset_dir)
    result = run_fine_tuning(experiment, seeds, steps, online_steps, log_interval, course)
    print(Table([as_row(result.summary)]))
    _write(out / name, result.summary, draw_fine_tuning({experiment.agent.__name__: result.summary}))
    result.agent.save(out / name / "agent.safetensors")


@app.command
def sweep(
    name: Name,
    grid: tyro.conf.UseAppendAction[tuple[str, ...]],
    seeds: int = 8,
    workers: int | None = None,
    scheduler: str | None = None,
    dataset_dir: Path | None = None,
    out: Path = Path("results"),
) -> None:
    """Train over a grid of settings, on one machine or many; a second call trains only what is missing.

    Args:
        name: of a training; see `list`.
        grid: a setting and its values, alpha=0,0.1,1; once for each. Also steps=1000,5000 (updates, as in `train`) and
            dataset=pointmass/medium-lazy-v0,walked/medium-0.1.
        seeds: members of each setting.
        workers: processes side by side on this machine; default none but this one.
        scheduler: of a Dask cluster that trains, such as tcp://host:8786.
        dataset_dir: where the data sets are; default the committed ones. A cluster's workers look for their own.
        out: where returns (JSON), the figure, the sweep for the slider and the finished parts go.
    """
    experiment = _named(name, "train")
    for folder in (out / name, out / "sweeps"):
        _check_writable(folder)
    _use_datasets_in(dataset_dir)
    with processes(workers, scheduler) as executor:
        result = run_sweep(experiment, grid_of(grid), seeds, executor, folder=out / "sweeps")
    returns = [
        setting | {"returns": result.returns[-1, *result.index(setting)].tolist()} for setting in result.settings
    ]
    print(sweep_table(result))
    _write(out / name, returns, SweepFigure(result).figure)
    result.save(out / name / "sweep.npz")


@app.command
def report(
    seeds: int = 8,
    steps: int | None = None,
    jobs: int | None = None,
    out: Path = Path("results/report"),
    publish: bool = False,
) -> None:
    """Run every experiment and write tables, data and figures; a second call runs only what is missing.

    Args:
        seeds: members of each population.
        steps: steps or updates of every experiment, instead of its own.
        jobs: processes side by side; default one a core.
        out: where all of it goes.
        publish: also put the tables into the README, and data and figures into `figures`.
    """
    _check_writable(out)
    results = run_report(out, seeds, steps, jobs)
    tables = markdown(results)
    pictures = {f"report_{name}": draw(results) for name, draw in FIGURES.items()}
    for folder in [out] + [ROOT / "figures"] * publish:
        with whole_file(folder / "report.json") as part:
            part.write_text(json.dumps(results) + "\n")
        for name, figure in pictures.items():
            save_figure(figure, name, folder)
    with whole_file(out / "report.md") as part:
        part.write_text(tables + "\n", encoding="utf-8")
    if publish:
        _publish("report", tables)
    print(tables)
    print(f"written to {out}")


@app.command
def bench(
    seconds: float = 1.0,
    device: str = "cpu",
    peer: Path | None = None,
    out: Path = Path("results/bench"),
    publish: bool = False,
) -> None:
    """Measure how fast everything is on this machine, and what a plain training loop does in the same run.

    Args:
        seconds: to measure each rate.
        device: that populations train on, such as cuda.
        peer: the Python of an environment with d3rlpy, to measure it as well; `make bench-peer` makes one.
        out: where tables, data and figure go.
        publish: also put the tables into the README, and data and figure into `figures`.
    """
    from rlkit_mini import bench, bench_figures

    _check_writable(out)
    results = bench.run_benchmark(seconds, device, peer)
    tables = bench.markdown(results)
    for folder in [out] + [ROOT / "figures"] * publish:
        with whole_file(folder / "bench.json") as part:
            part.write_text(json.dumps(results, indent=1) + "\n")
        save_figure(bench_figures.draw_speed(results), "bench_speed", folder)
    with whole_file(out / "bench.md") as part:
        part.write_text(tables + "\n", encoding="utf-8")
    if publish:
        _publish("bench", tables)
    print(tables)
    print(f"written to {out}")


@app.command
def grade(
    notebooks: tyro.conf.Positional[tuple[Path, ...]],
    timeout: float = 60.0,
    jobs: int | None = None,
    out: Path = Path("results/grades.json"),
) -> None:
    """Judge the exercises of learners' notebooks: right, attempted, open or not reached.

    Args:
        notebooks: a row each, such as submissions/*/05_*.ipynb.
        timeout: seconds that an exercise may take.
        jobs: notebooks side by side; default one a core.
        out: where all of it goes (JSON): with the checker's remarks and the learners' functions.
    """
    from rlkit_mini.grading import grade_notebooks, grade_tables  # of the notebooks' extra requirements

    _check_writable(out.parent)
    if out.exists() and not out.is_file():
        raise OSError(f"{out} is no file; expected one to write to, such as results/grades.json")
    rows = grade_notebooks(notebooks, timeout, jobs)
    with whole_file(out) as part:
        part.write_text(json.dumps(rows, indent=1) + "\n")
    print(*grade_tables(rows), f"written to {out}", sep="\n\n")


def _named(name: str, command: str) -> Experiment:
    experiment = EXPERIMENTS[name]
    if experiment.command != command:
        raise ValueError(f"{name} is run by `{experiment.command} {name}`")
    return experiment


def _check_writable(folder: Path) -> None:
    """Raise before hours of work where nothing could be written after them."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OSError(f"{folder} cannot be written to; expected a folder that can, or a new one")


def _use_datasets_in(folder: Path | None) -> None:
    if folder is not None:
        os.environ["MINARI_DATASETS_PATH"] = str(folder.resolve())


def published(name: str) -> tuple[str, str, str]:
    """The README before, in and after the part between <!-- name --> and <!-- end of name -->."""
    before, begin, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    part, end, after = rest.partition(f"<!-- end of {name} -->")
    return before + begin, part, end + after


def _publish(name: str, tables: str) -> None:
    before, _, after = published(name)
    with whole_file(ROOT / "README.md") as part:
        part.write_text(f"{before}\n{tables}\n\n{after}", encoding="utf-8")


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
