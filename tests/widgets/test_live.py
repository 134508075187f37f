"""Live training, painted data and the probe without a browser: what the panels show is what the package computes."""

import asyncio
import dataclasses
import functools
import re
import threading
import time
import types

import ipywidgets
import numpy as np
import pytest
import torch
from helpers import size_of, tiny_data

from rlkit_mini import MAZES, Oracle, explore, train_offline
from rlkit_mini.agents import BC, CQL, RandomAgent, offline
from rlkit_mini.agents.guides import RouteFollower
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.evaluation.tabular import fqe_backup, half_cell_policy, half_cell_steps, times_tried
from rlkit_mini.mazes import block_size, blocks, in_block
from rlkit_mini.oracle import shared_oracle
from rlkit_mini.pointmass import at_goal
from rlkit_mini.tables import with_interval
from rlkit_workbook.sweeps import Sweep
from rlkit_workbook.widgets import data_painter, live_trainer, probe
from rlkit_workbook.widgets.controls import NumberField
from rlkit_workbook.widgets.live import LiveTraining
from rlkit_workbook.widgets.live_figure import LiveFigure, run_in_words
from rlkit_workbook.widgets.paint import EPISODES, paint
from rlkit_workbook.widgets.painting import draw_painting
from rlkit_workbook.widgets.probe_figure import actions_at, carriers, draw_probe
from rlkit_workbook.widgets.settings import LIMITS, Settings, Source, defaults

NEAR_EXPERT = "pointmass/medium-near-expert-v0"
TINY = Source("tiny", "tiny_data()", tiny_data)


def settings(algorithm="CQL", seeds=2, source=TINY, **hyperparameters):
    return Settings(algorithm, source, defaults(algorithm) | hyperparameters | {"seeds": seeds})


def trained(chosen, updates) -> LiveTraining:
    training = LiveTraining(chosen)
    training.start(updates)
    training.join(120)
    assert training.ended
    return training


@functools.cache
def example() -> LiveTraining:
    return trained(settings(alpha=1.0), 60)


def same(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def panel(**more):
    """A live trainer on the tiny data."""
    view = live_trainer(dataset=NEAR_EXPERT, seeds=2, updates=40, **more)
    view.offer("tiny", "tiny_data()", tiny_data())
    view.dataset.value = "tiny"
    return view


# Training


@pytest.mark.parametrize("algorithm", list(offline()))
def test_a_live_run_is_the_training_in_one_go_to_the_bit(algorithm):
    training = trained(settings(algorithm), 23)
    assert not training.error
    assert training.done == 23
    agent = offline()[algorithm].load()(seeds=2)
    history = train_offline(agent, tiny_data(), 23, Oracle(MAZES["medium"]), evaluations=1, progress=False)
    assert same(training.agent, agent)
    np.testing.assert_array_equal(training.run.returns[-1], history.returns[-1])


def test_stopping_and_going_on_changes_nothing():
    seen, looked = [], threading.Event()

    def stop_soon(training):
        seen.append(training.done)
        if training.done >= 5:
            training.stop()
            looked.set()

    training = LiveTraining(settings(), stop_soon)
    training.start(5000)
    assert looked.wait(120)
    assert not training.running, "it counts as stopped at once"
    training.join(120)
    stopped = training.done
    assert 5 <= stopped < 5000
    assert training.run.updates[-1] == stopped, "and is judged where it stands"
    training.on_run = lambda training: None
    training.start(stopped + 10)
    training.join(120)
    agent = CQL(seeds=2)
    train_offline(agent, tiny_data(), stopped + 10, evaluations=1, progress=False)
    assert same(training.agent, agent)
    assert (np.diff(training.run.updates) > 0).all()
    assert training.run.updates[0] == 0


def test_training_gets_half_of_the_time_whatever_drawing_costs_and_stops_between_two_chunks(monkeypatch):
    now, spent, asked = [0.0], {"training": 0.0, "drawing": 0.0}, []

    def pass_time(what, seconds):
        now[0] += seconds
        spent[what] += seconds

    def update(agent, data, updates, **_):
        assert not asked, "an update after it was asked to stop"
        pass_time("training", 0.01 * updates)
        if spent["training"] > 5:
            training.stop()
            asked.append(updates)

    clock = types.SimpleNamespace(perf_counter=lambda: now[0], monotonic=time.monotonic)
    monkeypatch.setattr("rlkit_workbook.widgets.live.time", clock)
    monkeypatch.setattr("rlkit_workbook.widgets.live.train_offline", update)

    def draw(training):
        if training.running:
            before.append(spent["training"])
            pass_time("drawing", 1.0 if training.done else 3.0)

    before = []
    training = LiveTraining(settings(), draw)
    training.start(20_000)
    training.join(120)
    assert not training.error
    assert spent["drawing"] > 5
    assert spent["training"] >= spent["drawing"] - 3, "all but the first picture"
    assert before[1] < 0.3, "the second picture does not wait for as long as the first took"
    assert asked[0] <= 5, "a chunk takes some hundredths of a second"


def test_the_judgement_is_that_of_a_sweep():
    run, oracle = example().run, shared_oracle(MAZES["medium"])
    agent = CQL(alpha=1.0, seeds=2)
    sweep = Sweep.of(agent, train_offline(agent, tiny_data(), 60, oracle, progress=False), oracle)
    np.testing.assert_allclose(run.judged.believed, sweep.values, rtol=1e-5)
    np.testing.assert_allclose(run.judged.overestimation, sweep.overestimation, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(run.judged.policy, sweep.policy)


def test_code_trains_the_same_agent_and_prints_its_return(capsys):
    source, painted = Source.of(NEAR_EXPERT), 'paint("easy", [(1.5, 4.5)], episodes=2)'
    for chosen in (
        settings("IQL", source=source, expectile=0.7, batch_size=32),
        settings("BC", source=Source("painted", painted, lambda: paint("easy", [(1.5, 4.5)], episodes=2))),
        settings("DQN", source=Source.of("cartpole/random-v0"), target_period=3),
        settings("BC", source=Source.of("cartpole/random-v0")),
    ):
        names, again = {}, trained(chosen, 7)
        exec(chosen.code(7, again.run.data), names)
        assert same(again.agent, names["agent"])
        assert capsys.readouterr().out == with_interval(again.run.returns[-1]) + "\n", "and prints what the table says"


def test_defaults_are_those_of_the_agents():
    assert defaults("IQL")["learning_rate"] == 1e-3
    assert defaults("DQN")["learning_rate"] == 1e-3
    assert list(defaults("BC")) == ["learning_rate", "batch_size"]
    for name, row in offline().items():
        agent = row.load()()
        assert all(getattr(agent, key) == value for key, value in defaults(name).items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": -1.0}, "alpha is -1.0; expected a finite number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected"),
        ({"batch_size": 513}, "batch size is 513; expected an integer from 1 to 512"),
        ({"batch_size": 2.5}, "batch size is 2.5; expected an integer"),
        ({"seeds": LIMITS["seeds"] + 1}, "seeds is 17; expected an integer from 1 to 16"),
        ({"seeds": 0}, "seeds is 0; expected"),
    ],
)
def test_bad_values_are_refused_in_one_line(change, words):
    with pytest.raises(ValueError, match=words) as error:
        settings(**change).make_agent(tiny_data())
    assert "\n" not in str(error.value)
    assert settings().faults(LIMITS["updates"] + 1) == {
        "updates": "updates is 20001; expected an integer from 1 to 20,000 here"
    }


def test_faults_in_the_thread_become_one_line_and_what_was_learnt_is_kept():
    missing = trained(settings(source=Source.of("pointmass/medium-nowhere-v0")), 5)
    assert missing.error.startswith("unknown data set 'pointmass/medium-nowhere-v0'")
    assert missing.run is None
    diverged = trained(settings(learning_rate=1e30), 500)
    assert "diverged before update" in diverged.error
    assert "\n" not in diverged.error
    assert len(diverged.run.returns) >= 1
    early = int(diverged.error.split("before update ")[1].split(":")[0])
    assert diverged.done < early <= 500


# Its figure


def test_the_figure_follows_its_run_and_keeps_its_size():
    run = example().run
    figure = LiveFigure(run, 60, [run, trained(settings("BC"), 5).run])
    whole = figure.to_pixels().copy()
    assert whole.shape == (660, 900, 3)
    figure.show(run)
    np.testing.assert_array_equal(figure.to_pixels(), whole)
    other = trained(settings(alpha=1.0), 3).run
    figure.show(other)
    assert (figure.to_pixels() != whole).any()
    np.testing.assert_array_equal(figure.line.get_xdata(), other.updates)
    np.testing.assert_allclose(figure.line.get_ydata(), other.means)
    assert [text.get_text() for text in figure.figure.axes[3].get_xticklabels()] == ["1", "2", "now"]


def test_words_say_what_the_figure_shows():
    words = run_in_words(example().run, 100)
    assert words.startswith("CQL, alpha 1, 60 of 100 updates: return −")
    assert "believes" in words
    assert "It learns no values" in run_in_words(trained(settings("BC"), 2).run, 2)


# Beyond the mazes


@functools.cache
def mountain():
    """Of a car in a valley."""
    agent = RandomAgent(observation_size=2, action_count=3)
    (data,) = explore(agent, "MountainCar-v0", steps=300, progress=False)
    return data


def live_elsewhere(algorithm, data, updates=6):
    view = live_trainer(algorithm, data, seeds=1, updates=updates)
    view.train()
    view.training.join(120)
    assert not view.status.error, view.status.words
    return view


@pytest.mark.parametrize("algorithm", ["DQN", "CQL", "AWAC", "IQL", "BC"])
@pytest.mark.parametrize("where", ["cartpole/random-v0", "MountainCar-v0"])
def test_beyond_the_mazes_a_live_run_is_judged_by_real_episodes(algorithm, where):
    view = live_elsewhere(algorithm, mountain() if where == "MountainCar-v0" else where)
    run = view.training.run
    data = run.data
    own = {"features": "raw", "discount": 0.99} if algorithm != "BC" else {"features": "raw"}
    agent = offline()[algorithm].load()(seeds=1, **own, **data.sizes)
    history = train_offline(agent, data, 6, Rollouts(data.maze), evaluations=1, progress=False)
    assert same(view.training.agent, agent)
    np.testing.assert_array_equal(run.returns[-1], history.returns[-1])
    assert f"return {history.returns[-1].item():.1f} in real episodes".replace("-", "−") in view.status.words
    assert with_interval(history.returns[-1]) in view.table.value
    assert f"20 episodes each: {run.oracle.steps:,} steps, " in view.table.value, "what it cost"
    assert view.picture.value.count("<img") == 4
    assert size_of(view.still()[1]) == (900, 660)


def test_beyond_the_mazes_beliefs_are_held_against_the_bound():
    view = live_elsewhere("DQN", "cartpole/random-v0")
    run, agent = view.training.run, view.training.agent
    assert "values lie from 0 to 100" in view.status.words
    states = run.data.observations[::10]
    values = agent.q_values(states).max(dim=-1).values[0].numpy()
    np.testing.assert_allclose(run.judged.values, values, rtol=1e-6)
    starts = run.data.observations[[0, *(np.flatnonzero(run.data.ends)[:-1] + 1)]]
    assert f"it believes {agent.q_values(starts).max(dim=-1).values.mean():.1f}" in view.status.words
    spread, _ = view._tiles.drawn.above.bars
    low, high = spread.get_data().edges[[0, -1]]
    assert low < 0 < 100 < high
    np.testing.assert_allclose(spread.get_data().values.sum(), 1)
    bold = dataclasses.replace(run, judged=dataclasses.replace(run.judged, believed_start=np.float64(130.0)))
    assert "it believes 130.0, which cannot be: values lie" in run_in_words(bold, 6)


def test_in_a_plane_values_and_visits_lie_over_both_axes_with_their_names():
    view = live_elsewhere("DQN", mountain())
    visits, values = view._tiles.drawn.figure.axes[:2]
    for ax in (visits, values):
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("position", "velocity")
        np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [-1.2, 0.6, -0.07, 0.07], rtol=1e-6)
    counts, image = visits.collections[0].get_array(), values.images[0].get_array()
    assert counts.sum() == len(mountain())
    place = np.array([[-1.2 + 1.8 * 10.5 / 40, -0.07 + 0.14 * 30.5 / 40]])  # the 11th column, the 31st row from below
    expected = view.training.agent.q_values(place).max()
    np.testing.assert_allclose(image[30, 10], expected, rtol=1e-5)


def test_a_figure_makes_room_for_returns_that_were_not_seen_before():
    run = live_elsewhere("BC", "cartpole/random-v0").training.run
    figure = LiveFigure(run, 6)
    assert figure.fits(run, 6, [])
    assert not figure.fits(run, 7, [])
    assert not figure.fits(run, 6, [run])
    better = dataclasses.replace(run, returns=np.full_like(run.returns, 500.0))
    assert not figure.fits(better, 6, [])
    assert LiveFigure(better, 6).fits(better, 6, [])


def test_the_probe_is_of_mazes_and_says_so():
    view = live_trainer(dataset=mountain(), seeds=1)
    assert "maze is MountainCar-v0; expected one of MAZES" in probe(view).status.words


# Painted data


def test_blocks_are_the_free_places(maze):
    size, places = block_size(maze), blocks(maze)
    assert len(places) * size**2 == (~maze.walls).sum()
    assert not any(maze.walls[int(x), int(y)] for x, y in places)


@pytest.mark.parametrize(("start", "place"), [((0.5, 0.5), (5.5, 2.5)), ((0.5, 4.5), (5.5, 2.5))])
def test_the_policy_towards_a_place_arrives_also_from_beside_the_goal(start, place):
    maze = dataclasses.replace(MAZES["medium"], start=start)
    follower = RouteFollower(shared_oracle(MAZES["medium"]), [place], noise=0.0, onward=False, seeds=20)
    firsts = [run.episodes[0] for run in explore(follower, maze, 60, progress=False)]
    assert np.mean([in_block(maze, place, first.positions).any() for first in firsts]) > 0.9


def test_a_route_visits_its_waypoints_in_order_and_anew_in_each_episode():
    maze, route = MAZES["medium"], [(5.5, 2.5), (2.5, 0.5), (5.5, 4.5)]
    (run,) = explore(RouteFollower(shared_oracle(maze), route, noise=0.0), maze, 300, progress=False)
    assert len(run.episode_returns) >= 2, "it goes on to the goal"
    for episode in run.episodes[:-1]:
        places, at = episode.positions, 0
        for waypoint in route:
            later = np.flatnonzero(in_block(maze, waypoint, places[at:]))
            assert len(later), f"{waypoint} comes after the ones before"
            at += later[0]
    aimless = paint("easy", [], episodes=3, onward=False)
    assert len(np.unique(aimless.actions)) == 5, "nowhere to go: random actions"


def test_painted_data_are_whole_episodes_of_the_maze():
    data = paint("medium", [(2.5, 0.5)], noise=0.2, episodes=7)
    assert len(data.episodes) == len(data.episode_returns) == 7
    assert data.maze is MAZES["medium"]
    np.testing.assert_array_equal(data.terminations, at_goal(data.maze, data.maze.positions(data.next_observations)))
    again = paint("medium", [(2.5, 0.5)], noise=0.2, episodes=7)
    assert torch.equal(data.observations, again.observations)
    elsewhere = paint("medium", [], episodes=3, start=(5.5, 2.5))
    starts = [elsewhere.maze.positions(episode.observations[:1])[0] for episode in elsewhere.episodes]
    np.testing.assert_allclose(starts, [(5.5, 2.5)] * 3, atol=1e-6)
    train_offline(BC(), elsewhere, 2, shared_oracle(MAZES["medium"]), progress=False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"waypoints": [(1.5, 0.5)]}, r"\(1.5, 0.5\) is not free"),
        ({"start": (-1, 0)}, "is not free"),
        ({"noise": 1.5}, r"noise is 1.5; expected a share in \[0, 1\]"),
        ({"episodes": EPISODES + 1}, "episodes is 101; expected an integer from 1 to 100"),
        ({"maze": "mediun"}, "did you mean 'medium'"),
    ],
)
def test_bad_paintings_are_refused_in_one_line(more, words):
    with pytest.raises((ValueError, KeyError), match=words):
        paint(**({"maze": "medium", "waypoints": []} | more))


def test_a_painting_numbers_its_waypoints():
    maze = MAZES["medium"]
    route = [(5.5, 2.5), (2.5, 0.5), (5.5, 2.5)]
    figure = draw_painting(maze, maze.start, route, tiny_data(), -20.5)
    assert {"1,3", "2"} <= {text.get_text() for text in figure.axes[0].texts}


# The probe


def test_the_probe_counts_and_averages_what_is_at_the_place():
    run, place = example().run, (2.5, 0.5)
    facts = actions_at(run.oracle, run.data, place, run.judged)
    counts, size = np.zeros(5, dtype=int), run.data.maze.shape
    for (x, y), action in zip(run.data.observations.tolist(), run.data.actions.tolist(), strict=True):
        counts[action] += int(x * size[0]) == 2 and int(y * size[1]) == 0
    np.testing.assert_array_equal(facts["tried"], counts)
    here = (np.floor(run.data.maze.positions(run.oracle.observations)) == (2, 0)).all(axis=1)
    np.testing.assert_allclose(facts["believed"], run.judged.q_values[here].mean(axis=0))
    np.testing.assert_allclose(facts["best"], run.oracle.optimal_q[here].mean(axis=0))
    assert set(actions_at(run.oracle, run.data, place, None)) == {"tried", "best"}
    figure = draw_probe(run.oracle, run.data, place, run.judged)
    figure.canvas.draw()
    assert np.shape(figure.canvas.buffer_rgba())[:2] == (390, 900)


def test_the_probe_looks_at_trained_agents_as_at_live_ones():
    agent = CQL(alpha=1.0, seeds=2)
    train_offline(agent, tiny_data(), 60, progress=False)
    judged, live = Judgement.of(agent, shared_oracle(MAZES["medium"])), example().run.judged
    judged = judged[judged.median]
    for name in ("policy", "q_values", "true_q"):
        np.testing.assert_array_equal(getattr(judged, name), getattr(live, name))
    view = probe({"untrained": (BC(), tiny_data()), "CQL": (agent, tiny_data())})
    assert view.status.words.startswith("untrained; place x 0.5, y 0.5: ")
    assert "believed Q" not in view.table.value, "a clone believes nothing"
    view.map.places[5.5, 2.5].click()
    first = view.map.rest.value
    view.agent.value = "CQL"
    assert view.status.words.startswith("CQL; place x 5.5, y 2.5: "), "the place stays"
    assert view.map.rest.value != first
    facts = actions_at(shared_oracle(MAZES["medium"]), tiny_data(), (5.5, 2.5), judged)
    assert f"{facts['believed'][2]:.1f}</td>" in view.table.value
    assert f"{facts['true'][2]:.1f}</td>" in view.table.value


@pytest.mark.parametrize("untried", [0.0, -5.0])
def test_a_value_is_the_rewards_of_its_carriers_and_the_values_of_what_was_never_tried(untried):
    """Against fitted Q evaluation, which keeps `untried` where there is no data."""
    data, oracle, place = tiny_data(), shared_oracle(MAZES["medium"]), (4.5, 1.5)
    agent = CQL(alpha=1.0, seeds=1)
    train_offline(agent, data, 60, progress=False)
    judged, steps = Judgement.of(agent, oracle)[0], half_cell_steps(data)
    policy, counts = half_cell_policy(agent, oracle)[0], times_tried(data)
    q_values = np.full(counts.shape, untried)
    for _ in range(400):
        q_values = fqe_backup(q_values, *steps, policy, oracle.discount)
    there = in_block(data.maze, place, data.maze.positions(data.observations))
    for action in range(5):
        weights, ends = carriers(oracle, data, place, action, judged)
        (chosen,) = np.nonzero(np.asarray(there) & (steps[1] == action))
        if len(chosen):
            expected = np.mean(q_values[steps[0][chosen], action])
            np.testing.assert_allclose(weights @ steps[2] + untried * ends.sum(), expected, atol=1e-6)
        else:
            assert (weights.sum(), ends.sum()) == (0, pytest.approx(1)), "all of it is what nobody tried"


def test_at_no_moment_are_two_places_pressed():
    view, seen = probe({"BC": (BC(), tiny_data())}), []
    buttons = view.map.places
    for button in buttons.values():
        button.observe(
            lambda _: seen.append([at for at, each in buttons.items() if "rlkit-chosen" in each._dom_classes]),
            "_dom_classes",
        )
    for place in (5.5, 2.5), (4.5, 1.5), (3.5, 4.5):
        buttons[place].click()
        assert seen[-1] == [place]
    assert max(map(len, seen)) == 1


def test_the_probe_says_how_much_of_a_value_hangs_on_actions_never_tried():
    view = probe({"untrained": (BC(), tiny_data())})
    before = view.map.picture.value
    for action, name in ((0, "stay"), (4, "right")):
        view.action.value = action
        _, ends = carriers(shared_oracle(MAZES["medium"]), tiny_data(), view.place, action, view.subject()[2])
        assert f"{ends.sum():.0%} of the value of {name} hangs on actions" in view.status.words
        assert view.map.picture.value != before
    view.action.value = None
    assert view.map.picture.value == before


def test_the_probe_refuses_what_it_cannot_judge_in_one_line():
    with pytest.raises(ValueError, match="alpha was swept; expected an agent with one setting"):
        probe({"CQL": (CQL(alpha=[0, 1]), tiny_data())})
    with pytest.raises(ValueError, match=r"the agent's discount is 0\.9; expected the oracle's 0\.95"):
        probe({"CQL": (CQL(discount=0.9), tiny_data())})


# The panels


def test_a_field_moves_with_its_slider_and_takes_what_is_typed():
    field = NumberField("alpha", 0.1)
    field.slider.value = 1
    assert field.value == 1
    field.number.value = 0.13
    assert (field.value, field.slider.value) == (0.13, 0.1)
    field.number.value = -3
    assert (field.value, field.slider.value) == (-3, 0)
    field.number.value = 1e9
    assert (field.value, field.slider.value) == (1e9, 100)


def test_train_stop_pin_and_compare():
    view = panel()
    ended = []
    view.on_end.append(ended.append)
    view.buttons["Train"].click()
    view.training.join(120)
    assert view.status.words.startswith("Done. CQL, alpha 0.3, 40 of 40 updates: return −")
    assert view.picture.value.count("<img") == 4
    assert size_of(view.still()[1]) == (900, 660)
    assert ended == [view.training.run]
    first = view.training
    view.buttons["Train"].click()
    assert view.training is first
    assert "All 40 updates are made" in view.status.words
    view.show_code.value = True
    assert "updates=40, " in view.code.value
    assert view.code.value.startswith("<button")
    view.show_code.value = False
    assert view.code.value == ""
    view.buttons["Pin"].click()
    view.algorithm.value = "BC"
    assert list(view.fields) == ["learning_rate", "batch_size", "seeds", "updates"]
    view.buttons["Train"].click()
    view.training.join(120)
    assert view.training is not first
    assert "CQL, alpha 0.3" in view.table.value
    assert "<td" in view.table.value
    view.show_code.value = True
    assert "agent = BC(seeds=2)" in view.code.value
    view.fields["updates"].number.value = 20_000
    view.buttons["Train"].click()
    view.buttons["Stop"].click()
    assert view.buttons["Stop"].disabled, "it answers at once"
    view.training.join(120)
    assert view.status.words.startswith("Stopped. BC")
    view.buttons["Reset"].click()
    assert (view.training, view.pins, view.table.value) == (None, [], "")


def test_stop_after_the_end_says_nothing_new():
    view = panel()
    view.train()
    view.training.join(120)
    view.stop()
    assert view.status.words.startswith("Done.")


def test_reset_while_a_moment_is_shown_is_the_last_word(monkeypatch):
    view = panel()
    view.train()
    training = view.training
    training.join(120)
    shows, goes_on = threading.Event(), threading.Event()

    def slowly(run, total):
        shows.set()
        goes_on.wait(0.5)
        return "late"

    monkeypatch.setattr("rlkit_workbook.widgets.training.run_in_words", slowly)
    thread = threading.Thread(target=view._show, args=(training,))
    thread.start()
    assert shows.wait(10)
    view.reset()
    goes_on.set()
    thread.join()
    assert view.status.words == "Choose, then press Train."
    assert (view.picture.value, view.table.value) == ("", "")


def test_train_during_a_training_begins_anew_only_with_other_settings_and_pins_the_run():
    view = panel()
    judged = threading.Event()
    view.picture.observe(lambda _: view.training.run.updates[-1] and judged.set(), "value")
    view.fields["updates"].number.value = 20_000
    view.train()
    first = view.training
    view.train()
    assert view.training is first
    assert judged.wait(120)
    view.fields["seeds"].number.value = 1
    view.train()
    second = view.training
    assert second is not first
    (pin,) = view.pins
    assert pin.settings == first.settings
    assert pin.done == pin.updates[-1] > 0, "as it was judged last"
    view.stop()
    first.join(120)
    second.join(120)
    assert first.done < 20_000
    assert second.ended
    assert view.status.words.startswith("Stopped. CQL")


def moments_of(view):
    """What status, table and alternative text say whenever the status is new: word, updates, return."""
    seen = []

    def look(_change):
        if "return" not in view.status.words:
            return
        state, told = view.status.words.split(" ", 1)
        updates, value = re.search(r"([\d,]+) of [\d,]+ updates: return −([\d.]+)", told).groups()
        cells = re.findall(r"<td[^>]*>(.*?)</td>", view.table.value.split("<tr>")[-1])
        assert (cells[0], cells[3]) == ("now", updates)
        assert cells[5].startswith(f"-{value} [")
        seen.append((state, int(updates.replace(",", "")), value))

    view.status.observe(look, "value")
    return seen


def test_status_table_and_words_of_the_picture_are_of_one_moment():
    view = panel()
    seen = moments_of(view)
    view.fields["updates"].number.value = 600
    view.train()
    view.training.join(120)
    states = [state for state, _, _ in seen]
    assert states == sorted(states, key=["Training.", "Judging.", "Done."].index)
    assert seen[0][1] == 0, "the untrained agent is there at once"
    assert states[-1] == "Done."
    assert seen[-1][1] == 600
    assert "Judging." in states, "until the last judgement is there"
    assert f"-{seen[-1][2]} [" in with_interval(view.training.run.returns[-1])


def test_controls_that_differ_from_the_run_are_marked():
    view = panel()
    view.train()
    view.training.join(120)
    assert (view.buttons["Train"].description, view.note.value) == ("Train", '<div role="status"></div>')
    view.fields["alpha"].slider.value = 5
    view.dataset.value = "medium-rnd"
    view.fields["updates"].number.value = 50
    assert "Changed since this run: data set, alpha." in view.note.value
    assert view.buttons["Train"].description == "Train anew"
    marked = [name for name, field in view.fields.items() if "rlkit-changed" in field._dom_classes]
    assert marked == ["alpha"], "more updates go on with the run"
    assert "rlkit-changed" in view.dataset._dom_classes
    view.fields["alpha"].number.value = 0.3
    view.dataset.value = "tiny"
    assert "rlkit-changed" not in view.dataset._dom_classes
    assert view.buttons["Train"].description == "Train"


def test_what_is_wrong_is_marked_until_it_is_corrected():
    view = panel()
    view.fields["alpha"].number.value = -1
    view.fields["seeds"].number.value = 2.5
    view.train()
    assert view.status.words.splitlines() == [
        "alpha is -1; expected a finite number in [0, inf)",
        "seeds is 2.5; expected an integer from 1 to 16 here",
    ]
    assert [name for name, field in view.fields.items() if "rlkit-wrong" in field._dom_classes] == ["alpha", "seeds"]
    view.fields["alpha"].number.value = 1
    assert "rlkit-wrong" not in view.fields["alpha"]._dom_classes
    view.fields["seeds"].number.value = 2
    assert view.status.words == "Choose, then press Train."


def test_reset_brings_back_how_the_panel_began():
    view = live_trainer("IQL", NEAR_EXPERT, seeds=3, updates=50, expectile=0.8)
    first = view.settings()
    view.choose("BC,medium-rnd,learning_rate=0.01,seeds=1,updates=0")
    assert view.settings() != first
    view.reset()
    assert (view.settings(), view.fields["updates"].value) == (first, 50)


def test_a_line_of_settings_brings_them_back_elsewhere():
    view, other = panel(), live_trainer()
    view.choose("AWAC, medium-rnd, temperature=0.5, seeds=3, updates=70")
    assert view.line.value == "AWAC,medium-rnd,temperature=0.5,seeds=3,updates=70"
    assert f'href="?settings={view.line.value}"' in view.link.value
    other.line.value = view.line.value
    assert (other.settings(), other.fields["updates"].value) == (view.settings(), 70)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", 'settings are ""; expected such as "CQL,medium-rnd,alpha=0.3,seeds=4"'),
        ("CQL,medium-rnd,alpha", "expected such as"),
        ("CQL,medium-rnd,alpha=<b>", "expected such as"),
        ("CQLL,medium-rnd", "did you mean 'CQL'"),
        ("CQL,painted", "unknown data set 'painted'"),
        ("BC,medium-rnd,alpha=1", "BC has no hyperparameter 'alpha' here"),
    ],
)
def test_a_line_that_is_none_is_told_and_changes_nothing(line, words):
    view = panel()
    before = view.settings()
    view.line.value = line
    assert words in view.status.words
    assert "\n" not in view.status.words
    assert (view.settings(), view.line.value) == (before, before.line(40))


def test_a_run_is_never_drawn_on_another_ones_figure():
    view = panel()
    view.train()
    first = view.training
    first.join(120)
    view.algorithm.value = "BC"
    view.train()
    view._show(first)  # late, from the thread of a training that was replaced
    view.training.join(120)
    assert view.status.words.startswith("Done. BC")
    assert view._tiles.drawn.settings == view.training.settings


def test_what_train_begins_is_begun_and_drawn_while_the_kernel_is_idle():
    async def kernel(alpha):
        view = panel()
        view.fields["alpha"].number.value = alpha
        while view._tiles_ahead is None:
            await asyncio.sleep(0.01)
        return view

    view, other = (asyncio.run(asyncio.wait_for(kernel(alpha), 60)) for alpha in (1.0, 3.0))
    ahead, tiles = view._ahead, view._tiles_ahead
    assert ahead.settings == view.settings()
    assert (view.training, view.picture.value, view.still()) == (None, "", ("Choose, then press Train.", None))
    other.fields["alpha"].number.value = 1.0  # too late for what was begun
    third = asyncio.run(asyncio.wait_for(kernel(1.0), 60))
    third.offer("tiny", "tiny_data()", tiny_data()[:60])
    third.train()
    third.training.join(120)
    assert len(third.training.run.data) == 60, "not what was begun with other data of that name"
    at_once = panel(alpha=1.0)
    for each in (view, other, at_once):
        each.train()
        each.training.join(120)
    assert (view.training, view._tiles) == (ahead, tiles)
    assert same(view.training.agent, other.training.agent)
    for shown in ("picture", "status", "table"):
        assert getattr(view, shown).value == getattr(other, shown).value == getattr(at_once, shown).value


def test_errors_are_one_line_in_the_panel():
    view = panel()
    view.fields["alpha"].number.value = -1
    view.buttons["Train"].click()
    assert view.status.words == "alpha is -1; expected a finite number in [0, inf)"
    assert 'role="alert"' in view.status.value
    assert view.training is None
    view.fields["alpha"].number.value = 1
    view.fields["updates"].number.value = 0
    view.buttons["Train"].click()
    assert view.status.words == "updates is 0; expected an integer from 1 to 20,000 here"
    assert view.training is None
    view.fields["updates"].number.value = 40
    view.fields["learning_rate"].number.value = 1e30
    view.buttons["Train"].click()
    view.training.join(120)
    assert "diverged before update" in view.status.words
    with pytest.raises(ValueError, match="BC has no hyperparameter 'alpha' here"):
        live_trainer("BC", alpha=1.0)
    with pytest.raises(KeyError, match="did you mean 'CQL'"):
        live_trainer("CQLL")


def test_the_painter_feeds_the_trainer_and_the_probe():
    trainer = panel()
    painter, asked = data_painter(trainer, "easy"), probe(trainer)
    assert "nothing trained" in asked.status.words
    painter.map.places[1.5, 4.5].click()
    assert painter.waypoints == [(1.5, 4.5)]
    assert "20 of which reach the goal" in painter.status.words
    names = {}
    exec(f"from rlkit_workbook.widgets.paint import paint\ndata = {painter.code()}", names)
    assert torch.equal(names["data"].actions, painter.data.actions)
    painter.buttons["Train"].click()
    trainer.training.join(120)
    assert trainer.training.run.data is painter.data
    assert "CQL, alpha 0.3 on painted; place x" in asked.status.words
    asked.map.places[1.5, 4.5].click()
    assert "place x 1.5, y 4.5" in asked.status.words
    assert "believed Q" in asked.table.value
    painter.click.value = "the start"
    painter.place((0.5, 4.5))
    painter.buttons["Undo"].click()
    assert (painter.start, painter.waypoints) == ((0.5, 4.5), [])
    painter.noise.number.value = 2
    assert painter.status.words == "noise is 2; expected a share in [0, 1]"
    painter.maze.value = "medium"
    assert painter.start == MAZES["medium"].start


def test_every_control_has_a_description_and_a_tooltip():
    trainer = panel()
    agents = probe({"BC": (BC(), tiny_data())})
    controls, waiting = [], [trainer, data_painter(trainer), probe(trainer), agents]
    while waiting:
        widget = waiting.pop()
        if isinstance(widget, ipywidgets.Box):
            waiting += widget.children
        elif not isinstance(widget, (ipywidgets.HTML, ipywidgets.Image)):
            controls.append(widget)
    assert len(controls) > 60
    for control in controls:
        assert control.description, control
        assert control.tooltip, control
