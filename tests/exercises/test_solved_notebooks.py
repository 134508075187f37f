"""Notebooks whose exercises are solved otherwise than by the reference: the cells below run with such functions."""

import os
from pathlib import Path

import nbformat
import pytest
from helpers import ALTERNATIVES
from nbclient import NotebookClient

from rlkit_workbook.exercises import EXERCISES

TESTS = Path(__file__).parents[1]
NOTEBOOKS = {path.name[:2]: path for path in sorted(TESTS.parent.glob("notebooks/*.ipynb"))}
OTHER = dict(reversed(ALTERNATIVES))  # the first of each exercise: those of 02 and 05 take numbers only


def solved(source, name):
    """A cell in which the exercise's stub calls another right answer."""
    function, parameters = OTHER[name], ", ".join(EXERCISES[name].parameters)
    head, body = source.split(f"def {name}(", 1)
    body = body.replace("\n    ...", f"\n    return other_{name}({parameters})", 1)
    return f"from {function.__module__} import {function.__name__} as other_{name}\n\n{head}def {name}({body}"


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted({item.texts["notebook"] for item in EXERCISES.values()}))
def test_a_notebook_runs_with_other_right_answers(number, tmp_path):
    notebook = nbformat.read(NOTEBOOKS[number], as_version=4)
    stubs = {name: cell for cell in notebook.cells for name in EXERCISES if f"@exercise\ndef {name}(" in cell.source}
    for name, cell in stubs.items():
        cell.source = solved(cell.source, name)
    places = {"RLKIT_MINI_FIGURES": str(tmp_path), "RLKIT_MINI_PROGRESS": str(tmp_path / "progress.json")}
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(TESTS.parent / "notebooks")}}
    )
    client.execute(env=os.environ | places | {"PYTHONPATH": path})  # an error in a cell is one here
    for name, cell in stubs.items():
        assert f"✓ Right: {name}" in str(cell.outputs), name
    assert len(stubs) >= 2
