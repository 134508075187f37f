"""The tables of the notebooks show what the oracle says, setting by setting."""

import numpy as np
import pytest
import torch
from helpers import tiny_data, tiny_joined, tiny_population, tiny_sweep

from rlkit_mini.agents import BC
from rlkit_mini.tables import agent_row
from rlkit_mini.training import train_offline
from rlkit_workbook.panels.tables import overestimation_table, sweep_table


def test_an_agents_row_holds_its_returns_and_its_belief_at_the_start():
    agent, _, oracle = tiny_population()
    row = agent_row("CQL", agent, oracle)
    returns = [oracle.evaluate(lambda places, m=m: agent.policy(places)[m]).episode_return for m in range(4)]
    start = torch.from_numpy(np.divide(oracle.maze.start, oracle.maze.shape)).float()[None]
    believed = agent.q_values(start)[:, 0].max(dim=-1).values
    assert row["agent"] == "CQL"
    assert row["worst seed"] == f"{min(returns):.1f}"
    assert float(row["return: IQM [95% interval]"].split()[0]) == pytest.approx(np.mean(sorted(returns)[1:3]), abs=0.05)
    assert float(row["believed value at start"]) == pytest.approx(float(np.median(believed)), abs=0.1)


def test_a_clone_believes_nothing_and_acts_differently_when_it_samples():
    _, _, oracle = tiny_population()
    clone = BC(seeds=2)
    train_offline(clone, tiny_data(), 100, progress=False)
    greedy, sampled = (agent_row("BC", clone, oracle, greedy) for greedy in (True, False))
    assert greedy["believed value at start"] == "–"
    assert greedy["return: IQM [95% interval]"] != sampled["return: IQM [95% interval]"]
    assert -20 <= float(greedy["true value"]) <= 0, "a discounted value of at most -1 a step"


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
        at_steps = [errors[sweep.oracle.sub_cells(one[None])[0]] for one in data.observations.numpy()]
        assert float(row["mean over the data's states"]) == pytest.approx(np.mean(at_steps), abs=0.005)
        assert row["share of them overestimated"] == f"{sum(error > 0 for error in at_steps) / len(data):.0%}"
        assert float(row["largest anywhere"]) == pytest.approx(errors.max(), abs=0.05)
