"""The agents' defaults are what an equal search found, away from the seeds and the data of all results."""

from rlkit_mini.agents import ALGORITHMS
from rlkit_workbook.results import read_results
from rlkit_workbook.studies.searching import GRIDS, LEARNING_RATE, SEEDS

FOUND = read_results("search")


def test_every_algorithm_was_given_as_many_settings_and_one_learning_rate():
    assert {len(settings) for settings in GRIDS.values()} == {4}
    for each, settings in zip(FOUND.values(), GRIDS.values(), strict=True):
        assert [row["setting"] for row in each["tried"]] == settings
    for row in ALGORITHMS.values():
        rates = {value for name, value in row.load().defaults().items() if name.endswith("learning_rate")}
        assert rates <= {LEARNING_RATE}, row


def test_the_best_is_the_default():
    for name, each in FOUND.items():
        defaults = ALGORITHMS[name].load().defaults()
        assert all(defaults[setting] == value for setting, value in each["best"].items()), name
        assert max(row["score"] for row in each["tried"]) == next(
            row["score"] for row in each["tried"] if row["setting"] == each["best"]
        )


def test_its_seeds_are_not_those_of_results():
    assert not set(SEEDS) & set(range(8))
    assert all(
        len(returns) == len(SEEDS)
        for each in FOUND.values()
        for row in each["tried"]
        for returns in row["returns"].values()
    )
