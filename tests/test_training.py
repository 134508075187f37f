"""Offline training: the same seed gives the same bits, looking changes nothing, and nothing learnt is lost."""

import dataclasses

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, Oracle, explore, load_dataset, train_offline
from rlkit_mini.agents import BC, CQL, DQN, IQL, RandomAgent
from rlkit_mini.agents.agent import TrainingDivergedError
from rlkit_mini.agents.dqn import td_target


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")[:2000]


@pytest.fixture(scope="module")
def oracle():
    return Oracle(MAZES["easy"])


def bits(agent):
    return {name: tensor.numpy().tobytes() for name, tensor in agent.state_dict().items()}


def test_the_history_has_a_row_an_evaluation_and_a_column_a_member(data, oracle):
    agent = CQL(alpha=[0.0, 1.0], seeds=3)
    history = train_offline(agent, data, 50, oracle, evaluations=4, progress=False)
    assert history.updates.tolist() == [12, 25, 38, 50]
    assert history.returns.shape == history.losses.shape == (4, 6)
    exact = oracle.evaluate(agent.policy).episode_return
    assert history.returns[-1].tolist() == exact.tolist()
    assert train_offline(agent, data, 5, progress=False).returns is None


@pytest.mark.parametrize(("updates", "evaluations", "marks"), [(3, 10, [1, 2, 3]), (1, 1, [1]), (100, 1, [100])])
def test_evaluations_are_evenly_spaced_and_the_last_is_after_the_last_update(data, updates, evaluations, marks):
    history = train_offline(BC(), data, updates, evaluations=evaluations, progress=False)
    assert history.updates.tolist() == marks


def test_losses_are_means_since_the_evaluation_before(data):
    each = train_offline(DQN(seeds=2), data, 12, evaluations=12, progress=False).losses
    seldom = train_offline(DQN(seeds=2), data, 12, evaluations=3, progress=False).losses
    np.testing.assert_allclose(seldom, each.reshape(3, 4, 2).mean(axis=1), rtol=1e-5)


def test_training_improves_the_return(data, oracle):
    history = train_offline(BC(learning_rate=1e-3), load_dataset("pointmass/easy-rnd-v0"), 300, oracle, progress=False)
    assert history.losses[-1] < history.losses[0]
    dqn = train_offline(DQN(), load_dataset("pointmass/easy-rnd-v0"), 1000, oracle, evaluations=1, progress=False)
    assert dqn.returns[-1] > 1.1 * oracle.optimal_return


@pytest.mark.parametrize("kind", [BC, DQN, CQL])
def test_the_same_seed_gives_the_same_bits(kind, data):
    agents = [kind(seeds=[seed]) for seed in (1, 1, 2)]
    losses = [train_offline(agent, data, 30, progress=False).losses.tobytes() for agent in agents]
    assert bits(agents[0]) == bits(agents[1]) != bits(agents[2])
    assert losses[0] == losses[1] != losses[2]


def test_looking_changes_nothing(data, oracle):
    def trained(**options):
        agent = DQN(seeds=2)
        train_offline(agent, data, 40, **options)
        return bits(agent)

    plain = trained(progress=False, evaluations=1)
    assert trained(progress=True, evaluations=40) == plain
    assert trained(progress=False, oracle=oracle, on_evaluation=lambda history: torch.rand(3)) == plain


def test_training_in_two_parts_is_training_at_once(data):
    parts, whole = DQN(seeds=2), DQN(seeds=2)
    train_offline(parts, data, 25, progress=False)
    train_offline(parts, data, 15, progress=False)
    train_offline(whole, data, 40, progress=False)
    assert bits(parts) == bits(whole)


def test_minibatches_are_drawn_from_all_of_the_data(data):
    seen = []

    def spy(rewards, terminations, next_values, discount):
        seen.append(torch.stack([rewards, terminations]))
        return td_target(rewards, terminations, next_values, discount)

    small = data[:50]
    small.rewards[:] = torch.arange(50.0)  # each transition can be recognised
    small.terminations[:] = torch.arange(50) % 3 == 0
    train_offline(DQN(seeds=2, td_target=spy), small, 60, progress=False)
    rewards, terminations = torch.stack(seen, dim=1).double()  # (updates, members, batch)
    assert torch.equal(terminations, (rewards % 3 == 0).double())
    for member in range(2):
        counts = np.bincount(rewards[:, member].ravel().long(), minlength=50)
        expected = counts.sum() / 50
        assert ((counts - expected) ** 2 / expected).sum() < 100  # chi-squared of 49 degrees: 49 +- 10


def test_a_data_set_a_member_trains_each_on_its_own():
    several = explore(RandomAgent(seeds=2), MAZES["easy"], 300, progress=False)
    together, alone = BC(seeds=2), BC(seeds=[1])
    train_offline(together, several, 20, progress=False)
    train_offline(alone, several[1], 20, progress=False)
    ours, theirs = together.policy(several[0].observations, False)[1], alone.policy(several[0].observations, False)[0]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    train_offline(same := BC(seeds=[1]), several[0], 20, progress=False)
    assert not torch.allclose(same.policy(several[0].observations, False)[0], theirs, atol=1e-3)


# Interruption -------------------------------------------------------------------------------------------------------


def test_an_interruption_keeps_the_history_and_what_was_learnt(data, oracle, capsys):
    def impatient(history):
        if len(history.updates) == 2:
            raise KeyboardInterrupt

    interrupted, reference = DQN(seeds=2), DQN(seeds=2)
    history = train_offline(interrupted, data, 50, oracle, 5, on_evaluation=impatient, progress=False)
    expected = train_offline(reference, data, 20, oracle, 2, progress=False)
    assert history.updates.tolist() == expected.updates.tolist() == [10, 20]
    assert history.returns.tolist() == expected.returns.tolist()
    assert history.losses.tolist() == expected.losses.tolist()
    assert bits(interrupted) == bits(reference)
    assert capsys.readouterr().out == "interrupted after 20 of 50 updates: what was learnt is kept\n"


def test_an_interruption_before_the_first_evaluation_gives_an_empty_history(data, oracle, capsys):
    calls = []

    def impatient(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return td_target(*arguments)

    history = train_offline(DQN(seeds=2, td_target=impatient), data, 50, oracle, 5, progress=False)
    assert (history.updates.shape, history.returns.shape, history.losses.shape) == ((0,), (0, 2), (0, 2))
    assert "after 3 of 50 updates" in capsys.readouterr().out


# Divergence ---------------------------------------------------------------------------------------------------------


def test_divergence_names_the_member_and_keeps_the_history(data, oracle):
    calls = []

    def breaking(rewards, terminations, next_values, discount):
        calls.append(rewards)
        targets = td_target(rewards, terminations, next_values, discount)
        if len(calls) > 25:
            targets[3] = torch.nan
        return targets

    agent = CQL(alpha=[0.0, 0.5], seeds=[6, 9], td_target=breaking)
    with pytest.raises(TrainingDivergedError) as caught:
        train_offline(agent, data, 50, oracle, 5, progress=False)
    message = str(caught.value)
    assert message.startswith("member 3 (seed 9, alpha 0.5) diverged before update 30: its loss is nan; ")
    assert "\n" not in message
    assert caught.value.history.updates.tolist() == [10, 20]
    assert np.isfinite(caught.value.history.losses).all()
    assert caught.value.history.returns.shape == (2, 4)


def test_a_huge_learning_rate_diverges(data):
    with pytest.raises(TrainingDivergedError, match="a smaller learning_rate or alpha may help"):
        train_offline(DQN(learning_rate=1e12), data, 50, progress=False)


def test_an_actor_that_diverges_is_found_though_the_critic_is_sound():
    def no_clip(advantages, temperature, max_weight):
        return torch.full_like(advantages, float("inf"))

    agent = IQL(seeds=2, advantage_weights=no_clip)
    with pytest.raises(TrainingDivergedError, match=r"member 0 \(seed 0\) diverged before update 5: its parameters"):
        train_offline(agent, load_dataset("pointmass/medium-lazy-v0"), updates=10, evaluations=2, progress=False)


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda data: data, {"updates": 0}, "updates is 0; expected an integer of at least 1"),
        (lambda data: data, {"evaluations": 0}, "evaluations is 0; expected an integer of at least 1"),
        (lambda data: data[:0], {}, r"data sets of \[0\] transitions; expected equal lengths of at least 1"),
        (lambda data: [data[:9], data[:8]], {}, r"data sets of \[8, 9\] transitions"),
        (lambda data: [data] * 3, {}, "3 data sets for 2 members; expected one, or one per member"),
        (lambda data: [], {}, "0 data sets for 2 members"),
        (
            lambda data: dataclasses.replace(data, maze=MAZES["hard"]),
            {},
            "the oracle is of Maze\\('easy'.*, the data is from Maze\\('hard'",
        ),
    ],
)
def test_training_refuses_what_it_cannot_do(change, settings, message, data, oracle):
    with pytest.raises(ValueError, match=message) as caught:
        train_offline(DQN(seeds=2), change(data), oracle=oracle, progress=False, **settings)
    assert "\n" not in str(caught.value)


def test_a_random_agent_cannot_be_trained(data):
    with pytest.raises(TypeError, match="RandomAgent does not learn from data; train one of BC, DQN, CQL, AWAC, IQL"):
        train_offline(RandomAgent(), data)


def test_an_interruption_that_leaves_gradients_off_does_not_end_training_for_good():
    def interrupted(_):
        torch.set_grad_enabled(False)  # as an interruption does that comes while `no_grad` begins or ends
        raise KeyboardInterrupt

    data = load_dataset("pointmass/easy-random-v0")[:100]
    train_offline(DQN(), data, 4, evaluations=4, on_evaluation=interrupted, progress=False)
    assert torch.is_grad_enabled()
    explore(RandomAgent(), MAZES["easy"], 4, on_step=interrupted, progress=False)
    assert torch.is_grad_enabled()
