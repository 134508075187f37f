"""Agents: members train as if alone, a learner's function is used, and loading a file never executes anything."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers import STATES, assert_same_bits, random_batch, trained, weights

from rlkit_mini import MAZES, explore
from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.agents.dqn import td_target
from rlkit_mini.agents.rnd import novelty_bonus

OFFLINE = [BC, DQN, CQL]
each_offline = pytest.mark.parametrize("kind", OFFLINE)
each_agent = pytest.mark.parametrize("kind", [*OFFLINE, RND, RandomAgent])


def explored(agent, updates=20):
    """An agent that has learnt `updates` times from its own steps, and its data."""
    return agent, explore(agent, MAZES["easy"], agent.batch_size - 1 + updates, progress=False)


# Members ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "swept", "own"),
    [(BC, {}, {}), (DQN, {"discount": [0.5, 0.95]}, {"discount": 0.95}), (CQL, {"alpha": [0.0, 3.0]}, {"alpha": 3.0})],
)
def test_a_member_learns_alone_what_it_learns_among_others(kind, swept, own, data):
    among, alone = trained(kind(**swept, seeds=[3, 8, 5]), data), trained(kind(**own, seeds=[8]), data)
    member = among.members - 2  # the last setting, seed 8
    assert among.seeds[member] == 8
    for name, tensor in weights(alone).items():
        np.testing.assert_allclose(weights(among)[name][member], tensor[0], atol=1e-5, err_msg=name)


def test_a_member_explores_and_learns_alone_what_it_does_among_others():
    among, all_data = explored(RND(seeds=[3, 8, 5], epsilon=[0.1, 0.3]))
    alone, (data,) = explored(RND(seeds=[8], epsilon=0.3))
    assert all_data[4].observations.tolist() == data.observations.tolist()
    for name, tensor in weights(alone).items():
        np.testing.assert_allclose(weights(among)[name][4], tensor[0], atol=1e-4, err_msg=name)


@each_offline
def test_different_seeds_share_no_weight_and_equal_seeds_under_different_settings_all_of_them(kind):
    swept = {"discount": [0.5, 0.95]} if kind is not BC else {}
    for name, tensor in weights(kind(**swept, seeds=[4, 9])).items():
        assert np.intersect1d(tensor[0], tensor[1]).size <= tensor[0].size / 1000, name  # single precision: by chance
        assert np.array_equal(tensor[:2], tensor[-2:]), name


def test_equal_seeds_under_different_settings_see_the_same_minibatches(data):
    seen = []

    def spy(rewards, terminations, next_values, discount):
        seen.append(torch.stack([rewards, terminations]))
        return td_target(rewards, terminations, next_values, discount)

    trained(DQN(discount=[0.5, 0.95], seeds=2, td_target=spy), data)
    batches = torch.stack(seen)  # (updates, 2, members, batch)
    assert torch.equal(batches[:, :, :2], batches[:, :, 2:])
    assert not torch.equal(batches[:, :, 0], batches[:, :, 1])


def test_settings_come_first_and_seeds_last():
    agent = CQL(alpha=[0.0, 1.0], temperature=[0.5, 1.0, 2.0], seeds=[4, 7])
    assert agent.members == 12
    assert agent.grid == {"alpha": [0.0, 1.0], "temperature": [0.5, 1.0, 2.0]}
    members = [(s["alpha"], s["temperature"], seed) for s, seed in zip(agent.settings, agent.seeds, strict=True)]
    assert members == [(a, t, seed) for a in (0.0, 1.0) for t in (0.5, 1.0, 2.0) for seed in (4, 7)]
    assert agent.alpha.reshape(2, 3, 2)[1].tolist() == [[1, 1]] * 3
    assert agent.temperature.reshape(2, 3, 2)[:, :, 0].tolist() == [[0.5, 1, 2]] * 2
    assert agent.describe(7) == "seed 7, alpha 1, temperature 0.5"
    assert DQN(seeds=[7]).describe(0) == "seed 7"


@pytest.mark.parametrize("seeds", [3, [0, 1, 2], range(3), np.arange(3), np.int64(3), (0, 1, 2)])
def test_seeds_are_a_count_or_any_sequence(seeds):
    assert DQN(seeds=seeds).seeds.tolist() == [0, 1, 2]


# What the algorithms are --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0, 0.0, [0.0]])
def test_cql_with_alpha_zero_is_dqn_to_the_bit(alpha, data):
    assert_same_bits(trained(CQL(alpha=alpha, seeds=2), data, 30), trained(DQN(seeds=2), data, 30))


def test_cql_with_some_alpha_is_not_dqn(data):
    cql, dqn = trained(CQL(alpha=0.5), data), trained(DQN(), data)
    assert not torch.allclose(cql.q_values(STATES), dqn.q_values(STATES), atol=0.01)


def test_cqls_loss_is_dqns_plus_alpha_times_the_penalty():
    agent = CQL(alpha=[0.5, 3.0], temperature=2.0)
    batch = random_batch(agent)
    q_values = agent.critic(batch.observations)
    penalties = 2 * torch.logsumexp(q_values / 2, dim=-1) - q_values.gather(-1, batch.actions.unsqueeze(-1)).squeeze(-1)
    expected = DQN.loss(agent, batch, q_values) + torch.tensor([[0.5], [3.0]]) * penalties
    torch.testing.assert_close(agent.loss(batch, q_values), expected)


@pytest.mark.parametrize("double", [True, False])
def test_dqns_loss_is_the_mean_squared_distance_to_the_target(double):
    agent = DQN(seeds=2, discount=[0.5, 0.9], double=double, target_period=1000)
    for step in range(5):  # until critic and target network differ
        agent.update(random_batch(agent, step))
    batch = random_batch(agent, 5)
    q_values = agent.q_values(batch.observations).double().numpy()
    next_q = agent.q_values(batch.next_observations).double().numpy()
    target_q = agent.target_critic(batch.next_observations).double().numpy()
    expected = np.zeros(4)
    for member, discount in enumerate([0.5, 0.5, 0.9, 0.9]):
        for i in range(agent.batch_size):
            best = (next_q if double else target_q)[member, i].argmax()
            bootstrap = (1 - batch.terminations[member, i].item()) * target_q[member, i, best]
            target = batch.rewards[member, i].item() + discount * bootstrap
            expected[member] += (q_values[member, i, batch.actions[member, i]] - target) ** 2 / agent.batch_size
    np.testing.assert_allclose(agent.update(batch), expected, rtol=1e-4)


def test_the_target_network_is_copied_exactly_every_target_period_updates():
    agent = DQN(seeds=2, target_period=3)
    target = {name: tensor.clone() for name, tensor in agent.critic.state_dict().items()}
    for update in range(1, 8):
        agent.update(random_batch(agent, update))
        if update % 3 == 0:
            target = {name: tensor.clone() for name, tensor in agent.critic.state_dict().items()}
        else:
            assert not torch.equal(agent.critic.state_dict()["1.weight0"], target["1.weight0"])
        for name, tensor in agent.target_critic.state_dict().items():
            assert torch.equal(tensor, target[name])


def test_bc_clones_the_datas_action():
    agent = BC(learning_rate=0.01)
    batch = random_batch(agent)._replace(actions=torch.full((1, agent.batch_size), 3))
    losses = [agent.update(batch).item() for _ in range(100)]
    assert losses[0] == pytest.approx(np.log(5), abs=0.2)
    assert losses[-1] < 0.01
    assert agent.policy(batch.observations)[..., 3].all()


# Random network distillation ----------------------------------------------------------------------------------------


def prepared_rnd(**settings):
    agent = RND(seeds=2, discount=0.9, target_period=1000, **settings)
    agent.begin(torch.tensor([0.1, 0.2]))
    for step in range(5):
        agent.update(random_batch(agent, step))
    return agent


@pytest.mark.parametrize("extrinsic", [False, True])
@pytest.mark.parametrize("normalise", [False, True])
def test_rnds_target_goes_on_from_the_start_after_a_termination(extrinsic, normalise):
    agent = prepared_rnd(
        rnd_weight=[0.5, 2.0],
        extrinsic=extrinsic,
        normalise=normalise,
        bonus=lambda predicted, target: 1e-3 * novelty_bonus(predicted, target),  # the scale follows small ones too
    )
    batch = random_batch(agent, 5)
    predicted, features = (
        network(batch.next_observations).detach().double().numpy()
        for network in (agent.predictor, agent.random_network)
    )
    bonus = 1e-3 * ((predicted - features) ** 2).sum(axis=-1)
    before = agent.mean_square.double().numpy()
    scale = np.sqrt(before + ((bonus**2).mean(axis=1, keepdims=True) - before) / 6)  # the mean of six minibatches
    expected_rewards = np.array([[0.5], [0.5], [2], [2]]) * bonus / (scale if normalise else 1)
    if extrinsic:
        expected_rewards += batch.rewards.numpy()
    ended = batch.terminations.bool().numpy()
    next_states = np.where(ended[..., None], [0.1, 0.2], batch.next_observations.numpy())
    choices = agent.q_values(next_states).argmax(dim=-1).numpy()
    target_q = agent.target_critic(agent.as_inputs(next_states)).numpy()
    expected_values = np.take_along_axis(target_q, choices[..., None], axis=-1)[..., 0]
    seen = []
    agent.td_target = lambda *arguments: seen.append(arguments) or td_target(*arguments)
    agent.update(batch)
    ((rewards, terminations, next_values, discount),) = seen
    np.testing.assert_allclose(rewards, expected_rewards, rtol=1e-3)
    np.testing.assert_allclose(next_values, expected_values, rtol=1e-4)
    assert ended.any()
    assert not terminations.any()
    assert discount == 0.9


def test_rnds_random_network_never_changes_and_its_predictor_approaches_it():
    agent = prepared_rnd()
    before = {name: tensor.copy() for name, tensor in weights(agent).items() if name.startswith("random_network")}
    states = random_batch(agent).next_observations
    novelty = agent.novelty(states).mean(dim=-1)
    for _ in range(100):
        agent.update(random_batch(agent))
    assert all(np.array_equal(weights(agent)[name], tensor) for name, tensor in before.items())
    assert (agent.novelty(states).mean(dim=-1) < 0.5 * novelty).all()


def test_a_bonus_that_vanishes_leaves_no_reward_rather_than_nan():
    agent = RND(bonus=lambda predicted, target: 0 * novelty_bonus(predicted, target))
    explored(agent)
    assert agent.q_values(STATES).isfinite().all()


def test_rnd_says_where_it_learns(data):
    with pytest.raises(RuntimeError, match=re.escape("it learns in explore(agent, maze)")):
        trained(RND(), data)


# A learner's function in place of the paper's -----------------------------------------------------------------------


def test_a_given_td_target_is_the_one_that_trains(data):
    def myopic(rewards, terminations, next_values, discount):
        return rewards

    assert_same_bits(trained(DQN(td_target=myopic), data), trained(DQN(discount=0), data))


def test_a_given_double_q_value_is_the_one_that_trains_double_q_learning(data):
    def ignores_the_online_network(online_q, target_q):
        return target_q.amax(dim=-1)

    given = {"double_q_value": ignores_the_online_network, "seeds": 2}
    assert_same_bits(trained(DQN(**given), data, 60), trained(DQN(double=False, seeds=2), data, 60))
    assert not torch.equal(
        trained(DQN(**given), data, 60).q_values(STATES), trained(DQN(seeds=2), data, 60).q_values(STATES)
    )
    assert_same_bits(trained(DQN(double=False, **given), data), trained(DQN(double=False, seeds=2), data))


def test_a_given_penalty_is_the_one_that_trains(data):
    def none(q_values, actions, temperature):
        return torch.zeros_like(q_values[..., 0])

    def twice(q_values, actions, temperature):
        assert temperature == 0.5
        return 2 * (
            temperature * (q_values / temperature).logsumexp(-1) - q_values.gather(-1, actions[..., None])[..., 0]
        )

    assert_same_bits(trained(CQL(alpha=1.0, penalty=none), data), trained(DQN(), data))
    settings = {"temperature": 0.5, "seeds": 2}
    given, own = trained(CQL(alpha=1, penalty=twice, **settings), data), trained(CQL(alpha=2.0, **settings), data)
    torch.testing.assert_close(given.q_values(STATES), own.q_values(STATES), rtol=0, atol=1e-4)


def test_a_given_bonus_is_the_one_that_explores():
    calls = []

    def bonus(predicted, target):
        calls.append(predicted.shape)
        return novelty_bonus(predicted, target)

    own, given = RND(seeds=2), RND(seeds=2, bonus=bonus)
    explored(own, updates=3), explored(given, updates=3)
    assert_same_bits(own, given)
    assert calls == [(2, own.batch_size, 5)] * 3


# Policies -----------------------------------------------------------------------------------------------------------


@each_agent
def test_a_policy_is_a_distribution_a_member_and_state(kind):
    agent = kind(seeds=3)
    for greedy in (True, False):
        probabilities = agent.policy(STATES, greedy=greedy)
        assert probabilities.shape == (3, 50, 5)
        np.testing.assert_allclose(probabilities.sum(dim=-1), 1, rtol=1e-6)
        assert not probabilities.requires_grad


@each_agent
def test_one_states_for_all_and_the_same_states_for_each_member_are_the_same(kind):
    agent = kind(seeds=3)
    each = np.tile(STATES, (3, 1, 1))
    for states in (each, each[:1], torch.from_numpy(STATES), STATES.astype(np.float32), STATES.tolist()):
        assert torch.equal(agent.policy(states), agent.policy(STATES))


@pytest.mark.parametrize("kind", [DQN, CQL, RND])
def test_the_greedy_policy_takes_the_highest_q_value(kind):
    agent = kind(seeds=3)
    best = np.eye(5)[agent.q_values(STATES).numpy().argmax(axis=-1)]
    assert agent.policy(STATES).tolist() == best.tolist()
    if kind is not RND:
        assert agent.policy(STATES, greedy=False).tolist() == best.tolist()


def test_bc_acts_by_its_softmax_and_greedily_by_its_likeliest_action():
    agent = BC(seeds=3)
    logits = agent.actor(agent.as_inputs(STATES)).detach().double().numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(agent.policy(STATES, greedy=False), expected, rtol=1e-5)
    assert agent.policy(STATES).tolist() == np.eye(5)[logits.argmax(axis=-1)].tolist()


def test_rnd_acts_epsilon_greedily():
    agent = RND(epsilon=[0.0, 0.5])
    greedy, acting = agent.policy(STATES), agent.policy(STATES, greedy=False)
    np.testing.assert_allclose(acting[0], greedy[0])
    np.testing.assert_allclose(acting[1], 0.1 + 0.5 * greedy[1])


def test_the_random_agent_is_uniform_greedy_or_not():
    for greedy in (True, False):
        np.testing.assert_allclose(RandomAgent(seeds=2).policy(STATES, greedy=greedy), np.full((2, 50, 5), 0.2))


def test_actions_are_drawn_from_the_policy_that_acts():
    agent = BC(seeds=2)
    actions = agent.act(np.tile(STATES[:1], (20_000, 1)), np.random.default_rng(0))
    assert actions.shape == (2, 20_000)
    frequencies = [np.bincount(member, minlength=5) / 20_000 for member in actions]
    np.testing.assert_allclose(frequencies, agent.policy(STATES[:1], greedy=False)[:, 0], atol=0.015)


# Bad settings -------------------------------------------------------------------------------------------------------


NO_SEEDS = "expected a positive count, or distinct integers >= 0, at most 100,000"


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (CQL, {"alpha": -0.1}, "alpha is -0.1; expected a finite number in [0, inf)"),
        (CQL, {"alpha": np.nan}, "alpha is nan; expected a finite number in [0, inf)"),
        (CQL, {"alpha": np.inf}, "alpha is inf; expected a finite number in [0, inf); for infinity take 1e9"),
        (CQL, {"alpha": [0.1, -1]}, "alpha is -1; expected a finite number in [0, inf)"),
        (CQL, {"alpha": []}, "alpha is an empty list; expected at least one value"),
        (CQL, {"alpha": [[1.0]]}, "alpha is [[1.0]]; expected a finite number in [0, inf)"),
        (CQL, {"alpha": "1"}, "alpha is '1'; expected a finite number in [0, inf)"),
        (CQL, {"alpha": None}, "alpha is None; expected a finite number in [0, inf)"),
        (CQL, {"temperature": 0}, "temperature is 0; expected a finite number in (0, inf)"),
        (DQN, {"discount": 1}, "discount is 1; expected a finite number in [0, 1)"),
        (DQN, {"discount": -0.5}, "discount is -0.5; expected a finite number in [0, 1)"),
        (DQN, {"learning_rate": 0}, "learning_rate is 0; expected a finite number in (0, inf)"),
        (DQN, {"learning_rate": [0.1, 0.2]}, "learning_rate is [0.1, 0.2]; expected a finite number in (0, inf)"),
        (DQN, {"batch_size": 0}, "batch_size is 0; expected a finite number in [1, inf)"),
        (BC, {"batch_size": 1.5}, "batch_size is 1.5; expected an integer in [1, inf)"),
        (DQN, {"target_period": 2.5}, "target_period is 2.5; expected an integer in [1, inf)"),
        (RND, {"epsilon": 1.1}, "epsilon is 1.1; expected a finite number in [0, 1]"),
        (RND, {"rnd_weight": -1}, "rnd_weight is -1; expected a finite number in [0, inf)"),
        (DQN, {"features": "positions"}, "features is 'positions'; expected 'fourier' or 'raw'"),
        (BC, {"seeds": 0}, f"seeds is 0; {NO_SEEDS}"),
        (BC, {"seeds": -1}, f"seeds is -1; {NO_SEEDS}"),
        (BC, {"seeds": []}, f"seeds is []; {NO_SEEDS}"),
        (BC, {"seeds": [1, 1]}, f"seeds is [1, 1]; {NO_SEEDS}"),
        (BC, {"seeds": [-1, 1]}, f"seeds is [-1, 1]; {NO_SEEDS}"),
        (BC, {"seeds": [0.5]}, f"seeds is [0.5]; {NO_SEEDS}"),
        (BC, {"seeds": None}, f"seeds is None; {NO_SEEDS}"),
    ],
)
def test_a_setting_outside_its_range_is_refused(kind, settings, message):
    with pytest.raises(ValueError, match="expected") as caught:
        kind(**settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "name", "closest"),
    [
        (BC, "lerning_rate", "learning_rate"),
        (DQN, "discout", "discount"),
        (CQL, "alhpa", "alpha"),
        (CQL, "target_perriod", "target_period"),
        (RND, "epsilo", "epsilon"),
        (RandomAgent, "seed", "seeds"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_closest_name(kind, name, closest):
    with pytest.raises(TypeError, match="has no setting") as caught:
        kind(**{name: 1})
    assert str(caught.value) == f"{kind.__name__} has no setting {name!r}; did you mean {closest!r}?"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DQN, "alpha"),
        (BC, "discount"),
        (CQL, "dqn"),
        (DQN, "population"),
        (IQL, "double"),
        (IQL, "double_q_value"),
        (AWAC, "double"),
        (AWAC, "double_q_value"),
    ],
)
def test_another_agents_setting_is_refused(kind, name):
    with pytest.raises(TypeError, match=f"{kind.__name__} has no setting '{name}'"):
        kind(**{name: 0.5})


@each_agent
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2,), r"observations have shape \(2,\); expected \(n, 2\) or \(members, n, 2\)"),
        ((4, 3), r"observations have shape \(4, 3\)"),
        ((1, 2, 4, 2), r"observations have shape \(1, 2, 4, 2\)"),
        ((2, 4, 2), "observations are of 2 members; expected 3, or 1 for all"),
    ],
)
def test_observations_of_another_shape_are_refused(kind, shape, message):
    with pytest.raises(ValueError, match=message) as caught:
        kind(seeds=3).policy(np.zeros(shape))
    assert "\n" not in str(caught.value)


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (BC, {"hidden": [8], "features": "raw"}),
        (DQN, {"discount": [0.9, 0.95], "double": False}),
        (CQL, {"alpha": [0.0, 0.5], "temperature": 2, "hidden": (16, 8)}),
        (RND, {"epsilon": 0.1, "rnd_hidden": (8,), "rnd_features": 3}),
        (RandomAgent, {}),
    ],
)
def test_a_saved_agent_comes_back_to_the_bit(kind, settings, tmp_path, data):
    agent = kind(**settings, seeds=[5, 2])
    if kind is RND:
        explored(agent)
    elif kind is not RandomAgent:
        trained(agent, data)
    agent.save(tmp_path / "agents" / "mine.safetensors")
    loaded = kind.load(tmp_path / "agents" / "mine.safetensors")
    assert_same_bits(agent, loaded)
    for greedy in (True, False):
        assert torch.equal(agent.policy(STATES, greedy), loaded.policy(STATES, greedy))
    if hasattr(agent, "q_values"):
        assert torch.equal(agent.q_values(STATES), loaded.q_values(STATES))
    assert (loaded.settings, loaded.grid, loaded.seeds.tolist()) == (agent.settings, agent.grid, agent.seeds.tolist())
    assert [path.name for path in (tmp_path / "agents").iterdir()] == ["mine.safetensors"]


def test_saving_again_replaces_the_file_and_failing_to_keeps_it(tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    DQN(seeds=1).save(path)
    DQN(seeds=2).save(path)
    assert DQN.load(path).members == 2

    def full_disk(tensors, part, metadata):
        Path(part).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full_disk)
    with pytest.raises(OSError, match="no space left"):
        DQN(seeds=3).save(path)
    assert DQN.load(path).members == 2
    assert list(tmp_path.iterdir()) == [path]


class Trap:
    """Creates a file when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def write(path, tensors=None, agent="DQN", **configuration):
    """A well-formed file with these parts."""
    tensors = DQN(hidden=(8,)).state_dict() if tensors is None else tensors
    safetensors.torch.save_file(tensors, path, metadata={agent: json.dumps(configuration)})


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not an agent"),
    "truncated": lambda path: (DQN().save(path), path.write_bytes(path.read_bytes()[:-100])),
    "pickled": lambda path: path.write_bytes(pickle.dumps(Trap(path.with_name("marker")))),
    "pickled by torch": lambda path: torch.save(Trap(path.with_name("marker")), path),
    "of another class": lambda path: CQL().save(path),
    "of another architecture": lambda path: write(path, hidden=[16]),
    "without settings": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path),
    "without tensors": lambda path: write(path, {}, hidden=[8]),
    "of another seed count": lambda path: write(path, hidden=[8], seeds=[0, 1]),
    "with an unknown setting": lambda path: write(path, hidden=[8], magic=1),
    "with a negative discount": lambda path: write(path, hidden=[8], discount=-1),
    "without layers": lambda path: write(path, hidden=None),
    "with other JSON": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"DQN": "[1]"}),
    "with broken JSON": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"DQN": "{"}),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_such_agent_is_refused_and_nothing_of_it_executed(kind, tmp_path):
    path = tmp_path / "mine.safetensors"
    FOREIGN[kind](path)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        DQN.load(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "marker").exists()


def test_a_simpler_agents_file_is_no_special_case_of_another(tmp_path):
    DQN().save(tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match="holds DQN; expected CQL"):
        CQL.load(tmp_path / "mine.safetensors")


def test_the_well_formed_file_itself_is_taken(tmp_path):
    write(tmp_path / "mine.safetensors", hidden=[8])
    assert_same_bits(DQN.load(tmp_path / "mine.safetensors"), DQN(hidden=(8,)))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for path in (tmp_path / "mine.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match=re.escape(f"no saved agent at {path}")):
            DQN.load(path)
