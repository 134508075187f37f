"""The algorithm of CONTRIBUTING.md, added as it says, is wherever an algorithm should be."""

import numpy as np
import pytest
import torch
from helpers import contribute, random_batch, tiny_data, trained
from scipy.special import logsumexp, softmax

from rlkit_mini import MAZES, Oracle, agents, plots, train_offline
from rlkit_mini.__main__ import list_experiments
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.tables import Table, agent_row
from rlkit_workbook.sweeps import Sweep
from rlkit_workbook.widgets import live_trainer, scrub


@pytest.fixture
def name(tmp_path, monkeypatch):
    return contribute(tmp_path, monkeypatch)


def test_it_is_listed_among_the_algorithms_before_the_experiments(name, capsys):
    list_experiments()
    algorithms, _, experiments = capsys.readouterr().out.partition("\nExplorations")
    rows = [line.split() for line in algorithms.splitlines()[2:]]
    assert [row[0] for row in rows] == list(agents.ALGORITHMS)
    assert rows[-1] == [name, "learns", "from", "data"]
    assert "pointmass_" in experiments


def test_it_is_trained_live(name):
    view = live_trainer(name, dataset="pointmass/medium-near-expert-v0", seeds=2, updates=40)
    view.offer("tiny", "tiny_data()", tiny_data())
    view.dataset.value = "tiny"
    assert name in view.algorithm.options
    assert "temperature" in view.fields
    view.train()
    view.training.join(120)
    assert view.training.run.done == 40
    assert f"{name}(" in view.training.settings.code(40, tiny_data())


def test_it_stands_in_tables_legends_and_on_sliders(name):
    oracle = Oracle(MAZES["medium"])
    agent = getattr(agents, name)(temperature=[0.05, 0.5], seeds=2)
    history = train_offline(agent, tiny_data(), 20, oracle, evaluations=2, progress=False)
    assert name in repr(Table([agent_row(name, Judgement.of(agent, oracle))]))
    _, ax = plots.new_figure()
    plots.draw_curve(ax, history.updates, history.returns, f"{name}, T 0.05")
    plots.label_axes(ax, "It learns", "updates", plots.RETURN, legend="lower right")
    (line,) = ax.get_legend().get_lines()
    assert (line.get_color(), line.get_marker()) == (agents.ALGORITHMS[name].color, agents.ALGORITHMS[name].marker)
    assert f"{name}, temperature" in repr(scrub(Sweep.of(agent, history, oracle))).replace(": ", ", ")


def test_it_computes_what_its_docstrings_say(name, data):
    agent = trained(getattr(agents, name)(temperature=[0.1, 2.0], seeds=2, target_period=7), data)
    batch = random_batch(agent)
    temperatures = np.array([[[0.1]], [[0.1]], [[2.0]], [[2.0]]])
    target_q = agent.target_critic(batch.next_observations).double().numpy()
    expected = (temperatures * logsumexp(target_q / temperatures, axis=-1, keepdims=True))[..., 0]
    np.testing.assert_allclose(agent.next_values(batch.next_observations), expected, rtol=1e-4)
    q_values = agent.q_values(batch.observations).double().numpy()
    acting = agent.policy(batch.observations, greedy=False)
    np.testing.assert_allclose(acting, softmax(q_values / temperatures, axis=-1), atol=1e-4)
    assert isinstance(acting, torch.Tensor)
