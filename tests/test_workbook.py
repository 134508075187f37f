"""What a notebook's first cell asks the workbook for, and how much a notebook asks of its reader."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rlkit_workbook
from rlkit_mini.names import UnknownNameError

HEAVY = ("torch", "matplotlib", "ipywidgets", "minari", "h5py", "scipy", "IPython")
NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))


def in_a_fresh_process(code: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | variables
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def test_the_import_loads_nothing_heavy():
    code = f"import sys, rlkit_workbook; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == "[]\n"


def test_every_name_is_there_and_no_other():
    for name in rlkit_workbook.__all__:
        assert callable(getattr(rlkit_workbook, name)), name
    with pytest.raises(AttributeError, match="no attribute 'slider'"):
        rlkit_workbook.slider  # noqa: B018  raises


@pytest.mark.parametrize(("asked", "threads"), [({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3")])
def test_start_asks_for_one_thread_seeds_nothing_and_says_nothing(asked, threads):
    code = """
import numpy, torch
torch.set_num_threads(3)
import rlkit_workbook.exercises, rlkit_workbook.widgets
assert torch.get_num_threads() == 3, "an import has no effect"
states = torch.get_rng_state(), numpy.random.get_state()[1]
rlkit_workbook.start("04")
assert all((a == b).all() for a, b in zip(states, (torch.get_rng_state(), numpy.random.get_state()[1]), strict=True))
print(torch.get_num_threads())
"""
    assert in_a_fresh_process(code, **asked) == threads + "\n"


def test_what_is_imported_is_searched_for_garbage_no_more():
    code = """
import gc, rlkit_workbook.widgets
before = len(gc.get_objects())
rlkit_workbook.start("04")
print(before > 100_000 > 10 * len(gc.get_objects()))
"""
    assert in_a_fresh_process(code) == "True\n"


def test_start_knows_every_notebook_and_no_other():
    for path in NOTEBOOKS:
        rlkit_workbook.start(path.name[:2])
    with pytest.raises(UnknownNameError, match="unknown notebook '4'; did you mean '04'"):
        rlkit_workbook.start("4")


def read_in_one_go(path: Path) -> list[tuple[str, str]]:
    """Kind and source of a notebook's cells, but for hidden ones (its claims) and the larger exercise."""
    found, building = [], False
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if section := cell["cell_type"] == "markdown" and re.search(r"^## (.*)", source, re.MULTILINE):
            building = section[1].startswith("Build it yourself")
        if not building and not cell["metadata"].get("jupyter", {}).get("source_hidden"):
            found.append((cell["cell_type"], source))
    return found


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.name < "08"], ids=lambda path: path.stem)
def test_a_notebook_of_the_core_path_has_at_most_1800_words_in_45_cells(path):
    cells = read_in_one_go(path)
    words = sum(len(source.split()) for kind, source in cells if kind == "markdown")
    assert words <= 1800
    assert len(cells) <= 45


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_of_code_has_at_most_15_lines_beside_its_imports(path):
    for kind, source in read_in_one_go(path):
        if kind == "code":
            imports = [node for node in ast.parse(source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
            imported = {line for node in imports for line in range(node.lineno, node.end_lineno + 1)}
            lines = [line for number, line in enumerate(source.splitlines(), 1) if line and number not in imported]
            assert len(lines) <= 15, source
