"""One table of hyperparameters: sliders offer what agents take, and figures use the letters of each paper."""

import numpy as np
import pytest
import torch
from helpers import weights

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import ALGORITHMS, AWAC, BC, CQL, DQN, IQL, RND
from rlkit_mini.agents.settings import SETTINGS, checked, is_swept, setting_label
from rlkit_mini.evaluation.rollouts import rollout_returns
from rlkit_mini.pointmass import PointmassVectorEnv

NUMBERS = {
    "numpy": np.array,
    "a numpy scalar": lambda value: np.asarray(value)[()],
    "torch": lambda value: torch.as_tensor(np.asarray(value)),
}


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.steps])
def test_what_a_slider_offers_ascends_within_the_range(name):
    steps = SETTINGS[name].steps
    assert list(steps) == sorted(set(steps))
    assert [checked(name, step) for step in steps] == list(steps)


def test_an_axis_has_the_letter_of_its_algorithms_equations():
    assert [setting_label("temperature", name).split()[1] for name in ("CQL", "AWAC", "IQL")] == ["T", "λ", "T"]
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


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("agent", [BC, DQN, CQL, AWAC, IQL, RND])
def test_numbers_of_other_kinds_are_taken_by_value_trained_with_and_saved(agent, kind, tmp_path):
    of, data = NUMBERS[kind], load_dataset("pointmass/easy-rnd-v0")[:100]
    plain = agent.defaults() | {"hidden": [8, 8], "seeds": [2, 3], "batch_size": 16}
    plain = {name: value for name, value in plain.items() if isinstance(value, (bool, int, float, list, tuple))}
    plain |= {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
    plain |= {name: [plain[name], plain[name] / 2] for name in ("alpha", "temperature", "epsilon") if name in plain}
    ours, theirs = agent(**plain), agent(**{name: of(value) for name, value in plain.items()})
    assert theirs.configuration == ours.configuration
    for made, count in ((ours, int), (theirs, of)):
        if agent is RND:
            explore(made, MAZES["easy"], count(40), progress=False)
        else:
            fine_tune(made, data, MAZES["easy"], count(2), count(3), of(0.5), evaluations=count(2), progress=False)
    theirs.save(tmp_path / "agent")
    loaded = agent.load(tmp_path / "agent")
    for name, values in weights(ours).items():
        assert values.tobytes() == weights(theirs)[name].tobytes() == weights(loaded)[name].tobytes()


@pytest.mark.parametrize("kind", NUMBERS)
def test_counts_seeds_and_resolutions_of_other_kinds_are_taken_by_value(kind):
    of, easy = NUMBERS[kind], MAZES["easy"]
    assert Oracle(easy, of(0.5), of(2)).optimal_return == Oracle(easy, 0.5, 2).optimal_return
    data = load_dataset("pointmass/easy-rnd-v0")[:100]
    history = train_offline(DQN(seeds=of(2)), data, of(3), evaluations=of(3), progress=False)
    assert history.updates.tolist() == [1, 2, 3]
    stay = lambda observations: np.eye(5)[np.zeros(len(observations), int)]  # noqa: E731
    assert rollout_returns(stay, easy, of(3), seed=of(1)).tolist() == [-50] * 3
    for seed in (7, [7, 8]):
        one, other = PointmassVectorEnv(2, easy), PointmassVectorEnv(of(2), easy, max_episode_steps=of(9))
        one.reset(seed=seed)
        other.reset(seed=of(seed))
        assert (one.step([4, 4])[0] == other.step([4, 4])[0]).all()


@pytest.mark.parametrize("value", [object(), {1}, 1j])
def test_what_could_not_be_saved_is_refused_when_the_agent_is_made(value):
    with pytest.raises(ValueError, match=r"double is .*; expected a plain value, which can be saved"):
        DQN(double=value)
