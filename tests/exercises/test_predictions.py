"""Predictions, quizzes and beliefs are kept, told beside the truth, and handed in."""

import json

import pytest

from rlkit_workbook.exercises import beliefs, hand_in, predict, progress_file, quiz, reveal
from rlkit_workbook.exercises.predictions import PREDICTIONS
from rlkit_workbook.exercises.quizzes import BELIEFS


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RLKIT_MINI_PROGRESS", raising=False)
    return tmp_path


def test_a_prediction_is_kept_and_told_beside_the_truth(capsys):
    asked = predict("dqn_narrow")
    asked.answer.value = "-25"
    asked.why.value = "the data is good"
    reveal("dqn_narrow", -149.7)
    assert capsys.readouterr().out == "You said: −25. The truth: −150.\n"
    again = predict("dqn_narrow")
    assert (again.answer.value, again.why.value) == ("-25", "the data is good")


def test_without_a_prediction_the_truth_is_told_all_the_same(capsys):
    predict("lazy_clone")
    reveal("lazy_clone", "It does worse: it mostly stays")
    assert capsys.readouterr().out == "You made no prediction. The truth: It does worse: it mostly stays.\n"


@pytest.mark.parametrize("name", PREDICTIONS)
def test_each_prediction_can_be_made_and_read_without_a_kernel(name):
    asked, entry = predict(name), PREDICTIONS[name]
    assert entry["question"] in repr(asked)
    if "choices" in entry:
        assert len(set(entry["choices"])) == len(entry["choices"]) >= 2
        asked.answer.value = entry["choices"][-1]
        assert progress_file.read("predictions")[name]["answer"] == entry["choices"][-1]


def test_quiz_answers_are_kept_and_come_back():
    first = quiz("04").children[1].children[0]
    first.value = first.options[1]
    assert progress_file.read("quizzes")["04"] == [None, first.value, None]
    assert quiz("04").children[1].children[0].value == first.value


def test_beliefs_before_and_after_stand_side_by_side():
    assert len(BELIEFS["before"]) == len(BELIEFS["after"]) == 8
    for when in ("before", "after"):
        for entry in BELIEFS[when]:
            assert sum("right" in answer for answer in entry["answers"]) == 1
            assert all(("why" in answer) == (when == "after") for answer in entry["answers"])
    before, after = quiz("before").children[2].children[0], quiz("after").children[2].children[0]
    before.value = before.options[0]
    asked, unanswered = BELIEFS["after"][2]["question"], beliefs().rows
    assert not any("right:" in row for row in unanswered.values())  # a notebook is read before it is answered
    after.value = after.options[1]
    row = beliefs().rows[asked]
    assert before.value in row
    assert after.value in row
    assert "right:" in row


def test_what_is_handed_in_is_of_that_notebook(own_folder, capsys):
    predict("dqn_narrow").answer.value = "-25"
    predict("lazy_clone").answer.value = PREDICTIONS["lazy_clone"]["choices"][0]
    choice = quiz("04").children[0].children[0]
    choice.value = choice.options[0]
    hand_in("04")
    handed = json.loads((own_folder / "04.answers.json").read_text(encoding="utf-8"))
    assert handed["predictions"] == {"dqn_narrow": {"answer": "-25", "why": ""}}
    assert handed["quizzes"] == {"04": [choice.value, None, None]}
    assert "04.answers.json" in capsys.readouterr().out


def test_exercises_and_predictions_share_a_file(own_folder):
    (own_folder / "progress.json").write_text('{"td_target": "right", "odd": "else"}')
    predict("dqn_narrow").answer.value = "-25"
    progress_file.record("exercises", "coverage", "attempted")
    assert progress_file.read() == {"td_target": "right", "coverage": "attempted"}
    assert progress_file.read("predictions") == {"dqn_narrow": {"answer": "-25", "why": ""}}
