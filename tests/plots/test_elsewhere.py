"""What was learned where nobody knows the truth: what the slider's figure says, and a guide's actions."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlkit_mini import explore
from rlkit_mini.agents import CQL, DQN, RND
from rlkit_mini.agents.guides import LinearController
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.training import History
from rlkit_workbook.panels.elsewhere import Elsewhere, ElsewhereFigure


def trained(data, agent, returns):
    """Summarised, as if the members had these returns, and each had played two episodes for it."""
    history = History(np.array([50, 100]), np.stack([np.zeros_like(returns), returns]), np.zeros((2, len(returns))))
    played = np.tile([10.0, 20.0], (len(returns), 1))
    judge = SimpleNamespace(evaluate=lambda policy: SimpleNamespace(returns=played))
    return Elsewhere.of(agent, history, judge, data)


@pytest.fixture(scope="module")
def data():
    return load_dataset("cartpole/noisy-v0")


@pytest.fixture
def swept(data):
    agent = CQL(alpha=[0.1, 1.0], seeds=2, features="raw", **data.sizes)
    return trained(data, agent, np.array([9.0, 11.0, 490.0, 500.0])), agent  # alpha first, then the seed


def test_the_figure_says_returns_and_belief_of_its_setting(data, swept):
    swept, agent = swept
    starts = data.observations[[0, *(np.flatnonzero(data.ends)[:-1] + 1)]]
    believed = agent.q_values(starts).max(dim=-1).values.mean(dim=-1).numpy().reshape(2, 2)
    figure = ElsewhereFigure(swept)
    assert "CQL, alpha 0.1: return 10, 9 to 11" in figure.message
    figure.show({"alpha": 1.0})
    assert "CQL, alpha 1: return 495, 490 to 500" in figure.message
    assert f"it believes {np.median(believed[1]):.1f}: values lie from 0 to 20.".replace("-", "−") in figure.message


def test_beliefs_are_drawn_beside_their_bounds_and_returns_beside_the_datas(data, swept):
    figure = ElsewhereFigure(swept[0])
    bounds = [line.get_xdata()[0] for line in figure.left.lines]
    assert np.allclose(bounds, [0, 1 / (1 - 0.95)])
    beliefs, returns = (bars.get_data().values for bars in figure.above.bars)
    assert np.isclose(beliefs.sum(), 1)
    assert sorted(returns[returns > 0]) == [0.5, 0.5]


def test_a_plane_is_drawn_over_both_of_its_axes():
    (data,) = explore(RND(observation_size=2, action_count=3, features="raw"), "MountainCar-v0", 300, progress=False)
    agent = DQN(discount=[0.9, 0.99], seeds=1, features="raw", **data.sizes)
    swept = trained(data, agent, np.array([-200.0, -190.0]))
    figure = ElsewhereFigure(swept, {"discount": 0.99})
    assert [figure.left.get_xlabel(), figure.right.get_ylabel()] == ["position", "velocity"]
    low, high = data.maze.bounds
    corner = (high - low) * 0.5 / 40 + low
    believed = agent.q_values(torch.tensor(corner, dtype=torch.float32)[None]).max(dim=-1).values[1, 0].item()
    assert np.isclose(figure.above.values.get_array()[0, 0], believed, atol=1e-4)


def test_every_panel_is_that_of_the_setting_in_the_first_picture_too(swept):
    at_once, moved = ElsewhereFigure(swept[0], {"alpha": 1.0}), ElsewhereFigure(swept[0])
    first = moved.to_pixels().copy()
    moved.show({"alpha": 1.0})
    assert (moved.to_pixels() == at_once.to_pixels()).all()
    assert (moved.to_pixels() != first).any()


def test_a_linear_controller_pushes_to_the_side_of_its_weighted_sum():
    controller = LinearController([1.0, -2.0], noise=0.2)
    policy = controller.policy(np.array([[3.0, 1.0], [1.0, 1.0]]), greedy=False)
    assert np.allclose(policy, [[[0.1, 0.9], [0.9, 0.1]]])
