"""The report: finished parts are kept, and what is committed says what its page and the course say."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rlkit_mini.experiments import EXPERIMENTS
from rlkit_mini.tables import paired
from rlkit_workbook import __main__ as command_line
from rlkit_workbook.__main__ import published
from rlkit_workbook.studies import report
from rlkit_workbook.studies.faults import gap
from rlkit_workbook.studies.report_figures import FIGURES

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "figures" / "report.json").read_text())


@pytest.fixture
def two_parts(monkeypatch):
    every, two = report.parts, ("pointmass_easy_dqn", "medium-lazy: BC")
    monkeypatch.setattr(report, "parts", lambda steps: [part for part in every(steps) if part[1] in two])


def test_a_second_call_runs_only_what_is_missing(two_parts, tmp_path):
    first = report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    kept, lost = sorted(tmp_path.rglob("*.json"))
    assert kept.name.startswith("compare-medium-lazy-bc-")
    written = kept.stat().st_mtime_ns
    lost.unlink()
    second = report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    assert kept.stat().st_mtime_ns == written
    for result in (*first.values(), *second.values()):
        result.pop("seconds", None)  # the only thing that two runs do not share
    assert second == first


def test_a_part_that_fails_is_named_and_the_others_are_kept(two_parts, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "processes", ThreadPoolExecutor)
    monkeypatch.setattr(report, "_comparison", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match=r"^1 of 2 parts failed; .*\ncompare medium-lazy: BC: division by zero$"):
        report.run_report(tmp_path, seeds=1, steps=1, jobs=1)
    (kept,) = tmp_path.rglob("*.json")
    assert kept.name.startswith("train-pointmass-easy-dqn-")


def test_a_part_that_was_made_with_other_settings_or_data_or_is_damaged_runs_again(two_parts, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "processes", ThreadPoolExecutor)

    def ran():
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
        report.run_report(tmp_path, seeds=1, steps=2, jobs=1)
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
        return sorted(path.name.split("-")[0] for path, when in after.items() if before.get(path) != when)

    assert ran() == ["compare", "train"]
    assert ran() == []
    monkeypatch.setattr(report, "checksum", lambda dataset_id: "collected anew" if "easy" in dataset_id else "lazy")
    assert ran() == ["compare", "train"]
    monkeypatch.setitem(report.AGENTS, "BC", ("BC", {"learning_rate": 1e-2}))
    assert ran() == ["compare"]
    row = EXPERIMENTS["pointmass_easy_dqn"].changed(batch_size=32)
    monkeypatch.setitem(report.EXPERIMENTS, row.name, row)
    assert ran() == ["train"]
    for damaged in tmp_path.rglob("compare-*"):
        damaged.write_text("{")
    assert ran() == ["compare"]


def test_every_part_says_what_it_is_made_with():
    facts = [json.dumps(report.made_with(*part, 8)) for part in report.parts()]
    assert len(facts) == len(report.parts())
    controls = [fact for fact in facts if '"rnd_weight": 0.0' in fact]
    assert len(controls) == len(report.MAZES)


def test_other_numbers_of_seeds_or_steps_are_other_parts(two_parts, tmp_path):
    report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    assert len(report.run_report(tmp_path, seeds=1, steps=3, jobs=1)["medium-lazy: BC"]["returns"]) == 1


def test_a_choice_is_made_seed_by_seed_and_only_the_last_way_peeks():
    candidates = [
        {"td_errors": [3, 1], "fitted_q": [-5, -9], "returns": [-30, -20]},
        {"td_errors": [2, 4], "fitted_q": [-6, -8], "returns": [-10, -40]},
    ]
    chosen = {way: picks.tolist() for way, picks in report.picks({"candidates": candidates}).items()}
    assert chosen == {"least TD error": [1, 0], "highest fitted Q": [0, 1], "best in truth": [1, 0]}


def test_choosing_judges_every_candidate_on_held_out_episodes():
    (part,) = (part for part in report.parts(steps=4) if part[1] == "choosing: medium-near-expert")
    result = json.loads(report.run_part(*part, seeds=2, steps=4))
    assert [(row["agent"], row["updates"]) for row in result["candidates"]] == [
        (label, updates) for label in report.CANDIDATES for updates in (2, 4)
    ]
    for row in result["candidates"]:
        assert all(len(row[key]) == 2 for key in ("returns", "td_errors", "fitted_q", "true"))
    assert 150 < result["held_out"] < 250  # a fifth of 1,000 steps, in whole episodes


def test_the_shorter_explorations_are_beginnings_of_the_long_one():
    long = RESULTS["pointmass_medium_rnd_20000"]
    for name, steps in {"pointmass_medium_rnd": 10_000, "pointmass_medium_rnd_1000": 1_000}.items():
        assert RESULTS[name]["steps"] == RESULTS[name]["curve"]["steps"][-1] == steps
        at = long["curve"]["steps"].index(steps)
        assert RESULTS[name]["coverage"] == long["curve"]["coverage"][at]
        assert RESULTS[name]["goals"] == long["curve"]["goals"][at]


def test_the_command_writes_tables_data_and_figures_and_publishes_them_when_asked(tmp_path, monkeypatch, capsys):
    page = tmp_path / "figures" / "RESULTS.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- report -->\nold\n<!-- end of report -->\nafter\n")
    monkeypatch.setattr(command_line, "RESULTS", page.parent)
    monkeypatch.setattr(report, "run_report", lambda *_: RESULTS)
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "report", "--publish", "--out", str(tmp_path / "out")])
    command_line.main()
    for folder in (tmp_path / "out", page.parent):
        assert json.loads((folder / "report.json").read_text()) == RESULTS
        assert {path.stem for path in folder.glob("*.png")} == {f"report_{name}" for name in FIGURES}
    tables = report.markdown(RESULTS)
    assert (tmp_path / "out" / "report.md").read_text() == tables + "\n"
    published = f"before\n<!-- report -->\n\n{tables}\n\n<!-- end of report -->\nafter\n"
    assert page.read_text() == published
    assert tables in capsys.readouterr().out


def test_the_report_holds_every_experiment_and_difference():
    assert set(EXPERIMENTS) | set(report.DIFFERENCES) <= RESULTS.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_from_the_results_alone(name):
    figure = FIGURES[name](RESULTS)
    assert all(ax.get_title(loc="left") for ax in figure.axes if ax.lines)


def test_the_page_holds_the_committed_results():
    assert published("report")[1].strip() == report.markdown(RESULTS).strip()


# What the course teaches, in the committed results


def returns(data, agent):
    return np.array(RESULTS[f"{data}: {agent}"]["returns"])


@pytest.mark.parametrize("data", report.DATA[:3])
def test_on_narrow_data_dqn_collapses_because_it_overestimates(data):
    result = RESULTS[f"{data}: DQN"]
    assert np.median(result["returns"]) < 3 * result["optimal_return"]
    assert np.median(np.subtract(result["believed"], result["true"])) > 5


@pytest.mark.parametrize("data", report.DATA[:3])
def test_on_narrow_data_a_conservative_critic_does_not_collapse(data):
    best = RESULTS[f"{data}: DQN"]["optimal_return"]
    assert np.median(returns(data, "CQL, α 1")) > 1.7 * best
    assert np.median(returns(data, "CQL, α 1")) > np.median(returns(data, "DQN")) + 50


def test_the_greedy_clone_fails_on_the_lazy_data_only():
    for data in report.DATA[:2]:
        assert np.median(returns(data, "BC")) > 1.1 * RESULTS[f"{data}: BC"]["optimal_return"]
    assert np.median(returns("medium-lazy", "BC")) < RESULTS["medium-lazy: BC"]["behaviour_return"]


def test_on_broad_data_dqn_is_within_a_tenth_of_the_optimum():
    assert np.median(returns("medium-rnd", "DQN")) > 1.1 * RESULTS["medium-rnd: DQN"]["optimal_return"]


@pytest.mark.parametrize("maze", ["hard", "veryhard"])
def test_rnd_covers_more_than_random_and_than_itself_without_a_bonus(maze):
    covered = {
        agent: np.mean(RESULTS[f"pointmass_{maze}_{agent}"]["coverage"]) for agent in ("random", "rnd", "rnd_control")
    }
    assert covered["rnd"] > covered["random"] + 0.05
    assert covered["rnd"] > covered["rnd_control"]


# The goals of the course's experiments, and what they teach


def middle(name):
    return RESULTS[name]["interquartile_mean"]


@pytest.mark.parametrize(("agent", "factor"), [("dqn", 1.1), ("cql", 1.1), ("awac", 1.1), ("iql", 1.3)])
def test_on_medium_the_interquartile_mean_is_near_the_optimum(agent, factor):
    assert middle(f"pointmass_medium_{agent}") > factor * RESULTS[f"pointmass_medium_{agent}"]["optimal_return"]


def test_easy_is_solved_and_hard_cql_is_above_45():
    assert all(middle(f"pointmass_easy_{agent}") > -15 for agent in ("dqn", "cql", "awac", "iql"))
    assert middle("pointmass_hard_cql") > -45


def test_fine_tuning_is_stably_near_the_optimum_for_every_seed():
    result = RESULTS["pointmass_hard_cql_finetune"]
    history = np.array(result["history"]["returns"])
    late = np.array(result["history"]["updates"]) > math.ceil(0.75 * result["updates"])
    assert late.sum() >= 4
    assert (np.median(history[late], axis=0) > -38).all()
    assert ((history[late] > -40).mean(axis=0) >= 0.8).all()


def test_on_broad_data_acting_adds_nothing_that_8_seeds_can_show():
    result = RESULTS["pointmass_hard_cql_finetune"]
    online, control = (result[key]["returns"][-1] for key in ("history", "control"))
    assert not paired(online, control).settled


def test_choosing_without_acting_works_on_broad_data_and_fails_on_lazy_data():
    for data, works in (("medium-rnd", True), ("medium-lazy", False)):
        result = RESULTS[f"choosing: {data}"]
        returns = np.array([row["returns"] for row in result["candidates"]])
        chosen = {way: returns[picks, np.arange(len(picks))] for way, picks in report.picks(result).items()}
        best = np.median(chosen.pop("best in truth"))
        assert best > 1.1 * result["optimal_return"]
        for way, found in chosen.items():
            assert (np.median(found) > 1.1 * best) == works, way


def test_what_the_documents_code_costs():
    for name in ("CQL: one random action, minus all", "AWAC: the actor never acts", "AWAC: a maximum in the target"):
        result = RESULTS[name]
        assert np.median(result["altered"]["returns"]) < np.median(result["control"]["returns"])
    first = RESULTS["CQL: one random action, minus all"]
    assert gap(first["altered"]) > gap(first["control"]) + 5
