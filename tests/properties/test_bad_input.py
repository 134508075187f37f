"""Every kind of bad input in one table: what is called, what is raised, what was wrong and what was expected."""

import copy
import dataclasses
import re
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.__main__ import WORKBOOK, main
from rlkit_mini.agents import ALGORITHMS, AWAC, BC, CQL, DQN, IQL, RND, RandomAgent
from rlkit_mini.agents.awac import advantage_weights
from rlkit_mini.agents.cql import cql_penalty
from rlkit_mini.agents.iql import expectile_loss
from rlkit_mini.data.replay import uniform_indices
from rlkit_mini.data.sets import list_datasets, save_dataset
from rlkit_mini.data.transitions import COLUMNS
from rlkit_mini.evaluation.choosing import fitted_q_evaluation
from rlkit_mini.evaluation.measures import bootstrap_interval, coverage, interquartile_mean
from rlkit_mini.evaluation.rollouts import rollout_returns
from rlkit_mini.experiments import EXPERIMENTS
from rlkit_mini.mazes import _draw
from rlkit_mini.names import UnknownNameError
from rlkit_mini.pointmass import PointmassEnv, PointmassVectorEnv
from rlkit_workbook.__main__ import main as workbook_main
from rlkit_workbook.exercises import EXERCISES, exercise, hint, quiz, show_solution
from rlkit_workbook.sweeps import Sweep
from rlkit_workbook.widgets import data_painter, gallery_panel, live_trainer, probe, scrub
from rlkit_workbook.widgets.paint import paint

MEDIUM = MAZES["medium"]
ORACLE = Oracle(MEDIUM, resolution=2)
CELLS = len(ORACLE.cells)
UNIFORM = np.full((CELLS, 5), 0.2)
DATA = load_dataset("pointmass/medium-near-expert-v0")[:300]
EASY = load_dataset("pointmass/easy-random-v0")[:300]
ENVIRONMENT, VECTOR, LEARNER = PointmassEnv(), PointmassVectorEnv(2), DQN(seeds=2)
TRAINER = live_trainer()
ENVIRONMENT.reset(seed=0)
VECTOR.reset(seed=0)


def changed(**columns):
    return dataclasses.replace(DATA, **columns)


def saved(dataset_id, data=DATA):
    save_dataset(dataset_id, data, algorithm="none", description="none", reference_returns=(-150, -20))


def trained(agent=LEARNER, data=DATA, **settings):
    return train_offline(agent, data, progress=False, **{"updates": 1} | settings)


def tuned(data=DATA, maze=MEDIUM, **settings):
    return fine_tune(LEARNER, data, maze, progress=False, **{"updates": 1, "steps": 1} | settings)


def drawn(text):
    return _draw("mine", text, 1, start=(0.5, 0.5), goal=(1, 1), goal_radius=1, horizon=5)


def unknown_exercise(): ...


def sweep():
    arrays = {name: np.zeros(1) for name in ("seeds", "updates", "returns", "values", "overestimation", "policy")}
    return Sweep("CQL", ORACLE, {"alpha": [0.0, 1.0]}, believed_start=np.zeros(1), true_start=np.zeros(1), **arrays)


NO_DISTRIBUTION = r"no distribution; expected probabilities >= 0 that sum to 1"
NO_POLICY = rf"expected probabilities \(..., {CELLS}, 5\)"
SEEDS = "; expected a positive count, or distinct integers >= 0, at most 100,000"
NO_SEEDS = (0, -1, [], [1, 1], [-1, 1], [0.5], None)
TABLE = {
    "environment": [
        (lambda: gym.make("rlkit_mini/PointmassHuge-v0"), gym.error.NameNotFound, "PointmassHuge.*Did you mean"),
        (lambda: gym.make(MEDIUM.env_id, noise=1), TypeError, "unexpected keyword argument 'noise'"),
        (lambda: PointmassEnv("midium"), UnknownNameError, "unknown maze 'midium'; did you mean 'medium'"),
        (lambda: PointmassEnv(render_mode="human"), ValueError, "render_mode is 'human'; expected None or 'rgb_array'"),
        (lambda: ENVIRONMENT.reset(seed=-1), ValueError, "seed is -1; expected an integer of at least 0"),
        (lambda: ENVIRONMENT.reset(seed=0.5), ValueError, "seed is 0.5; expected an integer"),
        (lambda: ENVIRONMENT.reset(options={"start": 1}), ValueError, r"options are \['start'\]; expected none"),
        (lambda: ENVIRONMENT.step(5), ValueError, "action is 5; expected an integer from 0 to 4"),
        (lambda: ENVIRONMENT.step(-1), ValueError, "action is -1; expected an integer from 0 to 4"),
        (lambda: ENVIRONMENT.step(1.0), ValueError, "action is 1.0; expected an integer from 0 to 4"),
        (lambda: ENVIRONMENT.step("up"), ValueError, "action is 'up'; expected an integer from 0 to 4"),
        (lambda: ENVIRONMENT.step(None), ValueError, "action is None; expected an integer from 0 to 4"),
        (lambda: VECTOR.reset(options={"start": 1}), ValueError, r"options are \['start'\]; expected none"),
        (lambda: VECTOR.step([0]), ValueError, r"int64 of shape \(1,\); expected 2 integers"),
        (lambda: VECTOR.step([0, 5]), ValueError, "from 0 to 5; expected integers from 0 to 4"),
        (lambda: VECTOR.step([0.0, 1.0]), ValueError, r"float64 of shape \(2,\); expected 2 integers"),
        (lambda: PointmassVectorEnv(0), ValueError, "num_envs is 0; expected an integer of at least 1"),
        (lambda: VECTOR.reset(seed=[1]), ValueError, r"seed is \[1\]; expected one seed, or one for each of the 2 cop"),
        (lambda: VECTOR.reset(seed=[1, None]), ValueError, r"seed is \[1, None\]; expected one seed, or one for each"),
        (lambda: VECTOR.reset(seed=[1, -1]), ValueError, "seed is -1; expected an integer of at least 0, or None"),
        (lambda: PointmassVectorEnv(1.5), ValueError, "num_envs is 1.5; expected an integer of at least 1"),
        (lambda: PointmassVectorEnv(2, max_episode_steps=0), ValueError, "max_episode_steps is 0; expected an integer"),
        (lambda: PointmassVectorEnv(2, max_episode_steps=2.5), ValueError, "max_episode_steps is 2.5; expected an int"),
        (lambda: PointmassVectorEnv(2, autoreset_mode="Disabled"), ValueError, "DISABLED; expected NEXT_STEP or SAME"),
    ],
    "maze": [
        (lambda: MAZES["hart"], UnknownNameError, "unknown maze 'hart'; did you mean 'hard'"),
        (lambda: MAZES["HARD"], UnknownNameError, "unknown maze 'HARD'; did you mean 'hard'"),
        (lambda: drawn("..\n."), ValueError, "map of 'mine' is no rectangle.*; expected rows of equal length"),
        (lambda: drawn("..\n.x"), ValueError, "map of 'mine' is no rectangle of '.' and '#'"),
        (lambda: drawn(""), ValueError, "map of 'mine' is no rectangle.*expected rows"),
    ],
    "oracle": [
        (lambda: Oracle("medium"), TypeError, r"maze is 'medium'; expected one of MAZES"),
        (lambda: Oracle(MEDIUM, discount=1.0), ValueError, "discount is 1.0; expected 0 <= discount < 1"),
        (lambda: Oracle(MEDIUM, discount="x"), ValueError, "discount is 'x'; expected 0 <= discount < 1"),
        (lambda: Oracle(MEDIUM, discount=None), ValueError, "discount is None; expected 0 <= discount < 1"),
        (lambda: Oracle(MEDIUM, resolution=0), ValueError, "resolution is 0; expected an integer from 1 to 32"),
        (lambda: Oracle(MEDIUM, resolution=True), ValueError, "resolution is True; expected an integer from 1 to 32"),
        (lambda: ORACLE.evaluate(UNIFORM[:-1]), ValueError, rf"shape \({CELLS - 1}, 5\); {NO_POLICY}"),
        (lambda: ORACLE.evaluate(UNIFORM[None][:0]), ValueError, rf"shape \(0, {CELLS}, 5\); {NO_POLICY}"),
        (lambda: ORACLE.evaluate("best"), ValueError, f"policy is a str without a shape; {NO_POLICY}"),
        (lambda: ORACLE.evaluate([[1, 2], [3]]), ValueError, f"policy is a list without a shape; {NO_POLICY}"),
        (lambda: ORACLE.evaluate(lambda places: None), ValueError, rf"shape \(\); {NO_POLICY}"),
        (lambda: ORACLE.evaluate(LEARNER), TypeError, "DQN is an agent; expected its policy, agent.policy"),
        (lambda: ORACLE.evaluate(UNIFORM * 2), ValueError, NO_DISTRIBUTION),
        (lambda: ORACLE.evaluate(UNIFORM * np.nan), ValueError, NO_DISTRIBUTION),
        (lambda: ORACLE.evaluate(-UNIFORM), ValueError, NO_DISTRIBUTION),
        (lambda: ORACLE.best_return([[np.nan, 0]], [0]), ValueError, r"outside the maze; expected numbers in \[0, 1\]"),
        (lambda: ORACLE.best_return([[0.5, 0.5]], [5]), ValueError, r"expected \(n, 2\), and \(n,\) from 0 to 4"),
    ],
    "data": [
        (lambda: load_dataset("pointmass/medium-rmd-v0"), UnknownNameError, "unknown data set.*'pointmass/medium-rnd"),
        (lambda: load_dataset(""), UnknownNameError, "unknown data set ''; did you mean"),
        (lambda: load_dataset("../../etc"), UnknownNameError, "unknown data set '../../etc'; did you mean"),
        (lambda: load_dataset(["a"]), UnknownNameError, r"unknown data set .*a.*; did you mean"),
        (lambda: saved("mine"), ValueError, "data set id is 'mine'; expected namespace/name-v0"),
        (lambda: saved("../mine-v0"), ValueError, "data set id is '../mine-v0'; expected namespace/name-v0"),
        (lambda: saved("a/b-v0", DATA[:0]), ValueError, "a/b-v0 would be empty; expected at least one transition"),
        (lambda: DATA[3], TypeError, r"a slice such as data\[:1000\], got 3"),
        (lambda: DATA["actions"], TypeError, r"a slice such as data\[:1000\], got 'actions'"),
        (lambda: DATA.split(1), ValueError, "every is 1; expected 2 to"),
        (lambda: changed(rewards=DATA.rewards[:-1]), ValueError, r"rewards are .*\(299,\); expected .*\(300,\)"),
        (lambda: changed(actions=DATA.actions.float()), ValueError, "actions are torch.float32.*; expected .*int64"),
        (
            lambda: changed(observations=DATA.observations.double()),
            ValueError,
            "observations are torch.float64.*expect",
        ),
        (lambda: changed(rewards=DATA.rewards.numpy()), ValueError, "rewards are ndarray; expected a tensor of"),
        (lambda: changed(maze="medium"), TypeError, "maze is 'medium'; expected one of MAZES"),
        (lambda: changed(actions=DATA.actions + 4), ValueError, "there are actions outside 0..4"),
        (lambda: changed(actions=DATA.actions - 1), ValueError, "there are actions outside 0..4"),
        (lambda: changed(rewards=DATA.rewards / 0), ValueError, "or rewards that are not finite"),
        (lambda: changed(observations=DATA.observations * 6), ValueError, r"observations outside \[0, 1\]; expected"),
        (
            lambda: changed(next_observations=DATA.observations * np.nan),
            ValueError,
            r"next_observations outside \[0, 1\]",
        ),
    ],
    "agent": [
        (lambda: DQN(learning_rate=-1), ValueError, r"learning_rate is -1; expected a finite number in \(0, inf\)"),
        (lambda: DQN(discount=1.0), ValueError, r"discount is 1.0; expected a finite number in \[0, 1\)"),
        (lambda: DQN(batch_size=1.5), ValueError, r"batch_size is 1.5; expected an integer in \[1, inf\)"),
        (lambda: DQN(target_period=0), ValueError, r"target_period is 0; expected a finite number in \[1, inf\)"),
        (lambda: DQN(hidden=64), ValueError, r"hidden is 64; expected the sizes of the layers, such as \(64, 64\)"),
        (lambda: DQN(hidden=(0,)), ValueError, r"hidden is \(0,\); expected the sizes of the layers"),
        (lambda: DQN(features="x"), ValueError, "features is 'x'; expected 'fourier' or 'raw'"),
        (lambda: DQN(device="gpu"), ValueError, "device is 'gpu' .*; expected 'cpu', or one that this machine has"),
        (lambda: DQN(device="cuda:99"), ValueError, "device is 'cuda:99' .*; expected 'cpu', or one that this machine"),
        (lambda: RND(rnd_features=0), ValueError, r"rnd_features is 0; expected a finite number in \[1, inf\)"),
        (lambda: RND(rnd_features=1.5), ValueError, r"rnd_features is 1.5; expected an integer in \[1, inf\)"),
        (lambda: DQN(seeds="abc"), ValueError, f"seeds is 'abc'{SEEDS}"),
        (lambda: DQN(seeds=1.5), ValueError, f"seeds is 1.5{SEEDS}"),
        (lambda: DQN(seeds=10**9), ValueError, f"seeds is 1000000000{SEEDS}"),
        (lambda: DQN(seeds=-1), ValueError, f"seeds is -1{SEEDS}"),
        (lambda: CQL(alpha=[]), ValueError, "alpha is an empty list; expected at least one value"),
        (lambda: CQL(alpha=[0.1, np.nan]), ValueError, r"alpha is nan; expected a finite number in \[0, inf\)"),
        (lambda: CQL(alpha=np.inf), ValueError, "alpha is inf; expected a finite number.*for infinity take 1e9"),
        (lambda: CQL(temperature=0), ValueError, r"temperature is 0; expected a finite number in \(0, inf\)"),
        (lambda: CQL(aplha=1), TypeError, "CQL has no setting 'aplha'; did you mean 'alpha'"),
        (lambda: AWAC(max_weight=0), ValueError, r"max_weight is 0; expected a finite number in \(0, inf\)"),
        (lambda: IQL(expectile=1), ValueError, r"expectile is 1; expected a finite number in \(0, 1\)"),
        (lambda: RND(epsilon=2), ValueError, r"epsilon is 2; expected a finite number in \[0, 1\]"),
        (lambda: LEARNER.policy(np.zeros((3, 3))), ValueError, r"shape \(3, 3\); expected \(n, 2\) or \(members, n, 2"),
        (lambda: CQL(alpha=-0.1), ValueError, r"alpha is -0.1; .*\[0, inf\)"),
        (lambda: CQL(alpha=np.nan), ValueError, r"alpha is nan; .*\[0, inf\)"),
        (lambda: CQL(alpha=[0.1, -1]), ValueError, r"alpha is -1; .*\[0, inf\)"),
        (lambda: CQL(alpha=[[1.0]]), ValueError, r"alpha is \[\[1.0\]\]; .*\[0, inf\)"),
        (lambda: CQL(alpha="1"), ValueError, r"alpha is '1'; .*\[0, inf\)"),
        (lambda: CQL(alpha=None), ValueError, r"alpha is None; .*\[0, inf\)"),
        (lambda: DQN(discount=1), ValueError, r"discount is 1; .*\[0, 1\)"),
        (lambda: DQN(discount=-0.5), ValueError, r"discount is -0.5; .*\[0, 1\)"),
        (lambda: DQN(learning_rate=0), ValueError, r"learning_rate is 0; .*\(0, inf\)"),
        (lambda: DQN(learning_rate=[0.1, 0.2]), ValueError, r"learning_rate is \[0.1, 0.2\]; .*\(0, inf\)"),
        (lambda: DQN(batch_size=0), ValueError, r"batch_size is 0; .*\[1, inf\)"),
        (lambda: BC(batch_size=1.5), ValueError, "batch_size is 1.5; expected an integer"),
        (lambda: DQN(target_period=2.5), ValueError, "target_period is 2.5; expected an integer"),
        (lambda: RND(epsilon=1.1), ValueError, r"epsilon is 1.1; .*\[0, 1\]"),
        (lambda: RND(rnd_weight=-1), ValueError, r"rnd_weight is -1; .*\[0, inf\)"),
        (lambda: DQN(features="positions"), ValueError, "'fourier' or 'raw'"),
        *((lambda seeds=seeds: BC(seeds=seeds), ValueError, SEEDS) for seeds in NO_SEEDS),
        *(
            (lambda kind=kind, name=name, bad=bad: kind(**{name: bad}), ValueError, rf"{name} is .*; .*\(0, ")
            for kind, name in [(AWAC, "temperature"), (IQL, "temperature"), (IQL, "expectile")]
            for value in (0, -0.5, np.nan, np.inf if name == "temperature" else 1)
            for bad in (value, [0.5, value])
        ),
        (lambda: BC(lerning_rate=1), TypeError, "BC has no setting.*did you mean 'learning_rate'"),
        (lambda: DQN(discout=1), TypeError, "DQN has no setting.*did you mean 'discount'"),
        (lambda: CQL(target_perriod=1), TypeError, "CQL has no setting.*did you mean 'target_period'"),
        (lambda: RND(epsilo=1), TypeError, "RND has no setting.*did you mean 'epsilon'"),
        (lambda: RandomAgent(seed=1), TypeError, "RandomAgent has no setting.*did you mean 'seeds'"),
        (lambda: DQN(alpha=0.5), TypeError, "DQN has no setting 'alpha'; expected batch_size, "),
        (lambda: BC(discount=0.5), TypeError, "BC has no setting 'discount'; expected batch_size, "),
        (lambda: CQL(dqn=0.5), TypeError, "CQL has no setting 'dqn'"),
        (lambda: DQN(population=0.5), TypeError, "DQN has no setting 'population'"),
        *(
            (lambda kind=kind, name=name: kind(**{name: True}), TypeError, f"{kind.__name__} has no setting '{name}'")
            for kind in (AWAC, IQL)
            for name in ("double", "double_q_value")
        ),
        (lambda: DQN.load("nowhere"), FileNotFoundError, "no saved agent at nowhere"),
        (lambda: DQN.load(__file__), ValueError, "damaged or no safetensors file.*save the agent again"),
    ],
    "training": [
        (lambda: trained(updates=-1), ValueError, "updates is -1; expected an integer of at least 1"),
        (lambda: trained(updates=2e4), ValueError, "updates is 20000.0; expected an integer of at least 1"),
        (lambda: trained(updates="5"), ValueError, "updates is '5'; expected an integer of at least 1"),
        (lambda: trained(evaluations=0), ValueError, "evaluations is 0; expected an integer of at least 1"),
        (lambda: trained(DQN), TypeError, r"agent is <class .*DQN'>; expected an agent, such as CQL\("),
        (
            lambda: trained(data="pointmass/medium-rnd-v0"),
            TypeError,
            "data is of type str; expected Transitions, such as",
        ),
        (lambda: trained(data=["a", "b"]), TypeError, "data is of type str; expected Transitions, such as"),
        (lambda: trained(oracle=MEDIUM), TypeError, r"oracle is Maze\('medium'.*; expected .*Oracle\(data.maze\)"),
        (lambda: trained(data=DATA[:0]), ValueError, r"data sets of \[0\] transitions; expected equal lengths"),
        (lambda: trained(data=[DATA] * 3), ValueError, "3 data sets for 2 members; expected one, or one per member"),
        (lambda: trained(data=EASY, oracle=ORACLE), ValueError, r"oracle is of Maze\('medium'.*data is from Maze\('ea"),
        (lambda: trained(RandomAgent()), TypeError, "RandomAgent does not learn from data; train one of BC, DQN"),
        (lambda: trained(RND()), RuntimeError, r"RND does not know where episodes start; it learns in explore"),
        (lambda: explore(RandomAgent(), MEDIUM, steps=0), ValueError, "steps is 0; expected an integer of at"),
        (
            lambda: explore(RandomAgent(), MEDIUM, 1e4),
            ValueError,
            "steps is 10000.0; expected an integer of at least 1",
        ),
        (lambda: explore(RandomAgent(), "medium"), TypeError, "maze is 'medium'; expected one of MAZES"),
        (lambda: explore(RND, MEDIUM), TypeError, r"agent is <class .*RND'>; expected an agent, such as CQL\("),
        (lambda: tuned(steps=0), ValueError, "steps is 0; expected an integer of at least 1"),
        (lambda: tuned(updates=1.5), ValueError, "updates is 1.5; expected an integer of at least 0"),
        (lambda: tuned(epsilon=1.5), ValueError, r"epsilon is 1.5; expected a share in \[0, 1\]"),
        (lambda: tuned(data=EASY), ValueError, r"data is from Maze\('easy'.*expected the same"),
        (lambda: tuned(maze="medium"), TypeError, "maze is 'medium'; expected one of MAZES"),
    ],
    "evaluation": [
        (lambda: interquartile_mean([]), ValueError, r"values have shape \(0,\); expected at least one number"),
        (lambda: bootstrap_interval([]), ValueError, r"shape \(0,\) or are not finite; expected finite numbers"),
        (lambda: bootstrap_interval([1, np.inf]), ValueError, "not finite; expected finite numbers"),
        (lambda: coverage([[np.nan, 1]], MEDIUM.walls), ValueError, r"not all in the maze; expected \(n, 2\)"),
        (
            lambda: coverage([[9, 9]], MEDIUM.walls),
            ValueError,
            r"not all in the maze; expected \(n, 2\), at most \(6, 6",
        ),
        (lambda: rollout_returns(None, MEDIUM, 0), ValueError, "episodes is 0; expected an integer of at least 1"),
        (lambda: rollout_returns(None, "medium", 1), TypeError, "maze is 'medium'; expected one of MAZES"),
        (
            lambda: rollout_returns(LEARNER.policy, MEDIUM, 3),
            ValueError,
            r"\(2, 3, 5\); expected probabilities \(3, 5\)",
        ),
        (
            lambda: rollout_returns(lambda o: np.full((len(o), 3), 1 / 3), MEDIUM, 2),
            ValueError,
            r"gives \(2, 3\); expe",
        ),
        (lambda: rollout_returns(lambda o: np.full((len(o), 5), np.nan), MEDIUM, 2), ValueError, NO_DISTRIBUTION),
        (lambda: fitted_q_evaluation(DATA, LEARNER.q_values), ValueError, NO_DISTRIBUTION),
        (lambda: fitted_q_evaluation(DATA, LEARNER), TypeError, "DQN is an agent; expected its policy, agent.policy"),
        (
            lambda: fitted_q_evaluation(DATA, LEARNER.policy, updates=0),
            ValueError,
            "updates is 0; expected an integer",
        ),
    ],
    "exercise": [
        (lambda: exercise(unknown_exercise), UnknownNameError, "unknown exercise 'unknown_exercise'; did you mean"),
        (lambda: hint("td_targte"), UnknownNameError, "unknown exercise 'td_targte'; did you mean 'td_target'"),
        (lambda: show_solution("cql"), UnknownNameError, "unknown exercise 'cql'; did you mean"),
        (lambda: quiz("5"), UnknownNameError, "unknown notebook '5'; did you mean"),
        (lambda: quiz(5), UnknownNameError, "unknown notebook .*5.*; did you mean"),
    ],
    "widget": [
        (lambda: live_trainer("CQLL"), UnknownNameError, "unknown algorithm 'CQLL'; did you mean 'CQL'"),
        (lambda: live_trainer("BC", alpha=1.0), ValueError, "BC has no hyperparameter 'alpha' here; expected learning"),
        (lambda: live_trainer(dataset="pointmass/no-v0"), UnknownNameError, "unknown data set 'pointmass/no-v0'; did"),
        (lambda: data_painter(None, "mediun"), UnknownNameError, "unknown maze 'mediun'; did you mean 'medium'"),
        (lambda: data_painter(None, "veryhard"), UnknownNameError, "unknown maze 'veryhard'; did you mean"),
        (lambda: paint("medium", [(1.5, 0.5)]), ValueError, r"\(1.5, 0.5\) is not free in the medium maze; expected"),
        (lambda: paint("medium", [(np.nan, 0.5)]), ValueError, r"\(nan, 0.5\) is not free in the medium maze; exp"),
        (lambda: paint("medium", [], episodes=0), ValueError, "episodes is 0; expected an integer from 1 to 100"),
        (lambda: paint("medium", [], noise=np.nan), ValueError, r"noise is nan; expected a share in \[0, 1\]"),
        (lambda: scrub(LEARNER), TypeError, r"sweep is of type DQN; expected a Sweep, such as Sweep.of\("),
        (lambda: probe(LEARNER), TypeError, "subject is a DQN; expected the live trainer, or agents and their data"),
        (lambda: gallery_panel("mediun"), UnknownNameError, "unknown sweep 'mediun CQL'; did you mean 'medium CQL'"),
        (lambda: gallery_panel("easy", "cq"), UnknownNameError, "unknown sweep 'easy cq'; did you mean 'easy CQL'"),
        (lambda: gallery_panel(setting={"alpha": 2}), ValueError, r"alpha 2 was not trained; expected one of \[0.03, "),
        (lambda: scrub(sweep(), setting={"alpha": 3.0}), ValueError, "alpha 3.0 was not trained; expected one of"),
        (lambda: scrub(sweep(), setting={"beta": 3.0}), ValueError, r"setting names \['alpha', 'beta'\]; expected"),
    ],
    "sweep": [
        (lambda: sweep().index({"alpha": 0.5}), ValueError, r"alpha 0.5 was not trained; expected one of \[0.0, 1.0\]"),
        (lambda: sweep().index({"beta": 1.0}), ValueError, r"setting names \['beta'\]; expected \['alpha'\]"),
        (lambda: Sweep.load("nowhere"), FileNotFoundError, "no saved sweep at nowhere"),
        (lambda: Sweep.join({}, "data"), ValueError, "no sweep to join; expected {name: sweep"),
        (lambda: Sweep.join({"a": sweep()}, "alpha"), ValueError, "alpha was swept already; expected another name"),
    ],
}
ROWS = [
    pytest.param(*row, id=f"{subject}-{number}") for subject, rows in TABLE.items() for number, row in enumerate(rows)
]


def state():
    """All that a refused call must leave as it was."""
    places = (ENVIRONMENT.position, VECTOR.positions, VECTOR.elapsed)
    noise = [copy.deepcopy(env.np_random.bit_generator.state) for env in (ENVIRONMENT, VECTOR)]
    learnt = [tensor.numpy().tobytes() for tensor in LEARNER.state_dict().values()]
    columns = [getattr(DATA, name).numpy().tobytes() for name in COLUMNS]
    return [place.tobytes() for place in places], noise, learnt, columns, list_datasets()


@pytest.mark.parametrize(("call", "kind", "words"), ROWS)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(call, kind, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = state()
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert re.search(words, message), message
    assert "\n" not in message
    assert len(message) < 300
    assert state() == before
    assert not list(tmp_path.iterdir())


def test_the_table_is_long():
    assert len(ROWS) >= 60


def called(arguments, monkeypatch):
    """The command line that has this command, in this process."""
    monkeypatch.setattr(sys, "argv", ["rlkit", *arguments])
    (workbook_main if arguments[0] in WORKBOOK else main)()


TRAIN = ["train", "pointmass_easy_dqn", "--steps", "1", "--seeds", "1"]
SWEEP = ["sweep", "pointmass_easy_cql", "--grid"]
COMMANDS = [
    (["train", "pointmass_medum_cql"], "did you mean 'pointmass_medium_cql"),
    (["explore", "pointmass_easy_dqn"], "pointmass_easy_dqn is run by `train pointmass_easy_dqn`"),
    (["finetune", "pointmass_easy_dqn"], "is run by `train pointmass_easy_dqn`"),
    ([*TRAIN, "--seeds", "-1"], "seeds is -1; expected an integer of at least 1"),
    ([*TRAIN, "--steps", "0"], "updates is 0; expected an integer of at least 1"),
    ([*TRAIN, "--first-seed", "-1"], "expected a positive count, or distinct integers >= 0"),
    ([*TRAIN, "--alpha", "3"], "pointmass_easy_dqn: DQN has no setting 'alpha'; expected"),
    (["train", "pointmass_easy_cql", "--alpha", "-3"], "alpha is -3.0; expected a finite number in [0, inf)"),
    ([*TRAIN, "--batch-size", "0"], "batch_size is 0; expected a finite number in [1, inf)"),
    ([*TRAIN, "--hidden", "0"], "hidden is (0,); expected the sizes of the layers"),
    ([*TRAIN, "--device", "cuda:99"], "device is 'cuda:99' ("),
    ([*TRAIN, "--dataset", "pointmass/easy-rnt-v0"], "did you mean 'pointmass/easy-rnd-v0'"),
    ([*TRAIN, "--sedes", "3"], "unknown option of `python -m rlkit_mini train`: '--sedes'; did you mean '--seeds'"),
    ([*TRAIN, "more"], "'more' is no option of `python -m rlkit_mini train`; `python -m rlkit_mini train --help`"),
    (["trian"], "unknown command 'trian'; did you mean 'train'?"),
    (["finetune", "pointmass_hard_cql_finetune", "--online-epsilon", "2"], "epsilon is 2.0; expected"),
    ([*TRAIN, "--log-interval", "0"], "log_interval is 0; expected at least 1"),
    ([*TRAIN, "--dataset-dir", "nowhere"], "unknown data set 'pointmass/easy-rnd-v0'; there is none at all"),
    (
        [*TRAIN, "--out", "/dev/null/x"],
        "/dev/null/x/pointmass_easy_dqn cannot be written to; expected a folder that can",
    ),
    (["explore", "pointmass_easy_random", "--steps", "-3"], "steps is -3; expected an integer of at least 1"),
    (["explore", "pointmass_easy_random", "--dataset", "mine"], "data set id is 'mine'; expected namespace/name-v0"),
    (["explore", "pointmass_easy_random", "--dataset-dir", "/dev/null"], "/dev/null/pointmass cannot be"),
    (["report", "--out", "/dev/null"], "/dev/null cannot be written to"),
    (["report", "--steps", "0"], "steps is 0; expected an integer of at least 1"),
    (["report", "--jobs", "0"], "jobs is 0; expected an integer of at least 1"),
    (["bench", "--out", "/dev/null"], "/dev/null cannot be written to"),
    ([*SWEEP, "alpha=1", "--out", "/dev/null"], "/dev/null/sweep-pointmass_easy_cql cannot be written to"),
    ([*SWEEP, "alpha=1", "--workers", "0"], "workers is 0; expected an integer of at least 1"),
    ([*SWEEP, "steps=nan"], "updates is nan; expected a whole number, at least 1"),
    ([*SWEEP, "steps=2,inf"], "updates is inf; expected a whole number, at least 1"),
    ([*SWEEP, "updates=many"], "updates is many; expected a whole number, at least 1"),
    ([*SWEEP, "dataset=5"], "unknown data set '5.0'; did you mean"),
    ([*SWEEP, "dataset=walked/easy-1..2"], "'walked/easy-1..2' is no data set; expected such as walked/medium-0.1"),
    ([*SWEEP, "device=cuda:99"], "device is 'cuda:99' ("),
    (["bench", "--rounds", "0"], "rounds is 0; expected an integer of at least 1"),
    (["bench", "--jax", "nowhere"], "jax is nowhere; expected a Python that can be run"),
    (["bench", "--device", "cuda:99"], "device is 'cuda:99' ("),
    (["grade", "nowhere.ipynb"], "nowhere.ipynb is no file: name the notebooks to grade"),
]


@pytest.mark.parametrize(("arguments", "words"), COMMANDS)
def test_the_command_line_says_it_in_one_line_with_exit_code_two(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        called(arguments, monkeypatch)
    assert ended.value.code == 2
    told = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()
    assert told[-1].startswith("error: ")
    assert words in told[-1]
    assert not any("Traceback" in line for line in told)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", WORKBOOK)
def test_a_command_of_the_workbook_answers_with_its_new_spelling(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rlkit_mini", command, "pointmass_medium_cql"])
    with pytest.raises(SystemExit, match="2"):
        main()
    expected = f"error: `{command}` is a command of another module: python -m rlkit_workbook {command}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (TRAIN, "results/pointmass_easy_dqn"),
        (["explore", "pointmass_easy_random", "--steps", "1"], "results/pointmass_easy_random"),
        (["explore", "pointmass_easy_random", "--steps", "1"], "results/datasets/pointmass"),
        ([*SWEEP, "steps=1"], "results/sweep-pointmass_easy_cql"),
        ([*SWEEP, "steps=1"], "results/sweeps"),
        (["grade", "05.ipynb", "--out", "results/grades"], "results"),
    ],
)
def test_a_file_in_the_way_is_told_before_the_work(arguments, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        called(arguments, monkeypatch)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "cannot be written to; expected a folder that can, or a new one" in told.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [["train"], [*TRAIN, "--seeds", "many"], ["sweep"], ["sweep", "pointmass_easy_cql"]]
)
def test_what_is_missing_or_no_number_is_told_with_exit_code_two(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        called(arguments, monkeypatch)
    assert ended.value.code == 2
    assert "Traceback" not in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())


def test_the_process_itself_ends_with_exit_code_two(tmp_path):
    command = [sys.executable, "-m", "rlkit_mini", *COMMANDS[0][0]]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (outcome.returncode, len(outcome.stderr.splitlines())) == (2, 1)
    assert outcome.stderr.startswith("error: unknown experiment")


def test_an_interrupted_command_ends_in_a_word(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rlkit_mini.__main__.list_experiments", interrupted)
    with pytest.raises(SystemExit, match="interrupted"):
        called(["list"], monkeypatch)


# Whatever it is: a right answer or the documented error ---------------------------------------------------------------

FLOATS = st.floats(width=32)
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.floats()))
MODERATE = st.floats(-1e4, 1e4, width=32)


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6), elements=st.floats()))
def test_an_interval_lies_within_the_values_or_they_are_refused(values):
    if not values.ndim or not values.size or not np.isfinite(values).all():
        with pytest.raises(ValueError, match="expected finite numbers"):
            bootstrap_interval(values)
        return
    with np.errstate(over="ignore", invalid="ignore"):  # sums of numbers near the largest
        low, high = bootstrap_interval(values)
    if np.abs(values).max() < 1e300:
        room = 1e-9 * np.abs(values).max()
        assert (values.min(axis=-1) - room <= low).all()
        assert (low <= high + room).all()
        assert (high <= values.max(axis=-1) + room).all()


@given(st.text(alphabet=".#x \n", max_size=30))
def test_a_map_is_a_rectangle_or_refused(text):
    rows = text.split()
    if "x" in text or len({len(row) for row in rows}) != 1:
        with pytest.raises(ValueError, match="no rectangle"):
            drawn(text)
    else:
        maze = drawn(text)
        assert maze.shape == (len(rows[0]), len(rows))
        assert maze.walls.sum() == text.count("#")


@given(arrays(np.float64, 5, elements=st.floats()))
def test_a_policy_has_a_return_within_the_horizon_or_is_refused(row):
    with np.errstate(all="ignore"):
        sound = (row >= 0).all() and abs(row.sum() - 1) < 1e-3
    if sound:
        assert -MEDIUM.horizon <= ORACLE.evaluate(np.tile(row, (CELLS, 1))).episode_return <= 0
    else:
        with pytest.raises(ValueError, match="no distribution"), np.errstate(all="ignore"):
            ORACLE.evaluate(np.tile(row, (CELLS, 1)))


KINDS = st.sampled_from([torch.float16, torch.float32, torch.float64, torch.int32, torch.int64, torch.bool])
SHAPES = st.lists(st.integers(0, 3), max_size=3)


@given(st.sampled_from([name for name in COLUMNS if name != "actions"]), KINDS, SHAPES)
def test_a_column_fits_or_is_refused(name, kind, shape):
    part = DATA[:2]
    if (tuple(shape), kind) == ((2, 2) if "observations" in name else (2,), COLUMNS[name]):
        assert len(dataclasses.replace(part, **{name: torch.zeros(shape, dtype=kind)})) == 2
    else:
        with pytest.raises(ValueError, match=f"^{name} are .*; expected a tensor of"):
            dataclasses.replace(part, **{name: torch.zeros(shape, dtype=kind)})


@given(ANYTHING)
def test_a_name_of_no_data_set_is_unknown(name):
    with pytest.raises(UnknownNameError, match="unknown data set"):
        load_dataset(name)


@given(st.sampled_from(["discount", "learning_rate", "batch_size", "seeds", "hidden"]), ANYTHING)
def test_a_setting_is_taken_as_it_is_or_refused(name, value):
    if isinstance(value, int) and name == "seeds":
        value = value if value > 100_000 else min(value, 3)  # what is allowed may still be too large for a test
    try:
        agent = BC(**{name: value}) if name != "discount" else DQN(discount=value)
    except ValueError as error:
        agent, message = None, str(error)
    if agent is None:
        assert re.match(f"{name} is .*; expected", message)
    elif name not in ("seeds", "hidden"):
        assert np.isfinite(value).all()


@given(
    arrays(np.float64, (2, 3), elements=st.floats(0, 1, exclude_max=True)), st.integers(0, 10**6), st.integers(1, 10**6)
)
def test_indices_are_of_transitions_that_are_there(uniforms, n_offline, n_online):
    indices = uniform_indices(uniforms, n_offline, n_online)
    assert indices.min() >= 0
    assert indices.max() < n_offline + n_online


@given(arrays(np.float32, 4, elements=MODERATE), st.floats(0.01, 1e9))
def test_advantage_weights_are_positive_capped_and_in_the_advantages_order(advantages, temperature):
    weights = advantage_weights(torch.from_numpy(advantages), temperature).numpy()
    assert ((weights >= 0) & (weights <= 100 * (1 + 1e-6))).all()  # to single precision
    assert (np.diff(weights[advantages.argsort(kind="stable")]) >= 0).all()


@given(arrays(np.float32, (3, 5), elements=MODERATE), st.floats(0.01, 100))
def test_cqls_penalty_is_never_negative(q_values, temperature):
    penalty = cql_penalty(torch.from_numpy(q_values), torch.tensor([0, 2, 4]), temperature)
    assert (penalty >= -1e-6 * max(1, np.abs(q_values).max())).all()


@given(arrays(np.float32, 4, elements=FLOATS), st.floats(0.001, 0.999))
def test_an_expectile_loss_is_no_number_only_where_the_difference_is_none(differences, expectile):
    loss = expectile_loss(torch.from_numpy(differences), expectile).numpy()
    assert (np.isnan(loss) == np.isnan(differences)).all()
    assert (loss[~np.isnan(loss)] >= 0).all()


PLACES = st.tuples(st.floats(-1e300, 1e300) | st.sampled_from([np.nan, np.inf]), st.floats())


@given(st.lists(PLACES, max_size=2), st.floats() | st.just(0.1), st.floats() | st.integers(0, 3))
def test_a_painting_is_whole_episodes_or_refused(waypoints, noise, episodes):
    data, told = None, ""
    try:
        data = paint("easy", waypoints, noise, episodes)
    except ValueError as error:
        told = str(error)
    if data is None:
        assert re.search(r"(is not free in the easy maze|^noise is .*|^episodes is .*); expected", told)
    else:
        assert len(data.episode_returns) == episodes


@given(st.sampled_from(["alpha", "temperature", "learning_rate", "batch_size", "target_period"]), st.floats())
def test_whatever_is_typed_into_the_live_trainer_trains_or_is_told(name, value):
    view, before, agent, told = TRAINER, TRAINER.training, None, ""
    view.fields[name].number.value = value
    try:
        agent = view.settings().make_agent(DATA)
    except ValueError as error:
        told = str(error)
    if agent is None:
        view.train()
        assert (view.status.words, view.training) == (told, before)
        assert "; expected" in told
    else:
        assert getattr(agent, name) == value
    view.fields[name].number.value = 1 if name != "batch_size" else 64


@given(KINDS, SHAPES)
def test_observations_are_of_two_numbers_or_refused(kind, shape):
    observations = torch.zeros(shape, dtype=kind)
    fits = len(shape) in (2, 3) and shape[-1] == 2 and (len(shape) == 2 or shape[0] in (1, 2))
    if fits:
        assert LEARNER.q_values(observations).shape == (2, shape[-2], 5)
    else:
        with pytest.raises(ValueError, match=r"^observations (have shape|are of) .*; expected"):
            LEARNER.q_values(observations)


@given(arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]), array_shapes(max_dims=2, max_side=3)))
def test_a_step_takes_one_action_an_environment_or_refuses(actions):
    fits = actions.shape == (2,) and actions.dtype == np.int64 and ((actions >= 0) & (actions < 5)).all()
    if fits:
        assert VECTOR.step(actions)[0].shape == (2, 2)
    else:
        with pytest.raises(ValueError, match="; expected"):
            VECTOR.step(actions)


@given(st.text(max_size=12))
def test_an_unknown_name_of_anything_is_answered_with_the_closest(name):
    for catalogue in (MAZES, EXPERIMENTS, EXERCISES, ALGORITHMS):
        if name not in catalogue:
            with pytest.raises(UnknownNameError, match=r"^unknown .*; did you mean"):
                catalogue[name]
