"""The experiments run by name, from the command line as a user would."""

import contextlib
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import minari
import numpy as np
import pytest
from helpers import assert_same_bits

from rlkit_mini import explore, load_dataset, train_offline
from rlkit_mini.__main__ import main
from rlkit_mini.agents import ALGORITHMS, CQL, RandomAgent
from rlkit_mini.data.sets import save_dataset
from rlkit_mini.experiments import EXPERIMENTS, Experiment, read_experiments
from rlkit_mini.names import UnknownNameError
from rlkit_mini.running import as_row, run_experiment

BLOG = (
    *(f"pointmass_{maze}_{agent}" for maze in ("easy", "medium", "hard") for agent in ("random", "rnd")),
    *(f"pointmass_medium_rnd_{size}" for size in (1000, 5000, 10000, 20000)),
    *(f"pointmass_{maze}_{agent}" for maze in ("easy", "medium", "hard") for agent in ("dqn", "cql", "awac", "iql")),
    *(f"pointmass_medium_cql_alpha{alpha}" for alpha in (0, 1, 10)),
    *(f"pointmass_medium_cql_rnd{size}" for size in (1000, 5000, 10000, 20000)),
    "pointmass_hard_cql_finetune",
)


FILES = ["agent.safetensors", "curve.csv", "figure.png", "result.json"]


def command(*arguments, cwd):
    """The command line in this process, where a second start of Python would only cost time."""
    said, told, code = io.StringIO(), io.StringIO(), 0
    with contextlib.chdir(cwd), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rlkit_mini", *map(str, arguments)])
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            try:
                main()
            except SystemExit as ended:
                code = ended.code
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), told.getvalue())


@pytest.mark.parametrize("name", BLOG)
def test_every_name_runs(name):
    row = EXPERIMENTS[name]
    if row.command == "explore":
        summary = run_experiment(row.changed(steps=80), seeds=2).summary
        assert summary["steps"] == 80
        assert all(0 < share < 1 for share in summary["coverage"])
        return
    if row.command == "finetune":
        result = run_experiment(row.changed(updates=3, online_steps=2), seeds=2, log_interval=1)
        tuned, control = result.summary["history"], result.summary["control"]
        assert result.history.updates.tolist() == tuned["updates"] == control["updates"] == [1, 2, 3, 4, 5]
        assert tuned["returns"][:3] == control["returns"][:3]
        assert (result.summary["online_from"], len(result.history.collected[1])) == (3, 2)
    summary = result.summary if row.command == "finetune" else run_experiment(row.changed(updates=3), seeds=2).summary
    assert summary["updates"] == 3 + 2 * (row.command == "finetune")
    assert len(summary["returns"]) == 2
    assert summary["worst"] <= summary["interquartile_mean"] <= summary["optimal_return"] + 1e-9


@pytest.mark.parametrize("name", ["pointmass_hard_rnd", "pointmass_medium_cql"])
def test_the_courses_own_settings_run(name):
    row = EXPERIMENTS[name].as_in_the_course()
    length = {"steps": 130} if row.command == "explore" else {"updates": 2}
    assert run_experiment(row.changed(**length), seeds=1).summary
    agent = row.make_agent()
    assert (agent.features, agent.target_period, agent.batch_size) == ("raw", 300, 128)


@pytest.mark.parametrize("name", ["pointmass_medium_awac", "pointmass_hard_iql"])
def test_the_courses_actors_are_wider_than_its_critics(name):
    agent = EXPERIMENTS[name].as_in_the_course().make_agent()
    assert tuple(agent.actor.network.layers[0][0].shape) == (1, 128, 2)
    assert tuple(agent.critic.layers[0][0].shape) == (1, 64, 2)


def test_an_unknown_name_gives_the_closest():
    with pytest.raises(UnknownNameError, match="pointmass_medium_cql"):
        EXPERIMENTS["pointmass_medum_cql"]


MINE = """
[mine]
agent = "CQL"
dataset = "pointmass/medium-lazy-v0"
updates = 20
alpha = 3.0
course = { updates = 30, alpha = 1.0, target_period = 300 }
"""


def test_a_reader_adds_a_row_and_the_course_replaces_what_it_names(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    row = read_experiments(tmp_path / "mine.toml")["mine"]
    assert (row.command, row.updates, row.make_agent(2).alpha) == ("train", 20, 3.0)
    course = row.as_in_the_course()
    agent = course.make_agent(2)
    assert (course.updates, agent.alpha, agent.target_period) == (30, 1.0, 300)
    assert row.words() == "medium-lazy, 20 updates, alpha 3.0"
    assert row.differences() == "course: updates 30, alpha 1.0, target_period 300"
    assert run_experiment(row, seeds=1).summary["agent"] == {"algorithm": "CQL", **row.make_agent().configuration}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('agent = "CQL"', 'agent = "CQI"', "unknown algorithm 'CQI'; did you mean 'CQL'"),
        ("updates = 20", "", "experiment mine has no updates; expected agent, dataset, updates and any settings"),
        ("updates = 20", 'maze = "medium"', "experiment mine has no steps; expected agent, dataset, maze, steps"),
        ("updates = 20", 'maze = "huge"\nsteps = 3', "unknown maze 'huge'"),
        ("alpha = 3.0", "alpha = ", "mine.toml is no TOML"),
    ],
)
def test_a_row_that_says_too_little_is_told(before, after, words, tmp_path):
    (tmp_path / "mine.toml").write_text(MINE.replace(before, after))
    with pytest.raises((KeyError, ValueError), match=words) as error:
        read_experiments(tmp_path / "mine.toml")
    assert "\n" not in str(error.value)


def test_a_setting_that_the_agent_does_not_have_is_told_with_the_experiments_name(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE.replace("alpha = 3.0", "alhpa = 3.0"))
    with pytest.raises(ValueError, match="mine: CQL has no setting 'alhpa'; did you mean 'alpha'"):
        read_experiments(tmp_path / "mine.toml")["mine"].make_agent()


def test_list_shows_algorithms_then_every_experiment_with_its_settings_in_80_columns(tmp_path):
    listed = command("list", cwd=tmp_path)
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    first = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert first == [*ALGORITHMS, *EXPERIMENTS]
    words = " ".join(listed.stdout.split())
    assert "pointmass_medium_cql_alpha10 medium-rnd, 4,000 updates, alpha 10.0 course: updates 100,000" in words


@pytest.mark.parametrize("arguments", [["list"], ["train", "--help"], ["--help"]])
def test_what_only_tells_needs_no_torch(arguments, tmp_path):
    """So it is there at once: in less than a second on a quiet machine."""
    code = f"import sys, rlkit_mini.__main__ as line; sys.argv = {['rlkit_mini', *arguments]}"
    code += "\ntry: line.main()\nexcept SystemExit: pass"
    code += "\nprint({'torch', 'scipy', 'matplotlib', 'minari'} & sys.modules.keys())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "set()"
    assert len(told.splitlines()) > 3


def test_the_version_is_that_of_the_package(tmp_path):
    assert command("--version", cwd=tmp_path).stdout == f"rlkit_mini {importlib.metadata.version('rlkit_mini')}\n"


def test_explored_data_can_be_trained_on_and_nothing_is_overwritten(tmp_path, monkeypatch):
    explored = command(
        "explore", "pointmass_easy_rnd", "--seeds", 2, "--steps", 300, "--dataset-dir", "mine", cwd=tmp_path
    )
    assert explored.returncode == 0, explored.stderr
    result = json.loads((tmp_path / "results/pointmass_easy_rnd/result.json").read_text())
    assert len(result["coverage"]) == 2
    assert (tmp_path / "results/pointmass_easy_rnd/figure.png").read_bytes()[:4] == b"\x89PNG"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "mine"))
    assert minari.load_dataset("pointmass/easy-rnd-v0").total_steps == 300
    assert minari.load_dataset("pointmass/easy-rnd-seed1-v0").total_steps == 300

    again = command(
        "explore", "pointmass_easy_rnd", "--seeds", 2, "--steps", 300, "--dataset-dir", "mine", cwd=tmp_path
    )
    assert again.returncode == 2
    assert "overwrite" in again.stderr
    assert len(again.stderr.strip().splitlines()) == 1

    trained = command(
        "train", "pointmass_easy_dqn", "--seeds", 2, "--steps", 20, "--log-interval", 10, "--dataset-dir", "mine",
        cwd=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr


def test_explored_data_goes_where_the_results_go_under_a_name_of_ones_own(tmp_path, monkeypatch):
    words = ("--seeds", 2, "--first-seed", 3, "--steps", 60, "--out", "here", "--dataset", "mine/trial-v0")
    explored = command("explore", "pointmass_easy_random", *words, cwd=tmp_path)
    assert explored.returncode == 0, explored.stderr
    assert "a trial: 60 of the experiment's 10,000 steps, too few to judge RandomAgent by" in explored.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "here/datasets"))
    both = [minari.load_dataset(f"mine/trial-seed{seed}-v0").total_steps for seed in (3, 4)]
    assert both == [60, 60]


def test_fine_tuning_writes_table_figure_and_agent(tmp_path):
    tuned = command(
        "finetune", "pointmass_hard_cql_finetune", "--seeds", 2, "--steps", 20, "--online-steps", 10, cwd=tmp_path
    )
    assert tuned.returncode == 0, tuned.stderr
    folder = tmp_path / "results/pointmass_hard_cql_finetune"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    result = json.loads((folder / "result.json").read_text())
    assert (result["online_from"], result["updates"]) == (20, 30)


def test_training_writes_table_figure_and_agent(tmp_path):
    trained = command("train", "pointmass_medium_cql", "--seeds", 2, "--steps", 20, "--out", "here", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "pointmass_medium_cql" in trained.stdout
    folder = tmp_path / "here/pointmass_medium_cql"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    result = json.loads((folder / "result.json").read_text())
    assert np.isfinite(result["returns"]).all()
    header, *rows = (folder / "curve.csv").read_text().splitlines()
    assert header == "updates,seed 0,seed 1"
    assert [row.split(",")[0] for row in rows] == [str(update) for update in range(2, 21, 2)]
    assert [float(value) for value in rows[-1].split(",")[1:]] == result["history"]["returns"][-1]
    assert max(map(len, trained.stdout.splitlines())) <= 80


def test_settings_seeds_and_data_are_options(tmp_path):
    words = ["--alpha", 3, "--device", "cpu", "--first-seed", 8, "--dataset", "pointmass/medium-lazy-v0"]
    words += ["--hidden", 32, 16, "--double", "False", "--seeds", 2]
    trained = command("train", "pointmass_medium_cql", *words, "--updates", 20, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "a trial: 20 of the experiment's 4,000 updates, too few to judge CQL by" in trained.stdout
    agent = CQL.load(tmp_path / "results/pointmass_medium_cql/agent.safetensors")
    assert (agent.alpha, agent.seeds.tolist(), agent.double) == (3.0, [8, 9], False)
    result = json.loads((tmp_path / "results/pointmass_medium_cql/result.json").read_text())
    assert (result["dataset"], result["agent"]["alpha"]) == ("pointmass/medium-lazy-v0", 3.0)
    alone = CQL(alpha=3.0, hidden=(32, 16), double=False, seeds=[8, 9])
    train_offline(alone, load_dataset("pointmass/medium-lazy-v0"), 20, progress=False)
    assert_same_bits(agent, alone)


def test_the_seeds_options_go_on_as_they_are_spelt_there(tmp_path):
    """`-cfg ... --dataset_dir datasets/ --log_interval 1000`."""
    words = ("--seeds", 1, "--steps", 20, "--dataset_dir", Path(__file__).parents[2] / "datasets", "--log_interval", 5)
    run = command("train", "pointmass_hard_iql", *words, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    rows = (tmp_path / "results/pointmass_hard_iql/curve.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["5", "10", "15", "20"]


def test_a_training_that_is_interrupted_before_an_evaluation_says_so(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(CQL, "update", interrupted)
    row = EXPERIMENTS["pointmass_medium_cql"].changed(updates=5)
    with pytest.raises(RuntimeError, match="pointmass_medium_cql was interrupted too early to be shown"):
        run_experiment(row, seeds=1, progress=False)


def test_the_courses_length_and_settings_run_with_course(tmp_path):
    run = command("train", "pointmass_easy_awac", "--course", "--updates", 10, "--seeds", 1, cwd=tmp_path)
    assert "a trial: 10 of the experiment's 100,000 updates" in run.stdout
    agent = json.loads((tmp_path / "results/pointmass_easy_awac/result.json").read_text())["agent"]
    assert (agent["temperature"], agent["features"], agent["actor_hidden"]) == (1.0, "raw", [128, 128])


def test_a_run_that_is_half_as_long_as_its_experiment_is_no_trial(tmp_path, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "mine", EXPERIMENTS["pointmass_easy_dqn"].changed(updates=20))
    run = command("train", "mine", "--updates", 10, "--seeds", 1, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "trial" not in run.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "pointmass_medum_cql"], "pointmass_medium_cql"),
        (["train", "pointmass_easy_rnd"], "explore pointmass_easy_rnd"),
        (["explore", "pointmass_easy_dqn"], "train pointmass_easy_dqn"),
        (["train", "pointmass_hard_cql_finetune"], "finetune pointmass_hard_cql_finetune"),
        (["finetune", "pointmass_hard_cql"], "train pointmass_hard_cql"),
        (["finetune", "pointmass_hard_cql_finetune", "--online-steps", "0"], "steps is 0"),
        (["train", "pointmass_easy_dqn", "--steps", "0"], "at least 1"),
        (["train", "pointmass_easy_dqn", "--seeds", "0"], "seeds"),
        (["explore", "pointmass_easy_rnd", "--steps", "-5"], "at least 1"),
        (["train", "pointmass_easy_dqn", "--dataset-dir", "nowhere"], "easy-rnd"),
        (["train", "pointmass_easy_dqn", "--steps", "many"], "steps"),
        (["train", "pointmass_easy_dqn", "--log-interval", "0"], "log_interval is 0; expected at least 1"),
        (["fly"], "fly"),
    ],
)
def test_a_mistake_gives_exit_code_two_and_writes_nothing(arguments, expected, tmp_path):
    outcome = command(*arguments, cwd=tmp_path)
    assert outcome.returncode == 2
    assert expected in outcome.stderr + outcome.stdout
    assert "Traceback" not in outcome.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


PAGE = (Path(__file__).parents[2] / "rlkit_mini" / "README.md").read_text()


def test_the_page_maps_every_command_of_the_blog():
    """Each of its 30-odd configuration files to the command that runs it here."""
    rows = [line.split("|")[1:3] for line in PAGE.splitlines() if ".yaml`" in line]
    ours = {}
    for theirs, here in rows:
        for configuration in re.findall(r"`(?:\w+/)*(\w+)\.yaml`", theirs):
            ours[configuration] = re.findall(r"`(\w+) (\w+)`", here)
    assert ours.keys() == set(BLOG)
    for configuration, found in ours.items():
        assert found == [(EXPERIMENTS[configuration].command, configuration)]


def test_a_terminal_that_lacks_a_letter_is_no_reason_to_stop(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for words in (["rlkit_mini", "list"], ["rlkit_workbook", "grade", str(tmp_path / "Übung ✓.ipynb")]):
        done = subprocess.run([sys.executable, "-m", *words], env=environment, cwd=tmp_path, capture_output=True)
        assert done.returncode == (0 if words[-1] == "list" else 2)
        assert b"Traceback" not in done.stderr
        assert done.stdout or done.stderr.startswith(b"error: ")


def test_without_a_name_an_agent_explores_and_learns_in_any_environment(tmp_path):
    few = ["--seeds", 2, "--dataset-dir", "sets"]
    explored = command("explore", "--env", "Acrobot-v1", "--agent", "rnd", "--steps", 70, *few, cwd=tmp_path)
    assert (explored.returncode, explored.stderr.count("error")) == (0, 0)
    assert "terminations per member" in explored.stdout
    data = load_dataset("acrobot/rnd-v0", tmp_path / "sets")
    assert (str(data.maze), len(data)) == ("Acrobot-v1", 70)
    for name, rest in (("train", []), ("finetune", ["--online-steps", 2, "--discount", 0.99])):
        asked = ["--agent", "IQL", "--dataset", "acrobot/rnd-v0", "--updates", 2, "--log-interval", 4, *few, *rest]
        trained = command(name, *asked, cwd=tmp_path)
        assert trained.returncode == 0, trained.stderr
        assert "return in rollouts: IQM [95% interval]" in trained.stdout
        assert ("try 0.99 or more" in trained.stdout) == (name == "train")
        assert sorted(path.name for path in (tmp_path / "results" / "acrobot_rnd_iql").iterdir()) == FILES
    agent = ALGORITHMS["IQL"].load().load(tmp_path / "results" / "acrobot_rnd_iql" / "agent.safetensors")
    assert (agent.observation_size, agent.action_count, agent.features) == (6, 3, "raw")


def test_of_an_environment_that_is_not_there_training_says_what_it_cannot_know(tmp_path, capsys):
    (data,) = explore(RandomAgent(observation_size=4, action_count=2), "CartPole-v1", 40, progress=False)
    save_dataset("lost/random-v0", data, algorithm="random", description="A test.", folder=tmp_path)
    path = tmp_path / "lost" / "random-v0" / "data" / "metadata.json"
    path.write_text(path.read_text().replace("CartPole-v1", "Lost-v7"))
    row = Experiment.unnamed("train", "bc", dataset="lost/random-v0").changed(updates=2, dataset_dir=tmp_path)
    result = run_experiment(row, seeds=2, progress=False)
    assert "Lost-v7 is not known to Gymnasium here" in (said := capsys.readouterr().out)
    assert "nobody can know what agents are worth" in said
    assert result.history.returns is None
    assert np.isfinite(result.summary["start_value_by_fqe"])
    assert "–" in as_row(result.summary).values()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["train"], "expected either the NAME of an experiment, see `list`, or --agent"),
        (["train", "pointmass_medium_cql", "--agent", "iql"], "expected either the NAME of an experiment"),
        (["train", "--agent", "iqll", "--dataset", "pointmass/medium-rnd-v0"], "did you mean 'iql'"),
        (["train", "--agent", "iql"], "--agent iql has no data; expected --dataset too"),
        (["explore", "--agent", "rnd"], "expected --env too"),
        (["explore", "--agent", "rnd", "--env", "CartPol-v1"], "Did you mean: `CartPole`"),
        (["explore", "--agent", "rnd", "--env", "mediun"], "unknown maze 'mediun'; did you mean 'medium'"),
    ],
)
def test_what_is_asked_without_a_name_is_told_what_it_lacks(asked, words, tmp_path):
    refused = command(*asked, cwd=tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert words in refused.stderr
