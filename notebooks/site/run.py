"""Run a notebook with the state of its widgets kept: python run.py NOTEBOOK RESULT."""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FIRST_CELL = "from rlkit_workbook.widgets import scrubbing; scrubbing.MOST = 200"  # no kernel draws the others later
LAST_CELL = """
import gc
from ipywidgets import Widget
from rlkit_workbook.widgets.scrubbing import Scrub
alive = [each for each in gc.get_objects() if isinstance(each, Widget) and each.comm]
for each in alive:
    if isinstance(each, Scrub):
        each.draw_all()
for each in alive:
    each.send_state()  # what changed between two cells was heard by nobody
"""


def run(notebook: Path, result: Path) -> None:
    """In a new folder, as a learner who has not begun; no picture of a slider is left to be drawn when it is moved."""
    content = nbformat.read(notebook, as_version=4)
    content.cells = [nbformat.v4.new_code_cell(FIRST_CELL), *content.cells, nbformat.v4.new_code_cell(LAST_CELL)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"RLKIT_MINI_FIGURES": folder, "RLKIT_MINI_PROGRESS": f"{folder}/progress.json"}
        NotebookClient(content, timeout=600, resources={"metadata": {"path": folder}}).execute()
    content.cells = content.cells[1:-1]
    result.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, result)


if __name__ == "__main__":
    run(*map(Path, sys.argv[1:]))
