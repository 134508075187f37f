"""Offline RL without networks: the empirical MDP that a data set describes on half-cells, solved by plain iteration.

Between the truth and a network stand two things: the data, and the approximation. A table has only the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.mazes import half_cells
from rlkit_mini.oracle import Oracle
from rlkit_mini.pointmass import ACTIONS

ITERATIONS = 400  # a step that far ahead weighs less than 1e-8 at discount 0.95


def half_cell_steps(data: Transitions) -> tuple[np.ndarray, ...]:
    """A data set as arrays (n,): cells, actions, rewards, next cells and terminations."""
    here, there = (half_cells(data.maze, o) for o in (data.observations.numpy(), data.next_observations.numpy()))
    return here, data.actions.numpy(), data.rewards.numpy(), there, data.terminations.numpy()


def times_tried(data: Transitions) -> np.ndarray:
    """How often a data set has each action in each half-cell: (half-cells, 5) integers."""
    counts = np.zeros((4 * data.maze.walls.size, len(ACTIONS)), dtype=int)
    np.add.at(counts, (half_cells(data.maze, data.observations), data.actions.numpy()), 1)
    return counts


def share_untried(agent: Agent, data: Transitions) -> np.ndarray:
    """Of the data's states, the share whose greedy action the data never has in that half-cell: (members,)."""
    greedy = agent.policy(data.observations).argmax(dim=-1).cpu().numpy()  # (members, transitions)
    return (times_tried(data)[half_cells(data.maze, data.observations), greedy] == 0).mean(axis=-1)


def half_cell_policy(agent: Agent, oracle: Oracle) -> np.ndarray:
    """Greedy policies (members, half-cells, 5) of a population: the average over the sub-cells of each half-cell."""
    return on_half_cells(oracle, agent.policy(oracle.observations).cpu().numpy())


def on_half_cells(oracle: Oracle, policy: np.ndarray) -> np.ndarray:
    """A policy (..., sub-cells, 5) as one on half-cells (..., half-cells, 5): averages; uniform in walls."""
    owners = half_cells(oracle.maze, oracle.observations)
    average = np.full((*policy.shape[:-2], 4 * oracle.maze.walls.size, len(ACTIONS)), 1 / len(ACTIONS))
    for cell in np.unique(owners):
        average[..., cell, :] = policy[..., owners == cell, :].mean(axis=-2)
    return average


@dataclass(frozen=True)
class EmpiricalMDP:
    """What a data set says about each pair (cell, action): how often it occurs, and what followed.

    Attributes:
        counts: (cells, actions).
        rewards: (cells, actions) mean reward; 0 where there is no data.
        next_cells: (cells, actions, cells) share of steps that lead there and do not terminate.
    """

    counts: np.ndarray
    rewards: np.ndarray
    next_cells: np.ndarray
    discount: float

    @classmethod
    def count(cls, steps: Sequence[ArrayLike], number_of_cells: int, discount: float) -> EmpiricalMDP:
        """From arrays (n,) as `half_cell_steps` gives them, of any cells."""
        cells, actions, rewards, next_cells, terminations = map(np.asarray, steps)
        going = ~terminations.astype(bool)
        counts = np.zeros((number_of_cells, len(ACTIONS)))
        sums, ends = np.zeros_like(counts), np.zeros((*counts.shape, number_of_cells))
        np.add.at(counts, (cells, actions), 1)
        np.add.at(sums, (cells, actions), rewards)
        np.add.at(ends, (cells[going], actions[going], next_cells[going]), 1)
        each = np.maximum(counts, 1)
        return cls(counts, sums / each, ends / each[..., None], discount)

    @classmethod
    def of(cls, data: Transitions, discount: float = 0.95) -> EmpiricalMDP:
        """Of a data set, on the half-cells of its maze."""
        return cls.count(half_cell_steps(data), 4 * data.maze.walls.size, discount)

    @property
    def behaviour(self) -> np.ndarray:
        """Relative frequencies (cells, actions); zeros where there is no data."""
        return self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)

    def backup(self, values: np.ndarray, unseen: float) -> np.ndarray:
        """r + discount * sum_c' P(c' | c, a) V(c') of values (cells,), and `unseen` for pairs without data."""
        return np.where(self.counts > 0, self.rewards + self.discount * self.next_cells @ values, unseen)

    def solve(self, unseen: float) -> np.ndarray:
        """Q-learning's fixed point (cells, actions), where pairs without data keep the value `unseen`."""
        q_values = np.full(self.counts.shape, float(unseen))
        for _ in range(ITERATIONS):
            q_values = self.backup(q_values.max(axis=1), unseen)
        return q_values

    def solve_cql(self, alpha: float, unseen: float) -> np.ndarray:
        """CQL's fixed point at T = 1: (Q - y)^2 + alpha * penalty is least at Q = y - alpha / 2 * (pi / beta - 1).

        pi is the softmax of Q and beta the behaviour. Pairs without data are pushed down for ever; they get the lowest
        value there is. Small steps keep the iteration from swinging.
        """
        seen, known = self.counts > 0, self.counts.sum(axis=1) > 0
        behaviour, q_values = np.where(seen, self.behaviour, 1.0), np.full(seen.shape, float(unseen))
        rate = 1 / (1 + alpha / 2 / behaviour.min())
        for _ in range(round(ITERATIONS / rate)):
            inside = np.where(seen, q_values, -1e9)
            push = scipy.special.softmax(inside, axis=1) / behaviour - 1
            targets = self.backup(np.where(known, inside.max(axis=1), unseen), unseen) - alpha / 2 * push
            q_values += rate * np.where(seen, targets - q_values, 0.0)
        return np.where(seen, q_values, min(unseen, q_values.min()))

    def solve_iql(self, expectile: float, unseen: float) -> np.ndarray:
        """IQL's fixed point: V(c) is the expectile of Q(c, a) over the data's actions, Q the backup of V."""
        return self.backup(self._expectiles(expectile, unseen), unseen)

    def iql_actor(self, expectile: float, unseen: float, temperature: float, max_weight: float = 100.0) -> np.ndarray:
        """What IQL's actor clones at that fixed point: beta min(exp(A / T), max_weight), (cells, actions)."""
        values = self._expectiles(expectile, unseen)
        advantages = self.backup(values, unseen) - values[:, None]
        return self.behaviour * np.exp(np.minimum(advantages / temperature, np.log(max_weight)))

    def _expectiles(self, expectile: float, unseen: float) -> np.ndarray:
        """IQL's V (cells,)."""
        seen, behaviour = self.counts.sum(axis=1) > 0, self.behaviour
        values = np.full(len(behaviour), float(unseen))
        for _ in range(ITERATIONS):
            q_values = self.backup(values, unseen)
            for _ in range(20):  # the expectile is the mean under these weights
                weights = behaviour * np.where(q_values < values[:, None], 1 - expectile, expectile)
                average = (weights * q_values).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-12)
                values = np.where(seen, average, unseen)
        return values

    def support(self, first: np.ndarray, policy: np.ndarray) -> np.ndarray:
        """What a value is made of: discounted weights (cells, actions) of all pairs, where a path ends without data.

        The value that a policy has after the pairs `first` is the sum of weight * reward over the pairs with data, plus
        that of weight * Q over those without.

        Args:
            first: (cells, actions) shares of the pairs whose value it is.
            policy: (cells, actions) how it goes on.
        """
        onward, arrived = (np.einsum("cad,ca->" + to, self.next_cells, of) for to, of in (("cd", policy), ("d", first)))
        visits = np.linalg.solve(np.eye(len(policy)) - self.discount * onward.T, self.discount * arrived)
        return first + visits[:, None] * policy

    def exact_return(self, q_values: np.ndarray, oracle: Oracle) -> float:
        """The true return of the policy that is greedy on Q, or on an actor's shares, (half-cells, actions).

        Ties are drawn at random.
        """
        best = np.isclose(q_values, q_values.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
        policy = best / best.sum(axis=1, keepdims=True)
        return float(oracle.evaluate(policy[half_cells(oracle.maze, oracle.observations)]).episode_return)


def fqe_backup(
    q_values: np.ndarray,
    cells: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    next_cells: np.ndarray,
    terminations: np.ndarray,
    policy: np.ndarray,
    discount: float,
) -> np.ndarray:
    """One iteration of fitted Q evaluation in a table (Le et al. 2019, arXiv 1903.08738): Q^pi without pi ever acting.

    New Q(c, a) is the mean over the steps at (c, a) of r + discount * m * sum_a' pi(a' | c') Q(c', a'); pairs without
    a step keep their value.

    Args:
        q_values, policy: (cells, actions).
        cells, actions, rewards, next_cells, terminations: (n,), the data's steps.
    """
    next_values = (policy * q_values).sum(axis=1)[next_cells]
    targets = rewards + discount * (1.0 - terminations) * next_values
    counts, sums = np.zeros(q_values.shape), np.zeros(q_values.shape)
    np.add.at(counts, (cells, actions), 1)
    np.add.at(sums, (cells, actions), targets)
    return np.where(counts > 0, sums / np.maximum(counts, 1), q_values)
