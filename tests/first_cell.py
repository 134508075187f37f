"""Writes the first cell of every notebook, by the metadata of the package: `.venv/bin/python tests/first_cell.py`."""

import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALL = """\
import importlib.util
import subprocess
import sys

if not importlib.util.find_spec("rlkit_workbook"):  # as on a hosted service
    where = "rlkit_mini[notebooks] @ git+{repository}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)"""
MISSING = """\
import importlib.util

if not importlib.util.find_spec("rlkit_workbook"):  # as on a hosted service
    raise ModuleNotFoundError("the course is not installed here: run `pip install .` in a copy of its folder")"""


def first_cell(project: dict) -> str:
    """What a notebook begins with: where the package is missing, it comes from the repository that it names, if any."""
    repository = project.get("urls", {}).get("Repository")
    return INSTALL.format(repository=repository) if repository else MISSING


def write_first_cell(path: Path, code: str) -> None:
    """Put it before the other code of a notebook, in place of the one from before."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["id"] != "install"]
    begin = next(index for index, cell in enumerate(cells) if cell["cell_type"] == "code")
    cell = {"cell_type": "code", "execution_count": None, "id": "install"}
    cell |= {"metadata": {"jupyter": {"source_hidden": True}}, "outputs": [], "source": code.splitlines(keepends=True)}
    notebook["cells"] = [*cells[:begin], cell, *cells[begin:]]
    python = {"name": "ipython", "version": 3}
    notebook["metadata"].setdefault(
        "language_info",
        {
            "codemirror_mode": python,
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
            "version": "3.11.7",
        },
    )
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    text = first_cell(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        write_first_cell(path, text)
