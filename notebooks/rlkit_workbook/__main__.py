"""The course's own commands: python -m rlkit_workbook sweep NAME | report | grade | bench | claims | replicate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tyro

from rlkit_mini.__main__ import _check_writable, _named, _write
from rlkit_mini.files import whole_file
from rlkit_mini.plots.style import save_figure
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.panels.tables import sweep_table
from rlkit_workbook.results import RESULTS
from rlkit_workbook.studies.parts import processes
from rlkit_workbook.studies.report import markdown, run_report
from rlkit_workbook.studies.report_figures import FIGURES
from rlkit_workbook.studies.sweeping import grid_of
from rlkit_workbook.studies.sweeping import sweep as run_sweep

PAGES = {"report": "RESULTS.md", "bench": "BENCH.md"}  # beside the data and the figures that they show

app = tyro.extras.SubcommandApp()
Name = tyro.conf.Positional[str]


@app.command
def sweep(
    name: Name,
    grid: tyro.conf.UseAppendAction[tuple[str, ...]],
    seeds: int = 8,
    workers: int | None = None,
    dataset_dir: Path | None = None,
    out: Path = Path("results"),
) -> None:
    """Train over a grid of settings; a second call trains only what is missing.

    Args:
        name: of a training; see `list`.
        grid: a setting and its values, alpha=0,0.1,1; once for each. Also updates=1000,5000 and
            dataset=pointmass/medium-lazy-v0,walked/medium-0.1.
        seeds: members of each setting.
        workers: processes side by side on this machine; default none but this one.
        dataset_dir: where the data sets are; default the committed ones.
        out: where returns (JSON), the figure, the sweep for the slider and the finished parts go.
    """
    experiment = _named(name, "train", dataset_dir=dataset_dir and dataset_dir.resolve())
    for folder in (out / name, out / "sweeps"):
        _check_writable(folder)
    with processes(workers) as executor:
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
        publish: also put the tables into figures/RESULTS.md, with data and figures beside them.
    """
    _check_writable(out)
    results = run_report(out, seeds, steps, jobs)
    tables = markdown(results)
    pictures = {f"report_{name}": draw(results) for name, draw in FIGURES.items()}
    for folder in [out] + [RESULTS] * publish:
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
def bench(seconds: float = 1.0, device: str = "cpu", out: Path = Path("results/bench"), publish: bool = False) -> None:
    """Measure how long trainings take on this machine; some minutes.

    Args:
        seconds: to measure each rate.
        device: that populations train on, such as cuda.
        out: where tables and data go.
        publish: also put the tables into figures/BENCH.md, with the data beside it.
    """
    from rlkit_workbook.studies.speed.bench import markdown, run_benchmark

    _check_writable(out)
    results = run_benchmark(seconds, device)
    tables = markdown(results)
    for folder in [out] + [RESULTS] * publish:
        with whole_file(folder / "bench.json") as part:
            part.write_text(json.dumps(results, indent=1) + "\n")
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
    from rlkit_workbook.exercises.grading import grade_notebooks, grade_tables  # of the notebooks' extra requirements

    _check_writable(out.parent)
    if out.exists() and not out.is_file():
        raise OSError(f"{out} is no file; expected one to write to, such as results/grades.json")
    rows = grade_notebooks(notebooks, timeout, jobs)
    with whole_file(out) as part:
        part.write_text(json.dumps(rows, indent=1) + "\n")
    print(*grade_tables(rows), f"written to {out}", sep="\n\n")


@app.command
def claims(files: tyro.conf.Positional[tuple[Path, ...]] = (), fix: bool = False) -> None:
    """Hold what notebooks and documents say against what came out; fails where they differ, and runs nothing.

    Args:
        files: default all notebooks that make claims, and all documents of which claims are made.
        fix: rewrite numbers that differ from their claims'; words never.
    """
    from rlkit_workbook.claiming.checking import check_file, files_with_claims

    found = {path.name: check_file(path, fix) for path in files or files_with_claims()}
    print(*(f"{name}: {findings}" for name, findings in found.items()), sep="\n")
    if any(findings.problems for findings in found.values()):
        sys.exit(1)


@app.command
def replicate(
    notebooks: tyro.conf.Positional[tuple[Path, ...]] = (),
    first_seed: tuple[int, ...] = (100,),
    jobs: int = 2,
    out: Path = Path("results/replication.json"),
) -> None:
    """Run notebooks with other training seeds, and say which of their claims hold there.

    Args:
        notebooks: default all that make claims.
        first_seed: what takes the place of seed 0, such as 100; several are several runs.
        jobs: notebooks side by side.
        out: where each claim goes, as each run fills it (JSON).
    """
    from rlkit_workbook.claiming.checking import files_with_claims
    from rlkit_workbook.claiming.replicating import replicate, replication_table

    _check_writable(out.parent)
    found = [path for path in files_with_claims() if path.suffix == ".ipynb"]
    result = replicate(notebooks or found, first_seed, jobs)
    with whole_file(out) as part:
        part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(replication_table(result), f"written to {out}", sep="\n\n")


def published(name: str) -> tuple[str, str, str]:
    """The page before, in and after the part between <!-- name --> and <!-- end of name -->."""
    before, begin, rest = (RESULTS / PAGES[name]).read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    part, end, after = rest.partition(f"<!-- end of {name} -->")
    return before + begin, part, end + after


def _publish(name: str, tables: str) -> None:
    before, _, after = published(name)
    with whole_file(RESULTS / PAGES[name]) as part:
        part.write_text(f"{before}\n{tables}\n\n{after}", encoding="utf-8")


def main() -> None:
    try:
        app.cli(prog="python -m rlkit_workbook")
    except (KeyError, ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main()
