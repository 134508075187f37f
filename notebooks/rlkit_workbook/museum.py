"""Eight faults, each planted in an agent that works without it, as `python -m rlkit_workbook.museum` has run them.

A fault is trained beside its healthy twin, on equal seeds and equal data; figures/museum.json holds what both show.
"""

from __future__ import annotations

import dataclasses
import json
from functools import partial

import numpy as np
import torch

from rlkit_mini.agents import AWAC, CQL, DQN, RND
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import start_values
from rlkit_mini.exploration import explore
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import half_cells
from rlkit_mini.oracle import Oracle
from rlkit_mini.training import train_offline
from rlkit_workbook.faults import idle_actor, limits_as_terminations, minus_the_next_value, random_action_against_data
from rlkit_workbook.results import RESULTS

SEEDS, MARKS = 8, 10  # evaluations of each run
MEDIUM = "pointmass/medium-rnd-v0"


def without_mask(rewards, terminations, next_values, discount):
    return rewards + discount * next_values


class Watched(RND):
    """Keeps the mean reward that its critic is given, of each update."""

    def loss(self, batch, q_values):
        self.given = [*getattr(self, "given", []), batch.rewards.mean(dim=-1)]
        return super().loss(batch, q_values)


def shifted_by_one(data: Transitions) -> Transitions:
    return dataclasses.replace(data, actions=data.actions.roll(1))


HEALTHY = {  # agent, data set, updates
    "DQN, 10,000 RND steps": (DQN, MEDIUM, 2000),
    "DQN, hard maze, RND steps": (DQN, "pointmass/hard-rnd-v0", 4000),
    "CQL α 1, 1,000 near-expert steps": (partial(CQL, alpha=1.0), "pointmass/medium-near-expert-v0", 1000),
    "AWAC, 1,000 near-expert steps": (AWAC, "pointmass/medium-near-expert-v0", 1000),
    "RND, 2,000 own steps": (Watched, None, 2000),
}
DQN_RND, DQN_HARD, CQL_EXPERT, AWAC_EXPERT, EXPLORER = HEALTHY
EXHIBITS = {  # label -> fault, its healthy twin, other settings of the agent or another agent, what happens to the data
    "A": ("copy", DQN_RND, partial(DQN, target_period=10**9), None),
    "B": ("shift", CQL_EXPERT, None, shifted_by_one),
    "C": ("bonus", EXPLORER, partial(Watched, normalise=False), None),
    "D": ("limits", DQN_HARD, None, limits_as_terminations),
    "E": ("actor", AWAC_EXPERT, idle_actor(AWAC), None),
    "F": ("mask", DQN_RND, partial(DQN, td_target=without_mask), None),
    "G": ("penalty", CQL_EXPERT, partial(CQL, alpha=1.0, penalty=random_action_against_data), None),
    "H": ("sign", DQN_RND, partial(DQN, td_target=minus_the_next_value), None),
}


def run(twin: str, make_agent=None, change=None) -> dict:
    """What one sees of a run: its curve (marks, seeds), values on half-cells and at the start, median over seeds.

    The curve is of exact returns; of an explorer, of the mean reward that its critic was given.
    """
    healthy_agent, dataset, updates = HEALTHY[twin]
    torch.manual_seed(0)
    agent = (make_agent or healthy_agent)(seeds=SEEDS)
    data = load_dataset(dataset or MEDIUM)
    oracle = Oracle(data.maze)
    if dataset:
        history = train_offline(agent, change(data) if change else data, updates, oracle, MARKS, progress=False)
        points, curve = history.updates, history.returns
    else:
        explore(agent, data.maze, updates, progress=False)
        given = torch.stack(agent.given).numpy()  # (updates, seeds)
        pieces = np.array_split(given, MARKS)
        points, curve = np.cumsum([len(piece) for piece in pieces]), np.array([piece.mean(axis=0) for piece in pieces])
    policy = agent.policy(oracle.observations).numpy()
    q_values = agent.q_values(oracle.observations).numpy()
    values = np.median((policy * q_values).sum(axis=-1), axis=0)
    owners = half_cells(oracle.maze, oracle.observations)
    return {
        "points": points.tolist(),
        "curve": np.round(curve, 2).tolist(),
        "values": [round(float(values[owners == cell].mean()), 2) for cell in np.unique(owners)],
        "believed": round(float(np.median(start_values(policy, q_values, oracle))), 2),
    }


def believed_change(runs: dict, label: str) -> tuple[Oracle, np.ndarray]:
    """The oracle of an exhibit's maze, and on its sub-cells what the faulty agent believes minus the healthy twin."""
    twin = EXHIBITS[label][1]
    oracle = Oracle(load_dataset(HEALTHY[twin][1] or MEDIUM).maze)
    _, place = np.unique(half_cells(oracle.maze, oracle.observations), return_inverse=True)
    return oracle, np.subtract(runs["faulty"][label]["values"], runs["healthy"][twin]["values"])[place]


if __name__ == "__main__":
    torch.set_num_threads(1)
    museum = {
        "healthy": {twin: run(twin) for twin in HEALTHY},
        "faulty": {label: run(*rest) for label, (_, *rest) in EXHIBITS.items()},
    }
    with whole_file(RESULTS / "museum.json") as part:
        part.write_text(json.dumps(museum, ensure_ascii=False) + "\n", encoding="utf-8")
