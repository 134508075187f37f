"""What the tests of exercises share: boxes are kept, and progress is noted in a folder of the test's own."""

import importlib
from pathlib import Path

import pytest

from rlkit_workbook import exercises

for path in sorted(Path(__file__).parent.glob("alternatives/*.py")):  # each fills `helpers.ALTERNATIVES`
    importlib.import_module(f"exercises.alternatives.{path.stem}")


@pytest.fixture(autouse=True)
def shown(monkeypatch, tmp_path):
    """The boxes shown."""
    boxes = []
    monkeypatch.setattr(exercises, "display", boxes.append)
    monkeypatch.setenv("RLKIT_MINI_PROGRESS", str(tmp_path / "progress.json"))
    return boxes
