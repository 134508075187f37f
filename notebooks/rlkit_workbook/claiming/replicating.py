"""Notebooks run again with other training seeds: which of their claims hold there, too."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from rlkit_workbook.claiming.sentences import masked

SHIFT = "from rlkit_mini import streams\n\nstreams.FIRST_SEED = {}"


def replicate(notebooks: Sequence[Path], first_seeds: Sequence[int], jobs: int = 2) -> dict:
    """Run notebooks with every stream of random numbers shifted; committed data and the labels of seeds stay.

    Args:
        first_seeds: what takes the place of seed 0, a run of each notebook for each.
        jobs: notebooks side by side.

    Returns:
        "claims": one row per claim with its notebook, its words, and per first seed (0 is the committed run) the
        sentence as that run fills it and whether it holds; "stopped": the cells that raised an error.
    """
    runs = [(path, first) for path in notebooks for first in first_seeds]
    ran = asyncio.run(_run_all(runs, jobs))
    rows, stopped = {}, []
    for path in notebooks:
        _note(rows, path.stem, 0, nbformat.read(path, as_version=4).cells)
    for (path, first), cells in zip(runs, ran, strict=True):
        _note(rows, path.stem, first, cells)
        errors = [(output, cell) for cell in cells for output in cell.get("outputs", ()) if "ename" in output]
        stopped += [
            {"notebook": path.stem, "first seed": first, "cell": cell.id, "error": f"{error.ename}: {error.evalue}"}
            for error, cell in errors
        ]
    return {"first seeds": list(first_seeds), "claims": list(rows.values()), "stopped": stopped}


async def _run_all(runs: list[tuple[Path, int]], jobs: int) -> list[list]:
    turns = asyncio.Semaphore(jobs)
    with tempfile.TemporaryDirectory() as figures:
        return await asyncio.gather(*(_run(*run, figures, turns) for run in runs))


async def _run(path: Path, first_seed: int, figures: str, turns: asyncio.Semaphore) -> list:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SHIFT.format(first_seed)))
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place, allow_errors=True)
    async with turns:
        await client.async_execute(env=os.environ | {"RLKIT_MINI_FIGURES": figures})  # the committed figures stay
    return notebook.cells[1:]


def _note(rows: dict, notebook: str, first_seed: int, cells: list) -> None:
    for cell in cells:
        found = [entry for output in cell.get("outputs", ()) for entry in output.get("metadata", {}).get("claims", ())]
        for place, entry in enumerate(found):
            row = {"notebook": notebook, "words": masked(entry["sentence"]), "runs": {}}
            if "this_run" not in entry:
                rows.setdefault((notebook, cell.id, place), row)["runs"][str(first_seed)] = entry


def replication_table(result: dict) -> str:
    """How many claims hold with each first seed; below, each that does not, as every run fills it."""
    rows = result["claims"]
    lines = []
    for first in ("0", *map(str, result["first seeds"])):
        made = [row["runs"][first] for row in rows if first in row["runs"]]
        missing = f"; {len(rows) - len(made)} could not be checked" * (len(made) < len(rows))
        lines.append(f"first seed {first}: {sum(entry['holds'] for entry in made)} of {len(rows)} claims hold{missing}")
    for row in rows:
        if not all(entry["holds"] for entry in row["runs"].values()):
            lines += ["", row["notebook"]]
            for first, entry in row["runs"].items():
                seen = f" Here: {entry['seen']}" if "seen" in entry and not entry["holds"] else ""
                lines.append(f"  {'✓' if entry['holds'] else '✗'} {first:>4}: {entry['sentence']}{seen}")
    lines += [f"stopped: {' '.join(map(str, entry.values()))}" for entry in result["stopped"]]
    return "\n".join(lines)
