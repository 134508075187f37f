"""Markdown as its reader sees it, sentence by sentence, and which of them state a result."""

import pytest

from rlkit_workbook.claiming.outcomes import leaves_a_result, states_a_result
from rlkit_workbook.claiming.sentences import Sentence, masked, numbers, sentences, split


def test_sentences_of_a_cell():
    text = """## A heading: what it is

A point is at S. It walks *far*, e.g. through [the door](a_b.html),
2.5 cells each time. `a.b. C` is code, and $V_1^* = 3. T$ is mathematics (see **J\\***).

- An item
- Another. With two.

| a | b | c | d |
|---|---|---|---|
| left, e.g. the door. | 3 | Is it? | -2.5 [-3, -2] |
| 7 | 8 | 9 | |
"""
    assert [(sentence.kind, sentence.text) for sentence in sentences(text)] == [
        ("heading", "A heading: what it is"),
        ("text", "A point is at S."),
        ("text", "It walks far, e.g. through the door, 2.5 cells each time."),
        ("text", "`a.b. C` is code, and $V_1^* = 3. T$ is mathematics (see J*)."),
        ("text", "An item"),
        ("text", "Another."),
        ("text", "With two."),
        ("heading", "a"),
        ("heading", "b"),
        ("heading", "c"),
        ("heading", "d"),
        ("cell", "left, e.g. the door."),
        ("cell", "Is it?"),
        ("row", "left, e.g. the door. | 3 | -2.5 [-3, -2]"),
    ]
    assert {sentence.section for sentence in sentences(text)} == {"A heading: what it is"}, "a table has none"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("They are two numbers between 0 and 1. There are five.", 2),
        ("“Is it?” “It is.” So be it.", 3),
        ("(All of it.) More of it", 2),
        ("Pardo et al. (2018) say so, cf. Figure 2.", 1),
        ("1. One number for all.", 1),
        ("Wait ... and see.", 1),
    ],
)
def test_where_sentences_end(text, count):
    assert len(list(split(text))) == count


def test_two_ways_to_write_the_same():
    ways = ["**J\\*** is −20.7 in `medium`.", "$J^*$ is -20.7 in *medium*"]
    assert {masked(sentence.text) for way in ways for sentence in sentences(way)} == {"J is # in medium"}
    assert masked("α is 2, “so”.") == masked('$\\alpha$ is 3, "so".') == 'α is #, "so"'


def test_numbers_are_whole():
    assert numbers("From -1 to −2.5: 10,000 of 3-4 and 5%, not x1, 1e5, v0.") == ["-1", "-2.5", "10,000", "3", "4", "5"]


@pytest.mark.parametrize(
    "text",
    [
        "The control gets to -35.",
        "CQL is better than DQN here.",
        "Half of the agents arrive.",
        "DQN never arrives.",
        "All seeds collapse on narrow data.",
    ],
)
def test_sentences_that_state_a_result(text):
    assert states_a_result(Sentence(text))


@pytest.mark.parametrize(
    "sentence",
    [
        Sentence("Which of them is better?"),
        Sentence("Three things are worth seeing:"),
        Sentence("Predict which is better, then run."),
        Sentence("An action may be better than you think."),
        Sentence("Half of it is better", kind="heading"),
        Sentence("The best of two is taken.", section="Exercise 2: the maximum"),
        Sentence("Eight agents walk 10,000 steps."),
        Sentence("Notebook 05 has the story, and exercise 3 the equation."),
        Sentence("A loss is $1/2$ of `f(3)`."),
        Sentence("nothing but the better actions."),
        Sentence("None of them arrives.", kind="quiz"),
    ],
)
def test_sentences_that_do_not(sentence):
    assert not states_a_result(sentence)


def test_a_row_of_counts_is_no_result():
    assert states_a_result(Sentence("DQN | -150 | 8", "row"))
    assert states_a_result(Sentence("coverage | 0.4", "row"))
    assert not states_a_result(Sentence("01 Pointmass | 55 | 3", "row"))


def test_what_is_left_of_a_sentence_is_asked_for_numbers_and_comparisons():
    assert leaves_a_result(" … , and more than 3 of them")
    assert not leaves_a_result(" … , which nobody expected")
