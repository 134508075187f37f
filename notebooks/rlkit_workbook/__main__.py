"""The course's own commands: python -m rlkit_workbook report | peers | grade | sweep | bench | claims | replicate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction, arg

from rlkit_mini.commands import answer
from rlkit_mini.files import check_writable, whole_file, write_json
from rlkit_workbook.results import RESULTS

MINI = dict.fromkeys(("list", "explore", "train", "finetune"), "python -m rlkit_mini")
PAGES = {"report": "RESULTS.md", "peers": "RESULTS.md", "bench": "BENCH.md"}  # beside data and figures


def sweep(
    name: Annotated[Positional[str], arg(metavar="NAME")],
    grid: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="SETTING=VALUE,VALUE")],
    seeds: int = 8,
    workers: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None,
    dataset_dir: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None,
    out: Path = Path("results"),
) -> None:
    """Train over a grid of settings; a second call trains only what is missing.

    Args:
        name: of a training; see `python -m rlkit_mini list`.
        grid: a setting and its values, such as alpha=0,0.1,1; once for each. Also updates=1000,5000 and
            dataset=pointmass/medium-lazy-v0,walked/medium-0.1.
        seeds: members of each setting.
        workers: processes side by side; default none but this one.
        dataset_dir: where the data sets are; default the course's.
        out: returns (JSON), figure and sweep go into a folder sweep-NAME there, finished blocks into sweeps.
    """
    from rlkit_mini.experiments import EXPERIMENTS
    from rlkit_mini.plots.style import save_figure
    from rlkit_workbook.panels.sweep import SweepFigure
    from rlkit_workbook.panels.tables import sweep_table
    from rlkit_workbook.studies import sweeping
    from rlkit_workbook.studies.parts import processes

    row, folder = EXPERIMENTS[name].changed(dataset_dir=dataset_dir and dataset_dir.resolve()), out / f"sweep-{name}"
    for place in (folder, out / "sweeps"):
        check_writable(place)
    with processes(workers) as executor:
        result = sweeping.sweep(row, sweeping.grid_of(grid), seeds, executor, folder=out / "sweeps")
    final = [setting | {"returns": result.returns[-1, *result.index(setting)].tolist()} for setting in result.settings]
    print(sweep_table(result))
    write_json(folder / "result.json", final)
    save_figure(SweepFigure(result).figure, "figure", folder)
    result.save(folder / "sweep.npz")
    print(f"written to {folder}")


def report(
    seeds: int = 8,
    steps: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None,
    jobs: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None,
    out: Path = Path("results/report"),
    publish: bool = False,
) -> None:
    """Run every experiment, and write tables, data and figures.

    A second call runs only what is missing.

    Args:
        seeds: members of each population.
        steps: steps or updates of every experiment, instead of its own.
        jobs: processes side by side; default one per core.
        out: where all of it goes.
        publish: also put the tables into figures/RESULTS.md, with data and figures beside them.
    """
    from rlkit_mini.plots.style import save_figure
    from rlkit_workbook.studies.report import markdown, run_report
    from rlkit_workbook.studies.report_figures import FIGURES

    check_writable(out)
    results = run_report(out, seeds, steps, jobs)
    for name, draw in FIGURES.items():
        figure = draw(results)
        for folder in [out] + [RESULTS] * publish:
            save_figure(figure, f"report_{name}", folder)
    _write("report", results, markdown(results), out, publish, indent=None)


def peers(
    d3rlpy: Annotated[Path, arg(metavar="PYTHON")], out: Path = Path("results/peers"), publish: bool = False
) -> None:
    """Train BC, DQN and CQL beside d3rlpy's on CartPole's data; some minutes.

    Args:
        d3rlpy: the Python of an environment that has it; `make peer-d3rlpy` makes one.
        out: where table and data go.
        publish: also put the table into figures/RESULTS.md, with the data beside it.
    """
    from rlkit_workbook.studies.returns.peers import markdown, run_peers

    check_writable(out)
    rows = run_peers(d3rlpy)
    _write("peers", rows, markdown(rows), out, publish)


def bench(
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
    rounds: int = 1,
    jax: Annotated[Path | None, arg(metavar="PYTHON", help_behavior_hint="")] = None,
    out: Path = Path("results/bench"),
    publish: bool = False,
) -> None:
    """Measure how long trainings take on this machine; about ten minutes.

    Args:
        device: that populations train on, such as cuda.
        rounds: of each training of at most 4,000 updates, of which the median is taken.
        jax: of an environment with JAX, to train the same there in turn; `make peer-jax` makes one.
        out: where tables and data go.
        publish: also put the tables into figures/BENCH.md, with the data beside it.
    """
    from rlkit_workbook.studies.speed.bench import markdown, run_benchmark

    check_writable(out)
    results = run_benchmark(device, rounds, jax)
    _write("bench", results, markdown(results), out, publish)


def grade(
    notebooks: Annotated[Positional[tuple[Path, ...]], arg(metavar="NOTEBOOK ...", help_behavior_hint="")],
    timeout: float = 20.0,
    jobs: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None,
    out: Path = Path("results/grades.json"),
    csv: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None,
    feedback: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None,
) -> None:
    """Judge the exercises of learners' notebooks.

    Each is right, attempted, open or not reached. A second call judges only what changed.

    Args:
        notebooks: files, folders or wildcards, such as submissions or submissions/*/05_*.ipynb.
        timeout: seconds that an exercise may compute.
        jobs: notebooks side by side; default one per core.
        out: where all of it goes (JSON): with the checker's remarks and the learners' functions.
        csv: a row per student, with points, states and mistakes.
        feedback: a page per student (Markdown).
    """
    from rlkit_workbook.exercises.grading import earlier_files, grade_notebooks  # of the notebooks' extra requirements
    from rlkit_workbook.exercises.grading.marks import grade_tables, write_feedback, write_marks

    for place in [out.parent, *([csv.parent] if csv else []), *([feedback] if feedback else [])]:
        check_writable(place)
    for file in filter(None, (out, csv)):
        if file.exists() and not file.is_file():
            raise OSError(f"{file} is no file; expected one to write to, such as results/grades.json")
    rows = grade_notebooks(notebooks, timeout, jobs, earlier_files(out))
    write_json(out, rows)
    if csv:
        write_marks(csv, rows)
    if feedback:
        write_feedback(feedback, rows)
    print(*grade_tables(rows), f"written to {out}", sep="\n\n")


def claims(
    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE ...", help_behavior_hint="")] = (),
    fix: bool = False,
) -> None:
    """Hold what notebooks and documents say against what came out.

    It runs nothing, and fails where they differ.

    Args:
        files: default all notebooks, and the documents that make claims.
        fix: rewrite numbers that differ from their claims'; words never.
    """
    from rlkit_workbook.claiming.checking import check_file, files_with_claims

    found = {path.name: check_file(path, fix) for path in files or files_with_claims()}
    print(*(f"{name}: {findings}" for name, findings in found.items()), sep="\n")
    if any(findings.problems for findings in found.values()):
        sys.exit(1)


def replicate(
    notebooks: Annotated[Positional[tuple[Path, ...]], arg(metavar="NOTEBOOK ...", help_behavior_hint="")] = (),
    first_seed: Annotated[tuple[int, ...], arg(metavar="INT ...")] = (100,),
    jobs: int = 2,
    out: Path = Path("results/replication.json"),
) -> None:
    """Run notebooks with other training seeds, and say which claims hold.

    Args:
        notebooks: default all.
        first_seed: what takes the place of seed 0, such as 100; several are several runs.
        jobs: notebooks side by side.
        out: where each claim goes, as each run fills it (JSON).
    """
    from rlkit_workbook.claiming.checking import files_with_claims
    from rlkit_workbook.claiming.replicating import replicate, replication_table

    check_writable(out.parent)
    found = [path for path in files_with_claims() if path.suffix == ".ipynb"]
    result = replicate(notebooks or found, first_seed, jobs)
    write_json(out, result)
    print(replication_table(result), f"written to {out}", sep="\n\n")


def published(name: str) -> tuple[str, str, str]:
    """The page before, in and after the part between <!-- name --> and <!-- end of name -->."""
    before, begin, rest = (RESULTS / PAGES[name]).read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    part, end, after = rest.partition(f"<!-- end of {name} -->")
    return before + begin, part, end + after


def _write(name: str, results: Any, tables: str, out: Path, publish: bool, indent: int | None = 1) -> None:
    """Results and their tables as files; beside and into their page if they are to be published; and on the screen."""
    for folder in [out] + [RESULTS] * publish:
        write_json(folder / f"{name}.json", results, indent)
    with whole_file(out / f"{name}.md") as part:
        part.write_text(tables + "\n", encoding="utf-8")
    if publish:
        before, _, after = published(name)
        with whole_file(RESULTS / PAGES[name]) as part:
            part.write_text(f"{before}\n{tables}\n\n{after}", encoding="utf-8")
    print(tables)
    print(f"written to {out}")


def main() -> None:
    """Answer the command line that this process was called with."""
    commands = (report, peers, grade, sweep, bench, claims, replicate)
    answer("python -m rlkit_workbook", {command.__name__: command for command in commands}, MINI)


if __name__ == "__main__":
    main()
