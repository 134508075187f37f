"""Coverage and quality of data as separate knobs, and the results of turning them: `python -m rlkit_mini.ablations`."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL
from rlkit_mini.collecting import near_expert
from rlkit_mini.data import Transitions
from rlkit_mini.exploration import explore
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.pointmass import at_goal, sample_actions, transition
from rlkit_mini.training import train_offline

RESULTS = Path(__file__).resolve().parent.parent / "figures"
STEPS, UPDATES, SEEDS = 1_000, 2_000, 8
AGENTS = {
    "BC": BC,
    "DQN": DQN,
    "CQL, α 0.1": partial(CQL, alpha=0.1),
    "CQL, α 1": partial(CQL, alpha=1.0),
    "AWAC": AWAC,
    "IQL": IQL,
}
SHARES = (0.0, 0.1, 0.3, 0.6, 1.0)  # of random actions, along walks from the start
KNOBS = (0.0, 0.3, 1.0)  # shares of random places and of random actions, chosen independently


def read_results(name: str):
    """A committed result, such as `figures/ablations.json` by the name "ablations"."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def independent_steps(oracle: Oracle, random_places: float, random_actions: float, steps: int, seed=0) -> Transitions:
    """Single steps of which the place (coverage) and the action (quality) are chosen independently.

    Args:
        random_places: share of steps made anywhere outside the goal; the others where the optimal policy comes by.
        random_actions: share of uniformly random actions; the others are optimal.
    """
    maze, rng = oracle.maze, np.random.default_rng(seed)
    anywhere = ~at_goal(maze, maze.positions(oracle.observations))  # in the goal nobody ever makes a step
    path = oracle.evaluate(oracle.optimal_policy).visitation * anywhere
    weights = (1 - random_places) * path / path.sum() + random_places * anywhere / anywhere.sum()
    picked = rng.choice(len(weights), size=steps, p=weights)
    positions = (oracle.cells[picked] + rng.random((steps, 2))) / oracle.resolution
    actions = sample_actions(near_expert(oracle, random_actions).table.numpy()[picked], rng.random(steps))
    ends, rewards, terminations = transition(maze, positions, actions, rng.standard_normal((steps, 2)))
    columns = (maze.observe(positions), actions, rewards.astype(np.float32), maze.observe(ends), terminations)
    return Transitions(*map(torch.from_numpy, (*columns, ~terminations)), maze)  # each is cut after its one step


def walks(oracle: Oracle, random_share: float) -> list[Transitions]:
    """1,000 steps from the start, of the optimal policy with random actions mixed in, of each of 8 collection seeds."""
    return explore(near_expert(oracle, random_share, seeds=SEEDS), oracle.maze, STEPS, progress=False)


def trained_returns(kind: str, name: str, *setting) -> list:
    """Exact returns after training on one kind of data, to 0.01.

    "walked" and "independent" give (8,), each seed with data of its own; "crossed" gives (8 collection seeds, 8
    training seeds).
    """
    torch.set_num_threads(1)
    oracle = Oracle(MAZES["medium"])
    if kind == "independent":
        each = [[independent_steps(oracle, *setting, STEPS, seed) for seed in range(SEEDS)]]
    else:
        each = walks(oracle, *setting) if kind == "crossed" else [walks(oracle, *setting)]
    returns = []
    for data in each:
        agent = AGENTS[name](seeds=SEEDS)
        train_offline(agent, data, UPDATES, progress=False)
        returns.append(oracle.evaluate(agent.policy).episode_return.round(2).tolist())
    return returns if kind == "crossed" else returns[0]


def run_ablations() -> list[dict]:
    """A row for each kind of data and agent: its setting, and the returns."""
    kinds = [("walked", share) for share in SHARES]
    kinds += [("independent", places, actions) for places in KNOBS for actions in KNOBS]
    parts = [(kind, name, *setting) for kind, *setting in kinds for name in AGENTS]
    parts += [("crossed", name, 0.1) for name in ("CQL, α 0.1", "CQL, α 1")]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = [pool.submit(trained_returns, *part) for part in parts]
        return [
            {"kind": kind, "agent": name, "setting": setting, "returns": run.result()}
            for (kind, name, *setting), run in zip(parts, runs, strict=True)
        ]


if __name__ == "__main__":
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in run_ablations())
    with whole_file(RESULTS / "ablations.json") as part:
        part.write_text(f"[{rows}]\n", encoding="utf-8")
