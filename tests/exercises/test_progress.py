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
    (tmp_path / "file").unlink()
    run_exercise_cell("td_target", "return rewards")
    assert (tmp_path / "file" / "progress.json").is_file()


@pytest.mark.parametrize("trouble", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_what_cannot_be_kept_is_told_once_by_the_systems_own_reason(trouble, shown, monkeypatch, tmp_path, capsys):
    def refuse(*_):
        raise trouble

    monkeypatch.setattr("rlkit_workbook.exercises.progress_file.write_json", refuse)
    for body in ("return rewards", "return next_values"):
        run_exercise_cell("td_target", body)
    assert [box.kind for box in shown] == ["wrong", "wrong"]
    assert capsys.readouterr().out == f"your progress is not kept in {tmp_path}/progress.json ({trouble.strerror})\n"


def test_what_must_not_be_read_is_not_written_over(shown, monkeypatch, tmp_path, capsys):
    (tmp_path / "progress.json").write_text('{"td_target": "right"}')

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_text", refuse)
        run_exercise_cell("td_target", "return rewards")
        progress()
    assert capsys.readouterr().out == f"your progress is not kept in {tmp_path}/progress.json (Permission denied)\n"
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "right"}


@pytest.mark.parametrize(
    "trouble", [OSError(37, "No locks available"), NotImplementedError("no flock"), TimeoutError()]
)
def test_where_there_are_no_locks_progress_is_kept_all_the_same(trouble, shown, monkeypatch, tmp_path, capsys):
    def refuse(*_, **__):
        raise trouble

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    run_exercise_cell("td_target", "return rewards")
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "attempted"}
    assert capsys.readouterr().out == ""
