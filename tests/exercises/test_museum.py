"""The failure museum: every fault is planted as named, its committed run is whole, and every choice is explained."""

import numpy as np
import pytest
import torch

from rlkit_mini import load_dataset
from rlkit_workbook.exercises.museum import FAULTS, museum
from rlkit_workbook.faults import limits_as_terminations
from rlkit_workbook.museum import EXHIBITS, HEALTHY, Watched, believed_change, shifted_by_one
from rlkit_workbook.results import read_results


def test_every_fault_has_one_exhibit_and_its_texts():
    assert sorted(fault for fault, *_ in EXHIBITS.values()) == sorted(FAULTS)
    assert len(EXHIBITS) == 8
    assert list(FAULTS) != [fault for fault, *_ in EXHIBITS.values()], "the order of choices gives nothing away"
    for entry in FAULTS.values():
        assert entry.keys() == {"fault", "shows", "clue", "why"}
        assert all(entry.values())


@pytest.mark.parametrize("number", range(len(EXHIBITS)))
def test_every_choice_is_explained(number):
    label, (fault, twin, *_) = list(EXHIBITS.items())[number]
    choice, explanation = museum().children[number].children
    assert (choice.value, explanation.value) == (None, "")
    assert label in choice.description
    assert twin in choice.description
    for name in FAULTS:
        choice.value = name
        if name == fault:
            assert "✓ Right." in explanation.value
            assert FAULTS[name]["why"] in explanation.value
        else:
            assert "✗ Not this one." in explanation.value
            assert FAULTS[name]["shows"] in explanation.value
            assert FAULTS[fault]["clue"] in explanation.value
            assert FAULTS[fault]["fault"] not in explanation.value, "the answer is not given away"
    choice.value = None
    assert explanation.value == ""


def test_the_committed_runs_are_whole():
    runs = read_results("museum")
    assert runs["healthy"].keys() == HEALTHY.keys()
    assert runs["faulty"].keys() == EXHIBITS.keys()
    for run in [*runs["healthy"].values(), *runs["faulty"].values()]:
        assert np.shape(run["curve"]) == (10, 8)
        assert len(run["points"]) == 10
        assert np.isfinite(run["curve"]).all()
    for label in EXHIBITS:
        oracle, change = believed_change(runs, label)
        assert change.shape == (len(oracle.observations),)
        assert np.isfinite(change).all()


def test_data_faults_change_what_they_name_and_nothing_else():
    data = load_dataset("pointmass/medium-rnd-v0")
    limited, shifted = limits_as_terminations(data), shifted_by_one(data)
    assert limited.terminations.sum() == data.terminations.sum() + data.truncations.sum()
    assert torch.equal(shifted.actions[1:], data.actions[:-1])
    for changed, name in ((limited, "terminations"), (shifted, "actions")):
        others = {"observations", "actions", "rewards", "next_observations", "terminations", "truncations"} - {name}
        assert all(torch.equal(getattr(changed, other), getattr(data, other)) for other in others)
    assert not data.terminations[data.truncations].any(), "the data set itself is left alone"


def test_a_watched_explorer_explores_as_any_other():
    from rlkit_mini import MAZES, explore
    from rlkit_mini.agents import RND

    (seen,), (plain,) = (explore(kind(), MAZES["easy"], 120, progress=False) for kind in (Watched, RND))
    assert torch.equal(seen.actions, plain.actions)
