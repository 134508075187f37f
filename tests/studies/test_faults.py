"""The catalogue of faults: each stands for what it says, and does the harm that its sentence promises."""

import functools

import numpy as np
import pytest
import torch

from rlkit_mini import MAZES, explore, load_dataset, train_offline
from rlkit_mini.agents import AWAC, IQL, RND
from rlkit_mini.agents.agent import TrainingDivergedError
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import coverage
from rlkit_workbook.faults import (
    FAULTS,
    SOUND,
    MaximumInTarget,
    PaidForTheStart,
    TargetNetworkForV,
    Watched,
    idle_actor,
    limits_as_terminations,
    minus_the_next_value,
    no_temperature_in_front,
    one_number_per_batch,
    random_action_against_all,
    random_action_against_data,
    shifted_by_one,
    unclipped_weights,
)
from rlkit_workbook.results import read_results
from rlkit_workbook.studies.faults import believed_change, compared, oracle_of, trained

# The harm


@functools.cache
def seen(control, fault=None, length=600, seeds=4):
    """What is seen of a training: measure -> one number per seed."""
    agent, outcome = trained(control, fault, seeds, length)
    if isinstance(outcome, list):
        measured = {"coverage": [coverage(run.positions, run.maze.walls) for run in outcome]}
        if isinstance(agent, Watched):
            given = torch.stack(agent.given).numpy()  # (updates, seeds)
            measured["rewards, first over last"] = given[:20].mean(axis=0) / given[-20:].mean(axis=0)
        return {name: np.array(values) for name, values in measured.items()}
    oracle, data = oracle_of(control), load_dataset(f"pointmass/{control.data}-v0")
    judged = Judgement.of(agent, oracle)
    values = judged.believed  # (seeds, sub-cells)
    near = oracle.optimal_q.max(axis=1) > -1.5
    cut = oracle.sub_cells(data.next_observations[data.truncations].numpy()) if data.truncations.any() else [0]
    return {
        "return": judged.returns,
        "value at the start": judged.believed_start,
        "overestimation": judged.believed_start - judged.true_start,
        "values near the goal": values[:, near].mean(axis=1),
        "values at the limits": values[:, cut].mean(axis=1),
    }


START, OVER = "value at the start", "overestimation"


def lower(measure, by):
    return lambda faulty, sound: np.median(faulty[measure] - sound[measure]) < -by


def higher(measure, by):
    return lambda faulty, sound: np.median(faulty[measure] - sound[measure]) > by


def alike(measure, within):
    return lambda faulty, sound: abs(np.median(faulty[measure] - sound[measure])) <= within


def near(value, within):
    """All seeds believe this at the start, and none of the sound ones does."""
    return lambda faulty, sound: (abs(faulty[START] - value) < within).all() and (sound[START] < -5).all()


def tenfold(faulty, sound):
    falls = "rewards, first over last"
    return np.median(faulty[falls]) > 10 and np.median(sound[falls]) < 4


HARM = {  # of each fault what its sentence promises, after so many updates or steps
    "one number": (1000, alike("coverage", 0.1)),
    "bonus": (1000, tenfold),
    "start": (1000, alike("coverage", 0.1)),
    "limits": (600, higher("values at the limits", 0.15)),
    "random, all": (600, lower("return", 100)),
    "penalty": (1000, higher(OVER, 5)),
    "factor": (600, higher(OVER, 2)),
    "maximum": (600, higher(OVER, 3)),
    "sign": (600, near(-0.4, 0.3)),
    "clip": (600, lambda faulty, sound: all((faulty[name] == sound[name]).all() for name in sound)),
    "actor": (600, lower("return", 100)),
    "IQL's actor": (800, lower("return", 100)),
    "delay": (600, higher(START, 2)),
    "copy": (600, near(-1, 0.3)),
    "mask": (600, lower("values near the goal", 0.8)),
    "shift": (600, lower("return", 30)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_training_with_a_fault_does_what_its_sentence_promises(name):
    fault, (length, promised) = FAULTS[name], HARM[name]
    control = SOUND[fault.unnamed] if name == "bonus" else fault.control  # the one whose rewards are kept
    faulty, sound = seen(control, fault, length), seen(control, None, length)
    assert promised(faulty, sound), f"{fault.promises}\nfaulty {faulty}\nsound {sound}"


def test_without_the_clip_a_small_temperature_ends_in_an_overflow():
    data = load_dataset("pointmass/medium-lazy-v0")
    agent = AWAC(temperature=0.003, advantage_weights=unclipped_weights, seeds=4)
    with pytest.raises(TrainingDivergedError):
        train_offline(agent, data, 400, evaluations=4, progress=False)


# What each stands for


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


def test_one_number_per_batch_pays_every_transition_of_a_member_alike():
    predicted, target = torch.randn(3, 7, 4), torch.randn(3, 7, 4)
    bonus = one_number_per_batch(predicted, target)
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


def test_faults_of_the_data_change_what_they_name_and_nothing_else():
    data = load_dataset("pointmass/medium-rnd-v0")
    limited, shifted = limits_as_terminations(data), shifted_by_one(data)
    assert torch.equal(limited.terminations, data.terminations | data.truncations)
    assert limited.terminations.sum() == data.terminations.sum() + data.truncations.sum()
    assert torch.equal(shifted.actions[1:], data.actions[:-1])
    for changed, name in ((limited, "terminations"), (shifted, "actions")):
        others = {"observations", "actions", "rewards", "next_observations", "terminations", "truncations"} - {name}
        assert all(torch.equal(getattr(changed, other), getattr(data, other)) for other in others)
    assert not data.terminations[data.truncations].any(), "the data set itself is left alone"


def test_a_watched_explorer_explores_as_any_other():
    (seen,), (plain,) = (explore(kind(), MAZES["easy"], 120, progress=False) for kind in (Watched, RND))
    assert torch.equal(seen.actions, plain.actions)


# What the report and the learner are shown


@pytest.mark.parametrize("name", ["start", "limits"])
def test_what_the_report_compares(name):
    result = compared(name, seeds=2, length=70)
    assert result["difference"] == FAULTS[name].title
    for label in ("altered", "control"):
        assert all(len(values) == 2 and np.isfinite(values).all() for values in result[label].values())
        assert ("coverage" in result[label]) == (name == "start")
    assert name == "start" or result["altered"] != result["control"]


def test_the_committed_runs_of_unnamed_faults_are_whole():
    runs = read_results("faults")
    assert runs["healthy"].keys() == SOUND.keys()
    assert runs["faulty"].keys() == {name for name, fault in FAULTS.items() if fault.unnamed}
    for run in [*runs["healthy"].values(), *runs["faulty"].values()]:
        assert np.shape(run["curve"]) == (10, 8)
        assert len(run["points"]) == 10
        assert np.isfinite(run["curve"]).all()
    for name in runs["faulty"]:
        oracle, change = believed_change(runs, name)
        assert change.shape == (len(oracle.observations),)
        assert np.isfinite(change).all()
