"""Faults to be found: each has a label and its texts, and every choice is explained."""

import pytest

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
    assert (choice.value, explanation.value) == (None, "")
    assert choice.description == f"{label} · {FAULTS[name].unnamed}"
    for other in TEXTS:
        choice.value = other
        if other == name:
            assert "✓ Right." in explanation.value
            assert TEXTS[name]["why"] in explanation.value
        else:
            assert "✗ Not this one." in explanation.value
            assert TEXTS[other]["shows"] in explanation.value
            assert TEXTS[name]["clue"] in explanation.value
            assert TEXTS[name]["fault"] not in explanation.value, "the answer is not given away"
    choice.value = None
    assert explanation.value == ""
