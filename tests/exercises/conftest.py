"""What the tests of exercises share: boxes are kept, and progress is noted in a folder of the test's own."""

import pytest

from rlkit_workbook import exercises


@pytest.fixture(autouse=True)
def shown(monkeypatch, tmp_path):
    """The boxes shown."""
    boxes = []
    monkeypatch.setattr(exercises, "display", boxes.append)
    monkeypatch.setenv("RLKIT_MINI_PROGRESS", str(tmp_path / "progress.json"))
    return boxes
