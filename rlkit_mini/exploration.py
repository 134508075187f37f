"""Online collection: every member of a population in an environment of its own."""

from __future__ import annotations

import numpy as np
import torch
from tqdm.auto import trange

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Batch, Transitions
from rlkit_mini.mazes import Maze
from rlkit_mini.pointmass import sample_actions, transition


def explore(agent: Agent, maze: Maze, steps: int = 10_000, progress: bool = True) -> list[Transitions]:
    """Let each member act for `steps` steps in its own copy of the maze, learning after each if it learns.

    An interruption keeps the steps made so far. A second call goes on with the agent's random streams, from the start.

    Returns:
        one `Transitions` a member, their last episode unfinished unless it ended by chance.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected at least 1")
    members, device = agent.members, agent.device
    shape = (members, steps)
    stored = Batch(
        observations=torch.zeros(*shape, 2, device=device),
        actions=torch.zeros(shape, dtype=torch.int64, device=device),
        rewards=torch.zeros(shape, device=device),
        next_observations=torch.zeros(*shape, 2, device=device),
        terminations=torch.zeros(shape, device=device),
    )
    truncated = torch.zeros(shape, dtype=torch.bool)
    rows = torch.arange(members, device=device).unsqueeze(-1)
    start = np.tile(np.array(maze.start, dtype=np.float64), (members, 1))
    agent.start_observation = torch.as_tensor(maze.observe(start[0]), device=device)
    positions, elapsed, made = start.copy(), np.zeros(members, dtype=int), 0
    try:
        for step in trange(steps, desc="exploring", unit="step", disable=not progress, leave=False):
            observations = maze.observe(positions)
            probabilities = agent.policy(observations[:, None], greedy=False)[:, 0].cpu().numpy()
            actions = sample_actions(probabilities, agent.exploration.draw())
            positions, rewards, terminations = transition(maze, positions, actions, agent.environment_noise.draw(2))
            elapsed += 1
            truncations = (elapsed >= maze.horizon) & ~terminations
            values = (observations, actions, rewards, maze.observe(positions), terminations)
            for tensor, value in zip(stored, values, strict=True):
                tensor[:, step] = torch.from_numpy(value)
            truncated[:, step] = torch.from_numpy(truncations)
            ended = terminations | truncations
            positions[ended], elapsed[ended] = maze.start, 0
            made = step + 1
            if agent.batch_size and made >= agent.batch_size:
                picks = torch.from_numpy((agent.minibatches.draw(agent.batch_size) * made).astype(np.int64)).to(device)
                agent.update(Batch(*(tensor[rows, picks] for tensor in stored)))
    except KeyboardInterrupt:
        print(f"interrupted: the first {made:,} of {steps:,} steps are kept")
    kept = [tensor[:, :made].cpu() for tensor in stored._replace(terminations=stored.terminations.bool())]
    return [Transitions(*(tensor[m] for tensor in kept), truncated[m, :made], maze) for m in range(members)]
