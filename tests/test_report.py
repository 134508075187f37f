"""The report: finished parts are kept, and what is committed says what the README and the course say."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlkit_mini import report
from rlkit_mini.__main__ import BEGIN, END

ROOT = Path(__file__).parent.parent
RESULTS = json.loads((ROOT / "figures" / "report.json").read_text())


@pytest.fixture
def two_parts(monkeypatch):
    monkeypatch.setattr(report, "parts", lambda: [("train", "pointmass_easy_dqn"), ("compare", "medium-lazy: BC")])


def test_a_second_call_runs_only_what_is_missing(two_parts, tmp_path):
    first = report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    kept, lost = sorted(tmp_path.rglob("*.json"))
    written = kept.stat().st_mtime_ns
    lost.unlink()
    second = report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    assert kept.stat().st_mtime_ns == written
    for result in (*first.values(), *second.values()):  # the only things that two runs do not share
        result.pop("seconds", None)
        result.get("row", {}).pop("seconds", None)
    assert second == first


def test_other_numbers_of_seeds_or_steps_are_other_parts(two_parts, tmp_path):
    report.run_report(tmp_path, seeds=2, steps=3, jobs=1)
    assert len(report.run_report(tmp_path, seeds=1, steps=3, jobs=1)["medium-lazy: BC"]["returns"]) == 1


def test_readme_holds_the_committed_results():
    _, _, rest = (ROOT / "README.md").read_text().partition(BEGIN)
    assert rest.partition(END)[0].strip() == report.markdown(RESULTS).strip()


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
