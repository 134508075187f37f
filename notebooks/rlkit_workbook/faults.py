"""The catalogue of faults: each wrong equation of the course once, beside the sound agent that works without it.

Some are from the blog post that the course began with and from its course's starter code, some are a learner's. They go
in through agents' own hooks; `rlkit_workbook.studies.faults` trains them.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from rlkit_mini.agents import AWAC, CQL, DQN, IQL, RND
from rlkit_mini.agents.agent import Agent, all_on_the_best
from rlkit_mini.agents.critic import value_of_action
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.names import Catalogue
from rlkit_workbook.results import texts_beside

TEXTS = texts_beside(__file__, "faults.toml")

# In place of an agent's functions; shapes as theirs


def random_action_against_all(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    """CQL's penalty with the logsumexp of one random action, which is its value over T, minus the mean of all."""
    chosen = torch.randint(q_values.shape[-1], actions.shape, device=q_values.device)
    return value_of_action(q_values, chosen) / temperature - q_values.mean(dim=-1)


def random_action_against_data(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    """The other reading: the data's action is subtracted."""
    chosen = torch.randint(q_values.shape[-1], actions.shape, device=q_values.device)
    return value_of_action(q_values, chosen) / temperature - value_of_action(q_values, actions)


def no_temperature_in_front(q_values: Tensor, actions: Tensor, temperature: float) -> Tensor:
    """CQL's penalty without the factor T, which brings the logsumexp back to the units of Q."""
    return torch.logsumexp(q_values / temperature, dim=-1) - value_of_action(q_values, actions)


def minus_the_next_value(rewards: Tensor, terminations: Tensor, next_values: Tensor, discount: float) -> Tensor:
    """The TD target of an error Q - r + discount * V(s')."""
    return rewards - discount * (1 - terminations) * next_values


def without_mask(rewards: Tensor, terminations: Tensor, next_values: Tensor, discount: float) -> Tensor:
    """A TD target that bootstraps through termination."""
    return rewards + discount * next_values


def best_value(q_values: Tensor, action_probabilities: Tensor) -> Tensor:
    """The maximum, where AWAC's target has the actor's expectation."""
    return q_values.amax(dim=-1)


def unclipped_weights(advantages: Tensor, temperature: float, max_weight: float) -> Tensor:
    """Weights of AWAC and IQL that nothing bounds."""
    return torch.exp(advantages / temperature)


def one_number_per_batch(predicted: Tensor, target: Tensor) -> Tensor:
    """RND's bonus as the mean squared error by default: all transitions of a member's minibatch get the same one."""
    squares = (predicted - target) ** 2
    return squares.mean(dim=(-2, -1), keepdim=True)[..., 0].expand(squares.shape[:-1])


# In place of an agent's methods


class MaximumInTarget(AWAC):
    """Its critic asks for the best action, as DQN's does; the actor still weighs by its own advantage."""

    def next_values(self, next_observations: Tensor) -> Tensor:
        next_q = self.target_critic(next_observations)
        return best_value(next_q, self.actor.probabilities(next_observations))


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


class Watched(RND):
    """Keeps the mean reward (members,) that its critic is given in each update."""

    def loss(self, batch, q_values: Tensor) -> Tensor:
        self.given = [*getattr(self, "given", []), batch.rewards.mean(dim=-1)]
        return super().loss(batch, q_values)


def critics_argmax(agent: Agent, observations) -> Tensor:
    """The policy (members, n, 5) of an agent's critic alone, whatever its actor has learnt, at observations (n, 2)."""
    return all_on_the_best(agent.q_values(observations))


def idle_actor(agent: type[Agent]) -> type[Agent]:
    """An agent whose actor learns and never acts: the critic's argmax does."""
    return type(f"Idle{agent.__name__}", (agent,), {"action_probabilities": critics_argmax})


# In place of the data


def mask_of_limits_too(terminations, truncations):
    """m that is 0 at a time limit as well, as if nothing followed it; (...,) bool."""
    return ~(terminations | truncations)


def limits_as_terminations(data: Transitions) -> Transitions:
    """Every episode ends for good, also where only its time was over."""
    return dataclasses.replace(data, terminations=~mask_of_limits_too(data.terminations, data.truncations))


def shifted_by_one(data: Transitions) -> Transitions:
    """Each place is stored with the action of the step before."""
    return dataclasses.replace(data, actions=data.actions.roll(1))


# The catalogue


@dataclasses.dataclass(frozen=True)
class Control:
    """A sound agent.

    Attributes:
        agent: makes it from its seeds.
        data: that it learns from, "medium-lazy" or another; or the maze that it explores.
        length: its updates, or an explorer's steps.
    """

    agent: Callable[..., Agent]
    data: str
    length: int


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong, and the sound agent that it is trained beside, on equal seeds.

    Attributes:
        says: what the code does (`faults.toml`).
        promises: what comes of it beside the sound agent.
        control: that agent.
        plant: makes the agent with the fault from what makes the sound one.
        change: what the fault does to the data.
        title: in the report's table of what the blog and the starter code do differently; else empty.
        unnamed: the one of `SOUND` that it is run beside for a learner to find it; else empty.
    """

    says: str
    promises: str
    control: Control
    plant: Callable[[Callable], Callable] = lambda agent: agent
    change: Callable[[Transitions], Transitions] = lambda data: data
    title: str = ""
    unnamed: str = ""


def _given(**settings) -> Callable[[Callable], Callable]:
    return lambda agent: partial(agent, **settings)


EXPLORED, TRAINED = 5_000, 2_000  # steps, updates of what the report shows
CONSERVATIVE = partial(CQL, alpha=1.0)
EXPLORER = Control(RND, "hard", EXPLORED)
NARROW_CQL = Control(CONSERVATIVE, "medium-near-expert", TRAINED)
SOFT_CQL = Control(partial(CONSERVATIVE, temperature=5.0), "medium-near-expert", TRAINED)
BROAD_DQN = Control(DQN, "medium-rnd", TRAINED)
LAZY_AWAC = Control(AWAC, "medium-lazy", TRAINED)
SOUND = {
    "DQN, 10,000 RND steps": Control(DQN, "medium-rnd", 2000),
    "DQN, hard maze, RND steps": Control(DQN, "hard-rnd", 4000),
    "CQL α 1, 1,000 near-expert steps": Control(CONSERVATIVE, "medium-near-expert", 1000),
    "AWAC, 1,000 near-expert steps": Control(AWAC, "medium-near-expert", 1000),
    "RND, 2,000 own steps": Control(Watched, "medium", 2000),
}
BROAD, HARD, NARROW, NARROW_AWAC, OWN = SOUND

PLANTED = {
    "one number": {"control": EXPLORER, "plant": _given(bonus=one_number_per_batch)},
    "bonus": {"control": EXPLORER, "plant": _given(normalise=False), "unnamed": OWN},
    "start": {"control": EXPLORER, "plant": lambda _: PaidForTheStart},
    "limits": {"control": BROAD_DQN, "change": limits_as_terminations, "unnamed": HARD},
    "random, all": {"control": NARROW_CQL, "plant": _given(penalty=random_action_against_all)},
    "penalty": {"control": NARROW_CQL, "plant": _given(penalty=random_action_against_data), "unnamed": NARROW},
    "factor": {"control": SOFT_CQL, "plant": _given(penalty=no_temperature_in_front)},
    "maximum": {"control": LAZY_AWAC, "plant": lambda _: MaximumInTarget},
    "sign": {"control": LAZY_AWAC, "plant": _given(td_target=minus_the_next_value), "unnamed": BROAD},
    "clip": {"control": LAZY_AWAC, "plant": _given(advantage_weights=unclipped_weights)},
    "actor": {"control": Control(AWAC, "medium-near-expert", TRAINED), "plant": idle_actor, "unnamed": NARROW_AWAC},
    "IQL's actor": {"control": Control(IQL, "medium-near-expert", TRAINED), "plant": idle_actor},
    "delay": {"control": Control(IQL, "medium-lazy", TRAINED), "plant": lambda _: TargetNetworkForV},
    "copy": {"control": SOUND[BROAD], "plant": _given(target_period=10**9), "unnamed": BROAD},
    "mask": {"control": SOUND[BROAD], "plant": _given(td_target=without_mask), "unnamed": BROAD},
    "shift": {"control": SOUND[NARROW], "change": shifted_by_one, "unnamed": NARROW},
}
FAULTS = Catalogue("fault", {name: Fault(**TEXTS[name], **planted) for name, planted in PLANTED.items()})
