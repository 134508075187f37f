"""A learner's progress: it follows the last attempt, in a file that survives anything."""

import json
import os

import pytest
from helpers import run_exercise_cell, written_by_learner

from rlkit_workbook.exercises import EXERCISES, exercise, progress


def test_progress_follows_the_last_attempt(shown, tmp_path):
    def states():
        progress()
        return shown[-1].rows["02 td_target"]

    assert states() == "○ not attempted"
    run_exercise_cell("td_target", "return rewards")
    assert states() == "✗ attempted"
    exercise(written_by_learner("td_target", EXERCISES["td_target"].reference))
    assert states() == "✓ right"
    assert f"1 of {len(EXERCISES)} exercises right" in repr(shown[-1])
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "right"}
    assert sorted(os.listdir(tmp_path)) == [".progress.lock", "progress.json"]


def test_progress_lies_beside_the_notebook(shown, monkeypatch, tmp_path):
    monkeypatch.delenv("RLKIT_MINI_PROGRESS")
    monkeypatch.chdir(tmp_path)
    run_exercise_cell("td_target", "return rewards")
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "attempted"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"td_target": ["right"]}', b'{"td_target": 3}', b"[" * 10_000],
)
def test_a_damaged_progress_file_is_ignored_and_replaced(content, shown, tmp_path):
    (tmp_path / "progress.json").write_bytes(content)
    progress()
    assert "0 of" in repr(shown[0])
    run_exercise_cell("td_target", "return rewards")
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "attempted"}


def test_a_folder_that_cannot_be_written_disturbs_nobody(shown, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("RLKIT_MINI_PROGRESS", str(tmp_path / "file" / "progress.json"))
    run_exercise_cell("td_target", "return rewards")
    progress()
    assert "0 of" in repr(shown[-1])
