"""The tables of the notebooks show what the oracle says, setting by setting."""

import numpy as np
import pytest
import torch
from helpers import tiny_data, tiny_joined, tiny_population, tiny_sweep

from rlkit_mini import MAZES, Oracle
from rlkit_mini.agents import BC
from rlkit_mini.tables import agent_rows, in_a_row, paired, references
from rlkit_mini.training import train_offline
from rlkit_workbook.panels.tables import overestimation_table, sweep_table


def test_an_agents_row_holds_its_returns_and_its_belief_at_the_start():
    agent, _, oracle = tiny_population()
    (row,) = agent_rows("CQL", agent, oracle)  # its policy is greedy already
    returns = [oracle.evaluate(lambda places, m=m: agent.policy(places)[m]).episode_return for m in range(4)]
    start = torch.from_numpy(np.divide(oracle.maze.start, oracle.maze.shape)).float()[None]
    believed = agent.q_values(start)[:, 0].max(dim=-1).values
    assert row["agent"] == "CQL"
    assert row["worst seed"] == f"{min(returns):.1f}"
    assert float(row["return: IQM [95% interval]"].split()[0]) == pytest.approx(np.mean(sorted(returns)[1:3]), abs=0.05)
    assert float(row["believed at start (median)"]) == pytest.approx(float(np.median(believed)), abs=0.1)


def test_a_clone_believes_nothing_and_has_a_row_more_where_its_actions_are_drawn():
    _, _, oracle = tiny_population()
    clone = BC(seeds=2)
    train_offline(clone, tiny_data(), 100, progress=False)
    greedy, sampled = agent_rows("BC", clone, oracle)
    assert (greedy["agent"], sampled["agent"]) == ("BC, greedy", "BC, sampled")
    assert greedy["believed at start (median)"] == sampled["believed at start (median)"] == "–"
    for row, way in ((greedy, True), (sampled, False)):
        returns = oracle.evaluate(lambda places, way=way: clone.policy(places, greedy=way)).episode_return
        assert row["worst seed"] == f"{returns.min():.1f}"
        assert -20 <= float(row["true (median)"]) <= 0, "a discounted value of at most -1 a step"


def test_references_are_the_optimum_the_data_and_chance():
    oracle, data = Oracle(MAZES["medium"]), tiny_data()
    lines, episode, finished = references(data, oracle), 0.0, []
    for reward, terminated, truncated in zip(data.rewards, data.terminations, data.truncations, strict=True):
        episode += reward.item()
        if terminated or truncated:
            finished, episode = [*finished, episode], 0.0
    assert list(lines) == ["J*", "best of data", "behaviour", "random"]
    assert lines["behaviour"] == pytest.approx(np.mean(finished))
    assert lines["random"] == pytest.approx(float(oracle.evaluate(np.full((len(oracle.cells), 5), 0.2)).episode_return))
    assert lines["random"] < lines["behaviour"] < lines["best of data"] <= lines["J*"] + 1e-9
    assert np.isnan(references(data[:5], oracle)["behaviour"]), "no episode has been finished yet"
    assert in_a_row({"J*": -20.71, "best of data": -20.0}) == "J* -20.7, best of data -20.0"


def test_a_paired_difference_takes_away_what_a_seed_has_in_common():
    rng = np.random.default_rng(1)
    luck = 30 * rng.standard_normal(8)  # of a seed, in both
    worse, better = luck + rng.standard_normal(8), luck + 3 + rng.standard_normal(8)
    gain = paired(better, worse)
    middle = np.sort(better - worse)[2:6].mean()
    assert gain.middle == pytest.approx(middle)
    assert gain.low < middle < gain.high
    assert gain.settled
    assert gain.high - gain.low < 5 < np.ptp(luck)
    back = paired(worse, better)
    np.testing.assert_allclose(back, (-gain.middle, -gain.high, -gain.low))
    assert back.settled
    assert not paired(worse, worse[::-1]).settled, "other seeds are no pairs"


def test_a_paired_difference_in_words():
    a, b = np.full(8, -20.0), np.full(8, -23.456)
    assert f"{paired(a, b)}" == "3.5 [3.5, 3.5], settled"
    assert f"{paired(a, b):.2f}" == "3.46 [3.46, 3.46], settled"
    assert f"{paired(a, a):.0f}" == "0 [0, 0], not settled"
    for wrong in (b[:4], b[:, None], 0.0):
        with pytest.raises(ValueError, match=r"expected \(seeds,\), the same seeds in both"):
            paired(a, wrong)


def test_a_sweeps_table_has_a_row_a_setting_with_its_own_returns():
    for sweep in (tiny_sweep(), tiny_joined()):
        table = sweep_table(sweep)
        assert len(table.rows) == sweep.returns[0, ..., 0].size
        for row, setting in zip(table.rows, sweep.settings, strict=True):
            returns = sweep.returns[-1, *sweep.index(setting)]
            assert row["worst seed"] == f"{returns.min():.1f}"
            assert [row[name] for name in setting] == [str(value).removesuffix(".0") for value in setting.values()]


def test_overestimation_is_counted_over_the_steps_of_the_data():
    sweep, data = tiny_sweep(), tiny_data()
    table = overestimation_table(sweep, data, "alpha 0 and 1")
    assert table.caption == "alpha 0 and 1"
    for row, errors in zip(table.rows, sweep.overestimation, strict=True):
        at_steps = [errors[sweep.judge.sub_cells(one[None])[0]] for one in data.observations.numpy()]
        assert float(row["mean over the data's states"]) == pytest.approx(np.mean(at_steps), abs=0.005)
        assert row["share of them overestimated"] == f"{sum(error > 0 for error in at_steps) / len(data):.0%}"
        assert float(row["largest anywhere"]) == pytest.approx(errors.max(), abs=0.05)
