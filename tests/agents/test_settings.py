"""One table of hyperparameters: sliders offer what agents take, and figures use the letters of each paper."""

import pytest

from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.agents.settings import SETTINGS, checked, is_swept, setting_label


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.steps])
def test_what_a_slider_offers_ascends_within_the_range(name):
    steps = SETTINGS[name].steps
    assert list(steps) == sorted(set(steps))
    assert [checked(name, step) for step in steps] == list(steps)


def test_an_axis_has_the_letter_of_its_algorithms_paper():
    assert [setting_label("temperature", name).split()[1] for name in ("CQL", "AWAC", "IQL")] == ["T", "λ", "1/β"]
    assert setting_label("temperature") == "temperature (divides)"
    assert setting_label("alpha", "CQL") == "alpha α (weight of the penalty)"
    assert setting_label("learning_rate", "DQN") == "learning rate (Adam)"
    assert setting_label("something_else") == "something else"


def test_every_row_is_a_setting_of_some_agent_and_swept_where_a_list_of_it_is_laid_out():
    kinds = [row.load() for row in ALGORITHMS.values()]
    for name, setting in SETTINGS.items():
        owners = [kind for kind in kinds if name in kind.defaults()]
        assert owners, name
        value = owners[0].defaults()[name]
        assert is_swept(name) == setting.swept
        if setting.swept:
            assert owners[0](**{name: [value, value]}).members == 2
        else:
            with pytest.raises(ValueError, match=f"{name} is"):
                owners[0](**{name: [value, value]})
