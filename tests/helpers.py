"""What several test files use: small populations and sweeps, random tensors, comparisons to the bit."""

import copy
import ctypes
import dataclasses
import functools
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from rlkit_mini import MAZES, Oracle, agents, explore, train_offline
from rlkit_mini.agents import CQL, DQN, RND
from rlkit_mini.agents.dqn import value_of_action
from rlkit_mini.agents.guides import near_expert
from rlkit_mini.data.replay import Replay
from rlkit_mini.data.transitions import Batch
from rlkit_workbook.exercises import EXERCISES, exercise
from rlkit_workbook.sweeps import ExplorationSweep, Sweep


@functools.cache
def tiny_data():
    (data,) = explore(near_expert(Oracle(MAZES["medium"]), 0.1), MAZES["medium"], 500, progress=False)
    return data


@functools.cache
def tiny_population():
    """A trained population over alpha: agent, history, oracle."""
    oracle = Oracle(MAZES["medium"])
    agent = CQL(alpha=[0, 1], seeds=[3, 5])
    return agent, train_offline(agent, tiny_data(), 200, oracle, evaluations=4, progress=False), oracle


@functools.cache
def tiny_sweep() -> Sweep:
    return Sweep.of(*tiny_population())


@functools.cache
def tiny_square() -> Sweep:
    """A sweep of two hyperparameters, hardly trained."""
    oracle = Oracle(MAZES["medium"])
    agent = CQL(alpha=[0.1, 1, 10], temperature=[0.5, 2.0], seeds=2)
    return Sweep.of(agent, train_offline(agent, tiny_data(), 4, oracle, evaluations=2, progress=False), oracle)


@functools.cache
def tiny_joined() -> Sweep:
    """Two hardly trained sweeps of different data, joined by names, in the order of the slider."""
    oracle, sweeps = Oracle(MAZES["medium"]), {}
    for name, size in (("narrow", 100), ("broad", 500)):
        agent = DQN(seeds=2)
        history = train_offline(agent, tiny_data()[:size], 4, oracle, evaluations=2, progress=False)
        sweeps[name] = Sweep.of(agent, history, oracle)
    return Sweep.join(sweeps, name="data")


EXPLORED = {"rnd_weight": [0, 1], "epsilon": [0.1, 0.5], "seeds": [3, 5]}


@functools.cache
def near_goal() -> Oracle:
    """Of a maze whose goal is found soon."""
    return Oracle(dataclasses.replace(MAZES["medium"], goal=(2.5, 1.5)))


@functools.cache
def tiny_explorers() -> ExplorationSweep:
    return ExplorationSweep.explore(RND(**EXPLORED), near_goal(), 300, 3, progress=False)


STATES = np.random.default_rng(0).random((50, 2))


ROOT = Path(__file__).resolve().parent.parent


def contribute(folder: Path, monkeypatch) -> str:
    """Add CONTRIBUTING.md's algorithm as it says, file and row, until the test is over: its name."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## An algorithm\n")[2].partition("\n## ")[0]
    path = re.search(r"`rlkit_mini/agents/(\w+\.py)`:\n", section).group(1)
    code, row = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (folder / path).write_text(code)
    monkeypatch.setattr(agents, "__path__", [*agents.__path__, str(folder)])
    ((name, algorithm),) = eval(f"{{{row.strip()}}}", dict(vars(agents))).items()
    monkeypatch.setitem(agents.ALGORITHMS, name, algorithm)
    return name


def as_others():
    """In a new process, before its program: root, too, is refused what its permissions refuse (as to every user)."""
    for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # drop it from the bounding set


def homeless(monkeypatch):
    """As in a container with a user id that has no account."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])


def trained(agent, data, updates=20):
    train_offline(agent, data, updates, progress=False)
    return agent


def weights(agent):
    """Each member's tensors, name -> (members, ...)."""
    return {name: tensor.numpy() for name, tensor in agent.state_dict().items()}


def assert_same_bits(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.tobytes() == other[name].tobytes(), name


def replay_of(agent, data, **options):
    return Replay(data, agent.members, agent.batch_size, agent.minibatches, **options)


def random_batch(agent, seed=0):
    rng = np.random.default_rng(seed)
    shape = (agent.members, agent.batch_size)
    terminations = rng.random(shape) < 0.3
    columns = (rng.random((*shape, 2)), rng.integers(5, size=shape), terminations - 1, rng.random((*shape, 2)))
    observations, actions, rewards, next_observations = (torch.from_numpy(column) for column in columns)
    return Batch(
        observations.float(),
        actions,
        rewards.float(),
        next_observations.float(),
        torch.from_numpy(terminations).float(),
    )


seeds = st.integers(0, 2**32 - 1)


leading = st.sampled_from([(7,), (3, 7), (2, 3, 4), (1, 1)])


each_kind = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def draw(seed, shape, scale=10.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def tensors(*arrays, dtype=torch.float64):
    return [torch.as_tensor(a, dtype=None if np.asarray(a).dtype.kind in "iub" else dtype) for a in arrays]


def picked(q_values, actions):
    """Q(s, a) by plain indexing."""
    picks = [row[action] for row, action in zip(q_values.reshape(-1, 5), actions.ravel(), strict=True)]
    return np.array(picks).reshape(actions.shape)


def draw_actions(seed, shape):
    return np.random.default_rng(seed + 1).integers(5, size=shape)


def array(tensor):
    return tensor.detach().double().numpy()


def one_update(kind, functions, **settings):
    """An agent with an actor before and after its sixth update; batch, losses, and the calls of its `functions`."""
    agent = kind(temperature=[0.05, 1.0], max_weight=3.0, **settings, seeds=2, learning_rate=0.01)
    for step in range(5):
        agent.update(random_batch(agent, step))
    before, batch, calls = copy.deepcopy(agent), random_batch(agent, 5), []
    for function in functions:
        spy = functools.partial(lambda f, *given: calls.append((*given, f(*given))) or calls[-1][-1], function)
        setattr(agent, function.__name__, spy)
    return before, agent, batch, agent.update(batch), calls


def assert_followed(optimizer, previous, loss):
    """What the update added to the mean of gradients is this loss's gradient, and no other's."""
    gradients = torch.autograd.grad(loss.mean(dim=-1).sum(), previous.parameters)
    for mean, old_mean, gradient in zip(optimizer.means, previous.means, gradients, strict=True):
        torch.testing.assert_close((mean - 0.9 * old_mean) / 0.1, gradient, rtol=1e-3, atol=1e-4)


def assert_learnt(before, agent, batch, losses, targets, cloning, next_values, advantages):
    """The critic from the value of the next states (float64), the actor from the advantages."""
    expected = array(batch.rewards) + 0.95 * (1 - array(batch.terminations)) * next_values
    np.testing.assert_allclose(targets, expected, atol=1e-5)
    squares = (value_of_action(before.critic(batch.observations), batch.actions) - torch.tensor(expected).float()) ** 2
    np.testing.assert_allclose(losses, squares.detach().mean(dim=-1), rtol=1e-4)
    assert_followed(agent.optimizer, before.optimizer, squares)
    expected = np.minimum(np.exp(advantages / np.array([[0.05], [0.05], [1], [1]])), 3)
    np.testing.assert_allclose(cloning, expected, rtol=1e-3)
    assert 0.1 < (expected == 3).mean() < 0.9
    assert [tensor.requires_grad for tensor in (targets, cloning)] == [False, False]
    before.actor.improve(batch, torch.tensor(expected).float())
    for name, tensor in before.actor.state_dict().items():
        torch.testing.assert_close(agent.actor.state_dict()[name], tensor, rtol=0, atol=1e-5)


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def written_by_learner(name, function):
    """`function` under an exercise's name and parameters."""
    parameters = ", ".join(EXERCISES[name].parameters)
    cell = {"function": function}
    exec(f"def {name}({parameters}):\n    return function({parameters})", cell)
    return cell[name]


def run_exercise_cell(name, body):
    """A cell with this body under `@exercise`; what its name then holds."""
    cell = {"torch": torch, "np": np, "exercise": exercise}
    exec(f"@exercise\ndef {name}({', '.join(EXERCISES[name].parameters)}):\n    {body}", cell)
    return cell[name]


ALTERNATIVES = []  # (exercise, function): those in `exercises/alternatives`


def alternative(exercise):
    """Marks another right formulation of an exercise."""

    def mark(function):
        ALTERNATIVES.append((exercise, function))
        return function

    return mark
