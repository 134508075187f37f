"""What the blog's code does differently: each stands for what it says, and runs beside its control."""

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, explore, load_dataset, train_offline
from rlkit_mini.agents import IQL, RND
from rlkit_mini.mazes import MAZES as ALL_MAZES
from rlkit_workbook.faults import (
    DIFFERENCES,
    MaximumInTarget,
    PaidForTheStart,
    TargetNetworkForV,
    idle_actor,
    limits_as_terminations,
    minus_the_next_value,
    no_temperature_in_front,
    one_number_a_batch,
    random_action_against_all,
    random_action_against_data,
    run_difference,
    unclipped_weights,
)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_runs_beside_its_control(name):
    result = run_difference(name, seeds=2, steps=70)
    for label in ("altered", "control"):
        assert all(len(values) == 2 and np.isfinite(values).all() for values in result[label].values())
        assert ("coverage" in result[label]) == (result["data"] in ALL_MAZES)
    if name != "AWAC: weights without a clip":  # which may never meet the clip
        assert result["altered"] != result["control"] or result["data"] == "hard"


def test_one_random_action_is_no_soft_maximum():
    """Drawn over and over, the first reading's mean is the mean value minus itself; its T is no temperature."""
    q_values = torch.tensor([[1.0, -2.0, 4.0, 0.0, -3.0]]).expand(20_000, 5)
    actions = torch.full((20_000,), 2)
    torch.manual_seed(0)
    drawn = random_action_against_all(q_values, actions, 1.0)
    assert set(drawn.tolist()) == {1.0, -2.0, 4.0, 0.0, -3.0}
    assert drawn.mean().item() == pytest.approx(0.0, abs=0.06)
    against_data = random_action_against_data(q_values, actions, 1.0)
    assert against_data.max() == 0
    assert against_data.mean().item() == pytest.approx(-4.0, abs=0.06)


def test_without_the_factor_the_soft_maximum_shrinks():
    q_values, actions = torch.tensor([[2.0, 5.0]], dtype=torch.float64), torch.tensor([0])
    expected = np.log(np.exp(2 / 5) + np.exp(5 / 5)) - 2
    assert no_temperature_in_front(q_values, actions, 5.0).item() == pytest.approx(expected)


def test_the_equations_sign_turns_the_future_around():
    reward, value = torch.tensor([-1.0]), torch.tensor([-10.0])
    assert minus_the_next_value(reward, torch.tensor([0.0]), value, 0.9).item() == pytest.approx(8.0)
    assert minus_the_next_value(reward, torch.tensor([1.0]), value, 0.9).item() == -1


def test_weights_grow_without_the_clip():
    assert unclipped_weights(torch.tensor(30.0), 1.0, 100.0).item() == pytest.approx(np.exp(30), rel=1e-5)


def test_one_number_a_batch_pays_every_transition_of_a_member_alike():
    predicted, target = torch.randn(3, 7, 4), torch.randn(3, 7, 4)
    bonus = one_number_a_batch(predicted, target)
    expected = ((predicted - target) ** 2).numpy().reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(bonus.numpy(), np.tile(expected[:, None], 7), rtol=1e-5)


def test_the_bonus_of_s_pays_for_where_a_step_began():
    agent, paid = PaidForTheStart(seeds=1), []
    agent.predictor.register_forward_pre_hook(lambda _module, inputs: paid.append(inputs[0].clone()))
    update, batches = agent.update, []
    agent.update = lambda batch: (batches.append(batch), update(batch))[1]
    explore(agent, MAZES["easy"], steps=80, progress=False)
    assert torch.equal(paid[0], batches[0].observations)
    assert not torch.equal(paid[0], batches[0].next_observations)
    assert torch.equal(RND(seeds=1).rewarded_places(batches[0]), batches[0].next_observations)


def test_a_maximum_in_the_target_asks_for_the_best_action():
    agent, places = MaximumInTarget(seeds=2), torch.rand(2, 6, 2)
    with torch.no_grad():
        assert torch.equal(agent.next_values(places), agent.target_critic(places).max(dim=-1).values)


def test_the_target_network_for_v_is_copied_when_qs_is():
    agent, data = TargetNetworkForV(seeds=1, target_period=10), load_dataset("pointmass/easy-rnd-v0")[:500]
    places = torch.rand(1, 5, 2)
    seen, now = [], []
    for _ in range(25):
        train_offline(agent, data, updates=1, progress=False)
        seen.append(agent.target_value(places).tolist())
        now.append(agent.value(places).tolist())
    assert [number for number in range(1, 25) if seen[number] != seen[number - 1]] == [10, 20]
    assert len({str(values) for values in now}) == 25


def test_an_idle_actor_learns_and_the_critic_acts():
    agent, data = idle_actor(IQL)(seeds=1), load_dataset("pointmass/easy-rnd-v0")[:500]
    before = agent.actor(torch.rand(1, 3, 2).fill_(0.4)).tolist()
    train_offline(agent, data, updates=5, progress=False)
    places = data.observations[:50]
    assert agent.actor(torch.rand(1, 3, 2).fill_(0.4)).tolist() != before
    assert torch.equal(agent.policy(places).argmax(dim=-1), agent.q_values(places).argmax(dim=-1))


def test_limits_become_terminations():
    data = load_dataset("pointmass/medium-rnd-v0")
    changed = limits_as_terminations(data)
    assert torch.equal(changed.terminations, data.terminations | data.truncations)
    assert changed.terminations.sum() > data.terminations.sum()
