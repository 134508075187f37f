"""What was learned where nobody knows the truth: what the slider's figure says, and a guide's actions."""

from types import SimpleNamespace

import numpy as np

from rlkit_mini.agents import CQL
from rlkit_mini.agents.guides import LinearController
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.training import History
from rlkit_workbook.panels.elsewhere import Elsewhere, ElsewhereFigure


def test_the_figure_says_returns_and_belief_of_its_setting():
    data = load_dataset("cartpole/noisy-v0")
    agent = CQL(alpha=[0.1, 1.0], seeds=2, features="raw", **data.sizes)
    returns = np.array([[9.0, 11.0, 490.0, 500.0]])  # alpha first, then the seed
    history = History(np.array([100]), returns, np.zeros((1, 4)))
    swept = Elsewhere.of(agent, history, SimpleNamespace(), data)
    starts = data.observations[[0, *(np.flatnonzero(data.ends)[:-1] + 1)]]
    believed = agent.q_values(starts).max(dim=-1).values.mean(dim=-1).numpy().reshape(2, 2)
    figure = ElsewhereFigure(swept)
    assert "alpha 0.1: return 10, 9 to 11" in figure.message
    figure.show({"alpha": 1.0})
    assert "alpha 1: return 495, 490 to 500" in figure.message
    assert f"it believes {np.median(believed[1]):.1f}" in figure.message


def test_the_curve_in_colour_is_that_of_the_setting_in_the_first_picture_too():
    returns = np.arange(12.0).reshape(2, 3, 2)  # evaluations, settings, seeds
    swept = Elsewhere("CQL", None, {"alpha": [0.1, 1.0, 10.0]}, np.array([50, 100]), returns, np.ones((3, 2)))
    at_once, moved = ElsewhereFigure(swept, {"alpha": 10.0}), ElsewhereFigure(swept)
    first = moved.to_pixels().copy()
    moved.show({"alpha": 10.0})
    assert (moved.to_pixels() == at_once.to_pixels()).all()
    assert (moved.to_pixels() != first).any()


def test_a_linear_controller_pushes_to_the_side_of_its_weighted_sum():
    controller = LinearController([1.0, -2.0], noise=0.2)
    policy = controller.policy(np.array([[3.0, 1.0], [1.0, 1.0]]), greedy=False)
    assert np.allclose(policy, [[[0.1, 0.9], [0.9, 0.1]]])
