"""What the words of comparison mean, on numbers that just miss them; what a cell of claims shows."""

import numpy as np
import pytest

import rlkit_workbook.claiming
from rlkit_workbook import claims
from rlkit_workbook.claiming import Claim

EQUAL = np.zeros(8)  # a constant has no luck in it: its interval is a point


def test_middle_is_the_mean_of_the_middle_half():
    assert Claim.middle([-1000, -100, 2, 4, 6, 8, 100, 1000]) == 5


def test_settled_wants_the_interval_to_exclude_0():
    assert Claim.settled(EQUAL + 0.001)
    assert Claim.settled(EQUAL - 0.001)
    assert not Claim.settled(EQUAL)
    assert not Claim.settled([-1, 1, 1, 1, -1, 1, 1, -1]), "five of eight in favour is luck"


def test_better_is_in_pairs_and_by_more_than_it_says():
    luck = np.array([0, 50, 100, 150, 200, 250, 300, 350])  # of the seeds, far more than the difference
    assert Claim.better(luck + 1.001, luck, by=1)
    assert not Claim.better(luck + 1, luck, by=1)
    assert not Claim.better(luck, luck + 1)


def test_as_good_as_needs_evidence():
    assert Claim.as_good_as(EQUAL + 0.999, EQUAL, within=1)
    assert not Claim.as_good_as(EQUAL + 1, EQUAL, within=1)
    assert not Claim.as_good_as(EQUAL - 1, EQUAL, within=1)
    spread = np.array([-9, -6, -3, -1, 1, 3, 6, 9])
    assert not Claim.settled(spread)
    assert not Claim.as_good_as(spread, EQUAL, within=1), "what is not settled shows nothing"


def test_nearly_optimal_is_within_a_tenth():
    assert Claim.nearly_optimal(EQUAL - 22, best=-20)
    assert not Claim.nearly_optimal(EQUAL - 22.01, best=-20)
    assert not Claim.nearly_optimal([-20, -20, -23, -23, -23, -23, -23, -20], best=-20), "the middle decides"


def test_never_arrives_is_for_every_seed():
    assert Claim.never_arrives(EQUAL - 147.01, horizon=150)
    assert not Claim.never_arrives(EQUAL - 147, horizon=150)
    assert not Claim.never_arrives([-150] * 7 + [-140], horizon=150)


def test_collapsed_is_said_of_the_median_seed():
    assert Claim.collapsed([1, 1, 1, 0.5, 0.49, 0.49, 0.49, 0.49])
    assert not Claim.collapsed([1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0])


def test_shares():
    of_8 = np.arange(8)
    assert Claim.most(of_8 < 5)
    assert not Claim.most(of_8 < 4)
    assert Claim.nearly_all(of_8 < 7)
    assert not Claim.nearly_all(of_8 < 6)
    assert not Claim.nearly_all(of_8 < 8), "that would be all"


@pytest.mark.parametrize("sign", [1, -1])
def test_about_is_within_a_tenth(sign):
    assert Claim.about(sign * 110, sign * 100)
    assert not Claim.about(sign * 110.1, sign * 100)
    assert not Claim.about(sign * 89.9, sign * 100)


def test_falls_compares_the_end_with_the_beginning():
    assert Claim.falls([EQUAL, EQUAL - 9, EQUAL - 0.001])
    assert not Claim.falls([EQUAL, EQUAL - 9, EQUAL])


def test_a_dip_comes_back():
    assert Claim.dips([EQUAL, EQUAL - 1, EQUAL])
    assert not Claim.dips([EQUAL, EQUAL - 1, EQUAL - 1]), "that is a fall"
    assert not Claim.dips([EQUAL - 1, EQUAL - 1, EQUAL]), "that is a rise"
    assert not Claim.dips([EQUAL, EQUAL - 1, EQUAL], by=1)
    assert not Claim.dips([EQUAL, [-1, 1, 1, -1, 1, -1, 1, -1], EQUAL]), "that is noise"


@pytest.fixture
def shown(monkeypatch):
    """What a cell of claims shows: its text and its metadata."""

    def show(cell):
        outputs = []
        monkeypatch.setattr(rlkit_workbook.claiming, "display", lambda data, **rest: outputs.append((data, rest)))
        with claims() as claim:
            cell(claim)
        ((data, rest),) = outputs
        assert rest["raw"], "the data are a bundle of mime types"
        return data["text/plain"], rest["metadata"]

    return show


def test_claims_that_hold_are_one_line(shown):
    line, metadata = shown(lambda claim: [claim("The gap is\n  12.", True), claim("It falls.", np.bool_(True))])
    assert line == "✓ 2 claims of this section hold"
    assert metadata == {
        "claims": [{"sentence": "The gap is 12.", "holds": True}, {"sentence": "It falls.", "holds": True}]
    }
    assert shown(lambda claim: claim("It falls.", True))[0] == "✓ 1 claim of this section holds"


def test_a_claim_that_fails_is_shown_with_what_was_seen(shown):
    line, metadata = shown(lambda claim: [claim("It rises.", True), claim("It falls.", False, seen="3 [1, 5]")])
    assert line.splitlines() == [
        "✗ Of 2 claims of this section, 1 does not hold in this run:",
        "  “It falls.” Here: 3 [1, 5]",
    ]
    assert metadata["claims"][1] == {"sentence": "It falls.", "holds": False, "seen": "3 [1, 5]"}


def test_what_cannot_be_computed_stops_nobody_and_is_said(shown):
    def after_another_cell_was_changed(claim):
        claim("It rises.", True)
        claim("It falls.", np.array([1, 2]) > 0)

    line, metadata = shown(after_another_cell_was_changed)
    first, second = line.splitlines()
    assert first == "✓ 1 claim of this section holds"
    assert second.startswith("○ The rest could not be checked (ValueError: The truth value of an array")
    assert metadata["trouble"].startswith("ValueError")
    assert shown(lambda claim: claim(missing, True))[0].startswith(  # noqa: F821
        "○ This section could not be checked (NameError: name 'missing'"
    )


def test_a_sentence_about_this_run_says_so(shown):
    assert shown(lambda claim: claim("8 seeds cannot say.", True, this_run=True))[1]["claims"][0]["this_run"]
