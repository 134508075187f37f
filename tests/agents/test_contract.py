"""What every agent keeps, whatever it learns: each of ALGORITHMS, and the one that CONTRIBUTING.md adds."""

import numpy as np
import pytest
import torch
from helpers import STATES, assert_same_bits, contribute, trained, weights

from rlkit_mini import MAZES, explore
from rlkit_mini.agents import ALGORITHMS
from rlkit_mini.agents.settings import SETTINGS, is_swept

SWEPT = {  # two values of each that a member can have
    "alpha": [0.1, 3.0],
    "temperature": [1.0, 0.05],
    "expectile": [0.5, 0.9],
    "epsilon": [0.1, 0.3],
    "rnd_weight": [1.0, 0.5],
    "discount": [0.5, 0.95],
}
FUNCTIONS = [  # in place of the paper's
    (name, function)
    for name, row in ALGORITHMS.items()
    for function, default in row.load().defaults().items()
    if callable(default)
]


@pytest.fixture
def kind(request, tmp_path, monkeypatch):
    name = contribute(tmp_path, monkeypatch) if request.param == "contributed" else request.param
    return ALGORITHMS[name].load()


each_agent = pytest.mark.parametrize("kind", [*ALGORITHMS, "contributed"], indirect=True)


def taught(agent, data, updates=20):
    """The agent after some updates, of the kind that it learns by."""
    if type(agent).__name__ in ALGORITHMS and ALGORITHMS[type(agent).__name__].explores:
        explore(agent, MAZES["easy"], max(agent.batch_size, 1) - 1 + updates, progress=False)
        return agent
    return trained(agent, data, updates)


def own_sweep(kind):
    """Two values of the two swept settings that are most the agent's own."""
    return {name: SWEPT[name] for name in [name for name in reversed(kind.defaults()) if is_swept(name)][:2]}


# Policies -----------------------------------------------------------------------------------------------------------


@each_agent
def test_a_policy_is_a_distribution_per_member_and_state(kind):
    agent = kind(seeds=3)
    for greedy in (True, False):
        probabilities = agent.policy(STATES, greedy=greedy)
        assert probabilities.shape == (3, 50, 5)
        assert (probabilities >= 0).all()
        np.testing.assert_allclose(probabilities.sum(dim=-1), 1, rtol=1e-6)
        assert not probabilities.requires_grad


@each_agent
def test_the_greedy_policy_takes_the_likeliest_action(kind):
    agent = kind(seeds=3)
    greedy, acting = agent.policy(STATES), agent.policy(STATES, greedy=False)
    assert (acting.gather(-1, greedy.argmax(dim=-1, keepdim=True))[..., 0] == acting.amax(dim=-1)).all()


@each_agent
def test_one_states_for_all_and_the_same_states_for_each_member_are_the_same(kind):
    agent = kind(seeds=3)
    each = np.tile(STATES, (3, 1, 1))
    for states in (each, each[:1], torch.from_numpy(STATES), STATES.astype(np.float32), STATES.tolist()):
        assert torch.equal(agent.policy(states), agent.policy(STATES))


@each_agent
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2,), r"observations have shape \(2,\); expected"),
        ((4, 3), r"observations have shape \(4, 3\); expected"),
        ((1, 2, 4, 2), r"observations have shape \(1, 2, 4, 2\); expected"),
        ((2, 4, 2), "observations are of 2 members; expected 3"),
    ],
)
def test_observations_of_another_shape_are_refused(kind, shape, message):
    with pytest.raises(ValueError, match=message) as caught:
        kind(seeds=3).policy(np.zeros(shape))
    assert "\n" not in str(caught.value)


@each_agent
def test_actions_are_drawn_from_the_policy_that_acts(kind):
    agent = kind(seeds=2)
    actions = agent.act(np.tile(STATES[:1], (20_000, 1)), np.random.default_rng(0))
    assert actions.shape == (2, 20_000)
    frequencies = [np.bincount(member, minlength=5) / 20_000 for member in actions]
    np.testing.assert_allclose(frequencies, agent.policy(STATES[:1], greedy=False)[:, 0], atol=0.015)


# Members ------------------------------------------------------------------------------------------------------------


@each_agent
def test_a_member_learns_alone_what_it_learns_among_others(kind, data):
    swept = own_sweep(kind)
    among = taught(kind(**swept, seeds=[3, 8, 5]), data)
    alone = taught(kind(**{name: values[-1] for name, values in swept.items()}, seeds=[8]), data)
    member, tolerance = among.members - 2, 1e-4 if kind.__name__ == "RND" else 1e-5  # the last setting, seed 8
    assert among.seeds[member] == 8
    assert weights(alone).keys() == weights(among).keys()
    for name, tensor in weights(alone).items():
        np.testing.assert_allclose(weights(among)[name][member], tensor[0], atol=tolerance, err_msg=name)


@each_agent
def test_different_seeds_share_no_weight_and_equal_seeds_under_different_settings_all_of_them(kind):
    swept = own_sweep(kind)
    for name, tensor in weights(kind(**swept, seeds=[4, 9])).items():
        common = np.intersect1d(tensor[0], tensor[1]).size
        assert common <= tensor[0].size / 1000 or not tensor.any(), name  # in single precision two may meet by chance
        assert np.array_equal(tensor[:2], tensor[-2:]), name


@each_agent
def test_what_it_sweeps_is_laid_out_settings_first_and_seeds_last(kind):
    swept = own_sweep(kind)
    agent = kind(**swept, seeds=[4, 7])
    assert agent.grid == swept
    assert agent.members == 2 * 2 ** len(swept)
    assert agent.seeds.reshape(-1, 2).tolist() == [[4, 7]] * (agent.members // 2)
    half = agent.members // 2
    for axis, (name, values) in enumerate(agent.grid.items()):
        column = np.array([setting[name] for setting in agent.settings]).reshape(*[2] * len(swept), 2)
        assert np.moveaxis(column, axis, 0).reshape(2, -1).tolist() == [[value] * half for value in values]


@each_agent
def test_the_members_of_one_setting_act_as_they_did_in_the_population(kind, data):
    agent = taught(kind(**own_sweep(kind), seeds=[3, 8]), data)
    part = agent.only(agent.settings[-1])
    assert (part.grid, part.seeds.tolist(), part.settings) == ({}, [3, 8], agent.settings[-2:])
    for name, tensor in weights(part).items():
        assert tensor.tobytes() == weights(agent)[name][-2:].tobytes()
    for greedy in (True, False):
        assert torch.equal(part.policy(STATES, greedy), agent.policy(STATES, greedy)[-2:])


# Learning -----------------------------------------------------------------------------------------------------------


@each_agent
def test_what_it_learns_is_finite_and_changes_it(kind, data):
    agent, fresh = taught(kind(seeds=2), data), kind(seeds=2)
    assert all(np.isfinite(tensor).all() for tensor in weights(agent).values())
    learns = any(tensor.tobytes() != weights(fresh)[name].tobytes() for name, tensor in weights(agent).items())
    assert learns == (agent.batch_size > 0)


@pytest.mark.parametrize(("kind", "function"), [*FUNCTIONS, ("contributed", "soft_value")], indirect=["kind"])
def test_the_learners_function_is_the_one_that_trains(kind, function, data):
    default, calls = kind.defaults()[function], []

    def mine(*given):
        calls.append(given)
        return default(*given)

    def other(*given):
        return default(*given).square()

    paper, own = taught(kind(seeds=2), data), taught(kind(seeds=2, **{function: mine}), data)
    assert_same_bits(own, paper)
    assert len(calls) >= 20
    changed = weights(taught(kind(seeds=2, **{function: other}), data))
    assert any(tensor.tobytes() != weights(paper)[name].tobytes() for name, tensor in changed.items())


@each_agent
def test_every_number_among_its_settings_has_a_row(kind):
    numbers = {name for name, value in kind.defaults().items() if type(value) in (int, float)}
    assert numbers - {"seeds"} <= SETTINGS.keys()


# Files --------------------------------------------------------------------------------------------------------------


@each_agent
def test_a_saved_agent_comes_back_to_the_bit(kind, tmp_path, data):
    agent = taught(kind(**own_sweep(kind), seeds=[5, 2]), data)
    agent.save(tmp_path / "agents" / "mine.safetensors")
    loaded = kind.load(tmp_path / "agents" / "mine.safetensors")
    assert_same_bits(agent, loaded)
    for greedy in (True, False):
        assert torch.equal(agent.policy(STATES, greedy), loaded.policy(STATES, greedy))
    if hasattr(agent, "q_values"):
        assert torch.equal(agent.q_values(STATES), loaded.q_values(STATES))
    assert (loaded.settings, loaded.grid, loaded.seeds.tolist()) == (agent.settings, agent.grid, agent.seeds.tolist())
    assert [path.name for path in (tmp_path / "agents").iterdir()] == ["mine.safetensors"]
