"""Quizzes: three questions per notebook, every answer explained."""

import pytest

from rlkit_mini.names import UnknownNameError
from rlkit_workbook.exercises import quiz
from rlkit_workbook.exercises.quizzes import QUIZZES


@pytest.mark.parametrize("notebook", QUIZZES)
def test_a_quiz_has_three_questions_with_one_right_answer_each(notebook):
    assert len(QUIZZES[notebook]) == 3
    for entry in QUIZZES[notebook]:
        assert sum("right" in answer for answer in entry["answers"]) == 1
        assert all(answer["why"] and answer.keys() - {"why"} in ({"right"}, {"wrong"}) for answer in entry["answers"])
        assert len({answer.get("right") or answer["wrong"] for answer in entry["answers"]}) >= 3


@pytest.mark.parametrize("notebook", QUIZZES)
def test_choosing_an_answer_explains_it(notebook):
    for entry, question in zip(QUIZZES[notebook], quiz(notebook).children[:3], strict=True):
        choice, verdicts = question.children
        assert (choice.index, verdicts.selected_index) == (None, None)
        assert entry["question"] in choice.description
        assert list(choice.options) == [answer.get("right") or answer["wrong"] for answer in entry["answers"]]
        for answer, verdict in zip(entry["answers"], verdicts.children, strict=True):
            assert answer["why"] in verdict.value
            assert ("✓ Right." in verdict.value) == ("right" in answer)


def test_the_right_answer_is_not_always_in_the_same_place():
    places = [
        ["right" in answer for answer in entry["answers"]].index(True) for quiz in QUIZZES.values() for entry in quiz
    ]
    assert max(map(places.count, places)) <= len(places) / 2


def test_the_quiz_of_no_notebook_gives_the_closest():
    with pytest.raises(UnknownNameError, match="unknown notebook '5'; did you mean '05'"):
        quiz("5")
