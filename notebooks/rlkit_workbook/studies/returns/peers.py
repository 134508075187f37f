"""BC, DQN and CQL beside d3rlpy's: the same settings and steps, judged by the same episodes: `make peer-d3rlpy`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

from rlkit_mini.agents import BC, CQL, DQN
from rlkit_mini.agents.agent import Agent
from rlkit_mini.agents.networks import PopulationMLP, Standardised
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Batch, Transitions
from rlkit_mini.evaluation.rollouts import Rollouts
from rlkit_mini.tables import markdown_table, with_interval
from rlkit_mini.training import train_offline

DATA, SEEDS, UPDATES, EPISODES = ("noisy", "random"), 8, 2_000, 20
FIRST = 64  # steps on which the losses are compared
AGENTS = {"BC": (BC, {}), "DQN": (DQN, {"discount": 0.99}), "CQL": (CQL, {"alpha": 1.0, "discount": 0.99})}


def run_peers(python: Path) -> list[dict[str, str | list[float]]]:
    """A row for each data set and agent, ready for JSON; `python` is that of an environment with d3rlpy.

    Raises:
        RuntimeError: d3rlpy ended with an error, or its losses differ from ours.
    """
    rows = []
    for name in DATA:
        data, judge = load_dataset(f"cartpole/{name}-v0"), Rollouts("CartPole-v1", EPISODES)
        for label, (make_agent, settings) in AGENTS.items():
            agent = make_agent(seeds=SEEDS, features="raw", **settings, **data.sizes)
            train_offline(agent, data, UPDATES, progress=False)
            ours, theirs = judge.evaluate(agent.policy).episode_return, _theirs(python, data, label, agent)
            take_over(agent, theirs, "before")
            half = 1.0 if label == "BC" else 0.5
            ratio = half * first_losses(agent, data) / [theirs[f"{seed} loss"] for seed in range(SEEDS)]
            if not np.allclose(ratio, 1, rtol=1e-5):
                raise RuntimeError(f"{label}: d3rlpy's losses are those of ours times {1 / ratio}; expected 1")
            take_over(agent, theirs, "after")
            returns = judge.evaluate(agent.policy).episode_return
            rows.append({"data": name, "agent": label, "ours": ours.tolist(), "d3rlpy": returns.tolist()})
    return rows


def first_losses(agent: Agent, data: Transitions) -> np.ndarray:
    """(members,) mean loss on the data's first steps with a tenth of their rewards, so that no TD error exceeds 1."""
    batch = data[:FIRST].as_batch()
    batch = Batch(*(column.expand(agent.members, *column.shape[1:]) for column in batch))
    batch = batch._replace(rewards=batch.rewards / 10)
    with torch.no_grad():
        if isinstance(agent, BC):
            losses = -agent.actor.log_likelihood(agent.actor(batch.observations), batch.actions)
        else:
            losses = agent.loss(batch, agent.critic(batch.observations))
        return losses.mean(dim=-1).numpy()


def take_over(agent: Agent, theirs: dict[str, np.ndarray], when: str) -> None:
    """Put d3rlpy's layers into each network of the agent, target copies too."""
    for network in (module for module in agent.modules() if isinstance(module, PopulationMLP)):
        for number, parameters in enumerate(network.layers):
            for parameter, kind in zip(parameters, ("weight", "bias"), strict=True):
                columns = [theirs[f"{seed} {when} {number} {kind}"] for seed in range(agent.members)]
                parameter.data = torch.from_numpy(np.stack(columns)).reshape(parameter.shape)


def _theirs(python: Path, data: Transitions, label: str, agent: Agent) -> dict[str, np.ndarray]:
    """What `peer_d3rlpy.py` gives, of as many seeds."""
    standardised = next(module for module in agent.modules() if isinstance(module, Standardised))
    columns = {name: np.asarray(getattr(data, name)) for name in ("actions", "rewards", "terminations", "truncations")}
    columns["observations"] = standardised(data.observations.expand(agent.members, -1, -1))[0].numpy()
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", **columns)
        work = [f"{folder}/data.npz", label, json.dumps(agent.configuration), str(agent.members), str(UPDATES)]
        script = Path(__file__).with_name("peer_d3rlpy.py")
        outcome = subprocess.run([python, script, *work, f"{folder}/out.npz"], capture_output=True, text=True)
        if outcome.returncode:
            raise RuntimeError(f"d3rlpy ended with code {outcome.returncode}: {outcome.stderr.splitlines()[-1]}")
        with np.load(f"{folder}/out.npz") as file:
            return dict(file)


def markdown(rows: list[dict]) -> str:
    """The table of figures/RESULTS.md."""
    sides = ("ours", "d3rlpy")
    return markdown_table(
        [
            {"data": row["data"], "agent": row["agent"]} | {side: with_interval(row[side], 0) for side in sides}
            for row in rows
        ]
    )
