"""The larger exercises: every known mistake gets its own sentence, right updates of other forms are accepted."""

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

from rlkit_mini import MAZES, Oracle, load_dataset, train_offline
from rlkit_mini.agents import CQL
from rlkit_workbook.exercises.building import BUILDS, draw_build, explore_build, train_build
from rlkit_workbook.exercises.checking import judge

MISTAKES = [(build, mistake) for build in BUILDS.values() for mistake in build.texts["mistakes"]]


@pytest.mark.parametrize("build", BUILDS.values(), ids=list(BUILDS))
def test_the_solution_is_right_and_an_untouched_class_is_open(build):
    box, kind = judge(build, build.reference)
    assert box.kind == "right"
    assert kind is build.reference

    class Untouched:
        def update(self, batch):
            """One step."""
            ...

    box, kind = judge(build, Untouched)
    assert box.kind == "open"
    assert kind is build.reference


@pytest.mark.parametrize(("build", "mistake"), MISTAKES, ids=[f"{build.name}-{name}" for build, name in MISTAKES])
def test_each_mistake_gets_its_own_sentence(build, mistake):
    box, kind = judge(build, build.mistaken(mistake))
    assert (box.kind, kind) == ("wrong", build.reference)
    assert box.text[0] == build.texts["mistakes"][mistake]["text"]


@pytest.mark.parametrize(
    ("name", "changes", "mistake"),
    [
        ("MyIQL", {".squeeze(1)  # equation 5": "", "observations).squeeze(1)": "observations)"}, "value_broadcast"),
        ("MyIQL", {".clamp(max=self.max_weight)": "", "- targets) ** 2": "- targets) ** 2 / 2"}, "half"),
        ("MyAWAC", {".clamp(max=self.max_weight)": "", "** 2).mean()": "** 2).mean() / 2"}, "half"),
        ("MyRND", {"self.updates += 1": "pass", "bonus.mean())": "bonus.sum())"}, "predictor_summed"),
    ],
)
def test_of_several_mistakes_that_of_the_first_wrong_network_is_told(name, changes, mistake):
    build = BUILDS[name]
    source = functools.reduce(lambda text, change: text.replace(*change), changes.items(), build.solution)
    names = dict(build.module)
    exec(source, names)
    box, _ = judge(build, type(name, (build.reference,), {"update": names["update"]}))
    assert box.mistake == mistake


@pytest.mark.parametrize("build", BUILDS.values(), ids=list(BUILDS))
def test_there_are_enough_mistakes_and_hints_come_in_steps(build):
    assert len(build.texts["mistakes"]) >= 8
    assert len(build.texts["hints"]) >= 3
    texts = [entry["text"] for entry in build.texts["mistakes"].values()]
    assert len(set(texts)) == len(texts)


def test_an_error_is_told_with_the_learners_own_line():
    class Broken:
        def update(self, batch):
            return self.critic(batch.observations) + self.missing

    box, _ = judge(BUILDS["MyDQN"], Broken)
    assert "missing" in box.text[0]
    assert "self.critic(batch.observations) + self.missing" in box.text[0]


def test_an_unknown_mistake_names_the_networks_that_are_right():
    class Odd(BUILDS["MyAWAC"].reference):
        def update(self, batch):
            super().update(batch)
            with torch.no_grad():
                self.actor[-1].bias += 0.1

    box, _ = judge(BUILDS["MyAWAC"], Odd)
    assert "`critic` and `target_critic` are right" in box.text[0]
    assert "`actor` is not" in box.text[0]


def by_functions_of_torch():
    class MyDQN:
        def update(self, batch):
            rows = torch.arange(len(batch.actions))
            chosen = self.critic(batch.next_observations).max(dim=-1).indices
            value = self.target_critic(batch.next_observations)[rows, chosen].detach()
            target = batch.rewards + self.discount * value * (batch.terminations == 0)
            loss = nn.functional.mse_loss(self.critic(batch.observations)[rows, batch.actions], target.detach())
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.updates = self.updates + 1
            if not self.updates % self.target_period:
                self.target_critic = copy.deepcopy(self.critic)

    return "MyDQN", MyDQN


def by_methods_of_ones_own():
    class MyCQL:
        def __init__(self):
            self.seen = []

        def targets(self, batch):
            best = nn.functional.one_hot(self.critic(batch.next_observations).argmax(-1), 5)
            value = (best * self.target_critic(batch.next_observations)).sum(-1)
            return torch.where(batch.terminations.bool(), batch.rewards, batch.rewards + self.discount * value)

        def update(self, batch):
            q = self.critic(batch.observations)
            mine = (q * nn.functional.one_hot(batch.actions, q.shape[-1])).sum(-1)
            penalty = -torch.log_softmax(q, dim=-1)[range(len(q)), batch.actions]
            loss = (mine - self.targets(batch).detach()).square().mean() + self.alpha * penalty.mean()
            self.optimizer.zero_grad(set_to_none=False)
            loss.backward()
            self.optimizer.step()
            self.seen.append(loss.item())
            self.updates += 1
            if self.updates % self.target_period == 0:
                with torch.no_grad():
                    for ours, theirs in zip(self.target_critic.parameters(), self.critic.parameters(), strict=True):
                        ours.copy_(theirs)

    return "MyCQL", MyCQL


def by_distributions():
    class MyAWAC:
        def update(self, batch):
            policy = torch.distributions.Categorical(logits=self.actor(batch.next_observations))
            value = (policy.probs * self.target_critic(batch.next_observations)).sum(-1)
            target = (batch.rewards + self.discount * (1 - batch.terminations) * value).detach()
            error = self.critic(batch.observations).gather(-1, batch.actions[:, None])[:, 0] - target
            self.optimizer.zero_grad()
            error.pow(2).mean().backward()
            self.optimizer.step()
            policy = torch.distributions.Categorical(logits=self.actor(batch.observations))
            q = self.critic(batch.observations).detach()
            advantage = q[torch.arange(len(q)), batch.actions] - (policy.probs.detach() * q).sum(-1)
            weight = torch.minimum(torch.exp(advantage / self.temperature), torch.tensor(self.max_weight))
            self.actor_optimizer.zero_grad()
            torch.mean(weight * -policy.log_prob(batch.actions)).backward()
            self.actor_optimizer.step()
            self.updates += 1
            if self.updates % self.target_period == 0:
                self.target_critic.load_state_dict(self.critic.state_dict())

    return "MyAWAC", MyAWAC


def by_absolute_weights():
    class MyIQL:
        def update(self, batch):
            q = self.target_critic(batch.observations)[torch.arange(len(batch.actions)), batch.actions].detach()
            u = q - self.value(batch.observations).flatten()
            self.value_optimizer.zero_grad()
            (torch.abs(self.expectile - (u < 0).float()) * u**2).mean().backward()
            self.value_optimizer.step()
            v = self.value(batch.observations).flatten().detach()
            loss = nn.functional.cross_entropy(self.actor(batch.observations), batch.actions, reduction="none")
            self.actor_optimizer.zero_grad()  # the actor before Q: neither sees the other
            (loss * ((q - v) / self.temperature).exp().clamp(max=self.max_weight)).mean().backward()
            self.actor_optimizer.step()
            target = (
                batch.rewards + self.discount * (1 - batch.terminations) * self.value(batch.next_observations)[:, 0]
            )
            error = self.critic(batch.observations).gather(1, batch.actions[:, None])[:, 0] - target.detach()
            self.optimizer.zero_grad()
            (error**2).mean().backward()
            self.optimizer.step()
            self.updates += 1
            if self.updates % self.target_period == 0:
                self.target_critic.load_state_dict(self.critic.state_dict())

    return "MyIQL", MyIQL


def by_norms():
    class MyRND:
        def update(self, batch):
            error = self.predictor(batch.next_observations) - self.random_network(batch.next_observations).detach()
            bonus = torch.linalg.vector_norm(error, dim=-1).square()
            rate = 1 / (self.updates + 1)
            rate = rate if rate > 0.01 else 0.01
            self.mean_square = (1 - rate) * self.mean_square + rate * bonus.detach().square().mean()
            self.predictor_optimizer.zero_grad()
            torch.einsum("bf,bf->b", error, error).mean().backward()
            self.predictor_optimizer.step()
            reward = bonus.detach() / torch.sqrt(self.mean_square)
            after = batch.next_observations.clone()
            after[batch.terminations == 1] = self.start
            value = self.target_critic(after).gather(1, self.critic(after).argmax(1)[:, None])[:, 0]
            error = self.critic(batch.observations).gather(1, batch.actions[:, None])[:, 0]
            self.optimizer.zero_grad()
            (error - (reward + self.discount * value).detach()).square().mean().backward()
            self.optimizer.step()
            self.updates += 1
            if self.updates % self.target_period == 0:
                self.target_critic.load_state_dict(self.critic.state_dict())

    return "MyRND", MyRND


@pytest.mark.parametrize(
    "formulation",
    [by_functions_of_torch, by_methods_of_ones_own, by_distributions, by_absolute_weights, by_norms],
    ids=lambda formulation: formulation.__name__,
)
def test_other_right_formulations_are_accepted(formulation):
    name, kind = formulation()
    box, accepted = judge(BUILDS[name], kind)
    assert box.kind == "right", box
    assert accepted is kind


@pytest.fixture(scope="module")
def narrow():
    return load_dataset("pointmass/medium-near-expert-v0")


@pytest.mark.parametrize("name", ["MyDQN", "MyCQL", "MyAWAC", "MyIQL"])
def test_a_class_of_ones_own_trains_as_the_solution_does(name, narrow):
    kinds = {formulation()[0]: formulation()[1] for formulation in (by_functions_of_torch, by_methods_of_ones_own)}
    kinds |= {formulation()[0]: formulation()[1] for formulation in (by_distributions, by_absolute_weights)}
    mine, right = (train_build(kind, narrow, updates=20) for kind in (kinds[name], BUILDS[name].reference))
    for one, other in zip(mine.critic.parameters(), right.critic.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert mine.act(narrow.observations[:7]).shape == (7,)


def test_an_explorer_of_ones_own_walks_in_the_maze():
    _, kind = by_norms()
    places = explore_build(kind, MAZES["medium"], steps=100)
    assert places.shape == (100, 2)
    assert not MAZES["medium"].walls[tuple(np.floor(places).astype(int).T)].any()


def test_the_picture_names_both_returns(narrow):
    oracle = Oracle(narrow.maze)
    agent = CQL(seeds=3)
    train_offline(agent, narrow, updates=20, progress=False)
    figure = draw_build(BUILDS["MyCQL"].reference, agent, narrow, oracle, updates=20)
    titles = [ax.get_title("left") for ax in figure.axes[:2]]
    assert titles[0].startswith("Yours (one seed): return -")
    assert "The workbook's" in titles[1]
