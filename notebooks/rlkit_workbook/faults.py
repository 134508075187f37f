"""What the blog post that this course began with, and its course's starter code, do differently, through agents' hooks.

Each difference is trained beside its control, the same agent without it, on equal seeds and data; the numbers say what
it costs, and sometimes that it costs nothing.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents import AWAC, CQL, DQN, IQL, RND
from rlkit_mini.agents.dqn import value_of_action
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import start_values
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.training import train_offline

# In place of an agent's functions


def random_action_against_all(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    """The logsumexp of one random action is that action's value over T; all actions' mean is subtracted."""
    chosen = torch.randint(q_values.shape[-1], actions.shape, device=q_values.device)
    return value_of_action(q_values, chosen) / temperature - q_values.mean(dim=-1)


def random_action_against_data(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    """The other reading: the data's action is subtracted."""
    chosen = torch.randint(q_values.shape[-1], actions.shape, device=q_values.device)
    return value_of_action(q_values, chosen) / temperature - value_of_action(q_values, actions)


def no_temperature_in_front(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    return torch.logsumexp(q_values / temperature, dim=-1) - value_of_action(q_values, actions)


def minus_the_next_value(rewards: Tensor, terminations: Tensor, next_values: Tensor, discount: float) -> Tensor:
    """Q - r + discount * V(s') is zero where Q is this."""
    return rewards - discount * (1 - terminations) * next_values


def unclipped_weights(advantages: Tensor, temperature: float, max_weight: float) -> Tensor:
    return torch.exp(advantages / temperature)


def one_number_a_batch(predicted: Tensor, target: Tensor) -> Tensor:
    """The mean squared error with its default reduction: every transition of a member's batch gets the same bonus."""
    squares = (predicted - target) ** 2
    return squares.mean(dim=(-2, -1), keepdim=True)[..., 0].expand(squares.shape[:-1])


# In place of an agent's methods


class MaximumInTarget(AWAC):
    """Its critic asks for the best action, as DQN's does; the actor still weighs by its own advantage."""

    def next_values(self, next_observations: Tensor) -> Tensor:
        return self.target_critic(next_observations).amax(dim=-1)


class TargetNetworkForV(IQL):
    """Q learns from a copy of V that is as old as Q's target network."""

    def next_values(self, next_observations: Tensor) -> Tensor:
        if self.updates % self.target_period == 0:
            self.target_value = copy.deepcopy(self.value).requires_grad_(False)
        return self.target_value(next_observations).squeeze(-1)


class PaidForTheStart(RND):
    """Novelty of the place that a step began at."""

    def rewarded_places(self, batch) -> Tensor:
        return batch.observations


def idle_actor(agent: type[DQN]) -> type[DQN]:
    """An agent whose actor learns and never acts: the critic's argmax does."""
    return type(f"Idle{agent.__name__}", (agent,), {"action_probabilities": DQN.action_probabilities})


def limits_as_terminations(data: Transitions) -> Transitions:
    return dataclasses.replace(data, terminations=data.terminations | data.truncations)


@dataclasses.dataclass(frozen=True)
class Difference:
    """One difference and its control.

    Attributes:
        says: what the code does.
        altered, control: make an agent from its seeds.
        data: "medium-lazy", ...; or the maze that an explorer explores.
        change: what the difference does to the data.
    """

    says: str
    altered: Callable
    control: Callable
    data: str
    change: Callable[[Transitions], Transitions] = lambda data: data


CONSERVATIVE = partial(CQL, alpha=1.0)
DIFFERENCES = {
    "bonus: one number a batch": Difference(
        "`mse_loss` with its default reduction", partial(RND, bonus=one_number_a_batch), RND, "hard"
    ),
    "bonus: unnormalised": Difference("adds the raw error", partial(RND, normalise=False), RND, "hard"),
    "bonus: of s": Difference("passes `obs` where the equation has s'", PaidForTheStart, RND, "hard"),
    "time limits as terminations": Difference(
        "starter code: `done` at the time limit", DQN, DQN, "medium-rnd", limits_as_terminations
    ),
    "CQL: one random action, minus all": Difference(
        "`logsumexp` of one random action, minus the mean of all",
        partial(CONSERVATIVE, penalty=random_action_against_all),
        CONSERVATIVE,
        "medium-near-expert",
    ),
    "CQL: one random action, minus the data's": Difference(
        "the same, `qa_values` read as the data's action",
        partial(CONSERVATIVE, penalty=random_action_against_data),
        CONSERVATIVE,
        "medium-near-expert",
    ),
    "CQL: no T in front, T = 5": Difference(
        "logsumexp(Q / T) without the factor T",
        partial(CONSERVATIVE, temperature=5.0, penalty=no_temperature_in_front),
        partial(CONSERVATIVE, temperature=5.0),
        "medium-near-expert",
    ),
    "AWAC: a maximum in the target": Difference("`torch.max` of the target", MaximumInTarget, AWAC, "medium-lazy"),
    "AWAC: the equation's sign": Difference(
        "Q - r + discount E Q", partial(AWAC, td_target=minus_the_next_value), AWAC, "medium-lazy"
    ),
    "AWAC: weights without a clip": Difference(
        "exp(A / λ) as it is", partial(AWAC, advantage_weights=unclipped_weights), AWAC, "medium-lazy"
    ),
    "AWAC: the actor never acts": Difference(
        "starter code: the critic's argmax", idle_actor(AWAC), AWAC, "medium-near-expert"
    ),
    "IQL: the actor never acts": Difference(
        "starter code: the critic's argmax", idle_actor(IQL), IQL, "medium-near-expert"
    ),
    "IQL: a target network for V": Difference("`target_value_critic`", TargetNetworkForV, IQL, "medium-lazy"),
}


EXPLORED, TRAINED = 5_000, 2_000  # steps, updates


def run_difference(name: str, seeds: int = 8, steps: int | None = None, sides=("altered", "control")) -> dict:
    """Altered agent and control: of learners the exact returns and the values at the start, of explorers coverage."""
    difference = DIFFERENCES[name]
    result = {"difference": name, "says": difference.says, "data": difference.data}
    for label in sides:
        torch.manual_seed(0)  # of the random actions
        agent = getattr(difference, label)(seeds=seeds)
        if difference.data in MAZES:
            runs = explore(agent, MAZES[difference.data], steps or EXPLORED, progress=False)
            result[label] = {
                "coverage": [coverage(run.positions, run.maze.walls) for run in runs],
                "goals": [int(run.terminations.sum()) for run in runs],
            }
            continue
        data = load_dataset(f"pointmass/{difference.data}-v0")
        oracle = Oracle(data.maze)
        train_offline(
            agent, difference.change(data) if label == "altered" else data, updates=steps or TRAINED, progress=False
        )
        policy, truth = agent.policy(oracle.observations).numpy(), oracle.evaluate(agent.policy)
        believed = start_values(policy, agent.q_values(oracle.observations).numpy(), oracle)
        result[label] = {
            "returns": truth.episode_return.tolist(),
            "believed": believed.tolist(),
            "true": start_values(policy, truth.q_values, oracle).tolist(),
        }
        result["optimal_return"] = oracle.optimal_return
    return result


def gap(result: dict) -> float:
    """Median of believed - true value at the start."""
    return float(np.median(np.subtract(result["believed"], result["true"])))
