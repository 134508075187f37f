"""Faults to be found: each has a label and its texts, and every choice is explained."""

import pytest
from ipywidgets.widgets.widget import _instances
from ipywidgets.widgets.widget_link import Link

from rlkit_workbook.exercises import unnamed_faults
from rlkit_workbook.exercises.finding_faults import LABELS, TEXTS
from rlkit_workbook.faults import FAULTS


def test_every_unnamed_fault_of_the_catalogue_has_a_label_and_its_texts():
    assert TEXTS.keys() == {name for name, fault in FAULTS.items() if fault.unnamed}
    assert list(LABELS) == list("ABCDEFGH")
    assert list(TEXTS) != list(LABELS.values()), "the order of choices gives nothing away"
    for texts in TEXTS.values():
        assert texts.keys() == {"label", "fault", "shows", "clue", "why"}
        assert all(texts.values())


@pytest.mark.parametrize("label", LABELS)
def test_every_choice_is_explained(label):
    name = LABELS[label]
    choice, explanation = unnamed_faults().children[list(LABELS).index(label)].children
    assert (choice.index, explanation.selected_index) == (0, 0)
    assert choice.description == f"{label} · {FAULTS[name].unnamed}"
    nothing, *explained = (part.value for part in explanation.children)
    assert nothing == ""
    for said, other, text in zip(choice.options[1:], TEXTS, explained, strict=True):
        assert said == TEXTS[other]["fault"]
        if other == name:
            assert "✓ Right." in text
            assert TEXTS[name]["why"] in text
        else:
            assert "✗ Not this one." in text
            assert TEXTS[other]["shows"] in text
            assert TEXTS[name]["clue"] in text
            assert TEXTS[name]["fault"] not in text, "the answer is not given away"


def test_a_choice_shows_its_explanation_without_a_kernel():
    for question in unnamed_faults().children:
        choice, explanation = question.children
        links = [each for each in _instances.values() if isinstance(each, Link) and each.source[0] is choice]
        assert [(*link.source[1:], *link.target) for link in links] == [("index", explanation, "selected_index")]
