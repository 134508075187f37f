"""Collects the course's data sets, from seed 0: `make datasets`, or `python -m rlkit_workbook.studies.collecting`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rlkit_mini.agents import RND, RandomAgent
from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.guides import LinearController, OracleMixture, lazy, near_expert
from rlkit_mini.data.sets import COURSE, list_datasets, save_dataset
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.oracle import Oracle

CODE = "notebooks/rlkit_workbook/studies/collecting.py"


def _behaviours(oracle: Oracle) -> dict[str, tuple[Agent, dict[str, int], str]]:
    """name -> a fresh agent, how the name of each of its data sets goes on and how many steps that has, description."""
    table = {
        "random": (RandomAgent(), {"": 10_000}, "Uniformly random actions."),
        "rnd": (RND(), {"": 10_000}, "Random network distillation, reward-free, from its first step on."),
    }
    if oracle.maze.name == "medium":
        table["rnd"][1].update({f"-{size}": size for size in (1_000, 5_000, 10_000, 20_000)})
        table["near-expert"] = (near_expert(oracle, 0.1), {"": 1_000}, "Optimal policy, 10% uniformly random actions.")
        table["lazy"] = (lazy(oracle), {"": 2_000}, "Stays with probability 0.6, else the optimal action.")
    if oracle.maze.name == "hard":
        table["near-expert"] = (near_expert(oracle, 0.3), {"": 2_000}, "Optimal policy, 30% uniformly random actions.")
    return table


CART = [0.1, 0.3, 2.0, 1.0]  # weights of position, velocity, angle, angular velocity; without noise it never falls


def _collections() -> Iterator[tuple[Agent, Maze | str, dict[str, int], dict]]:
    """Agent, where it acts, data sets -> how many of its first steps each holds, and what is said of them."""
    for maze in (MAZES["easy"], MAZES["medium"], MAZES["hard"]):
        oracle = Oracle(maze)
        for name, (agent, ends, description) in _behaviours(oracle).items():
            sizes = {f"pointmass/{maze.name}-{name}{end}-v0": size for end, size in ends.items()}
            algorithm = name if isinstance(agent, OracleMixture) else type(agent).__name__
            described = f"{description} {{size:,}} steps in the {maze.name} maze, seed 0."
            references = oracle.random_return, oracle.optimal_return
            facts = {"algorithm": algorithm, "description": described, "reference_returns": references}
            yield agent, maze, sizes, facts
    for dataset_id, agent, steps, description in (
        ("cartpole/noisy-v0", LinearController(CART, noise=0.3), 5_000, "A linear controller, 30% random actions."),
        ("cartpole/random-v0", RandomAgent(observation_size=4, action_count=2), 10_000, "Uniformly random actions."),
    ):
        described = f"{description} {{size:,}} steps of CartPole-v1, seed 0."
        yield agent, "CartPole-v1", {dataset_id: steps}, {"algorithm": type(agent).__name__, "description": described}


def collect_datasets(overwrite: bool = False, folder: Path = COURSE) -> None:
    """Collect and write every data set of the course that is not there yet (or all, with `overwrite`)."""
    present = set() if overwrite else set(list_datasets(folder))
    for agent, env, sizes, facts in _collections():
        missing = {dataset_id: size for dataset_id, size in sizes.items() if dataset_id not in present}
        if not missing:
            continue
        (data,) = explore(agent, env, max(sizes.values()))
        if len(data) < max(sizes.values()):
            sys.exit(f"interrupted: {', '.join(missing)} not written")
        for dataset_id, size in missing.items():
            said = facts | {"description": facts["description"].format(size=size), "code": CODE}
            save_dataset(dataset_id, data[:size], **said, folder=folder, overwrite=overwrite)
            print(f"collected {dataset_id}: {size:,} steps")


if __name__ == "__main__":
    collect_datasets(overwrite="--overwrite" in sys.argv[1:])
