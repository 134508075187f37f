"""Online collection: every member of a population in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from tqdm.auto import trange

from rlkit_mini.agents.agent import Agent, learning
from rlkit_mini.data.replay import Replay
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.environments import Copies, Environment, environment_of
from rlkit_mini.mazes import Maze
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import sample_actions

CHECK_EVERY = 500  # steps; whether the losses are finite


@learning
def explore(
    agent: Agent,
    maze: Maze | Any,
    steps: int = 10_000,
    progress: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> list[Transitions]:
    """Let each member act for `steps` steps in its own copy of an environment, learning after each if it learns.

    An interruption keeps the steps made so far. A second call goes on from a new start, with other noise.

    Args:
        maze: one of `MAZES`; or another environment, its id, its specification, or a function that makes one.
        on_step: called after each step with the number of steps made.

    Returns:
        one `Transitions` per member, their last episode unfinished unless it ended by chance.

    Raises:
        TypeError, ValueError: no agent, no environment or one of other sizes, or no steps.
        TrainingDivergedError: a loss became infinite or no number; its `history` is what was collected until then.
    """
    maze, steps = environment_of(maze), check_count("steps", steps)
    agent.prepare(maze)
    kind = (agent.members, agent.batch_size, agent.minibatches, agent.device)
    replay = Replay(None, *kind, capacity=steps, observation_size=agent.observation_size)
    interaction, losses = interact(agent, maze, replay), None
    try:
        for step in trange(1, steps + 1, desc="exploring", unit="step", disable=not progress, leave=False):
            next(interaction)
            if agent.batch_size and replay.size >= agent.batch_size:
                losses = agent.update(next(replay.minibatches(1)))
            if losses is not None and (step % CHECK_EVERY == 0 or step == steps):
                agent.check_finite(losses, step, replay.transitions(maze))
            if on_step:
                on_step(step)
    except KeyboardInterrupt:
        print(f"interrupted: the first {replay.size:,} of {steps:,} steps are kept")
    return replay.transitions(maze)


def interact(agent: Agent, maze: Maze | Environment, replay: Replay, epsilon: float = 0.0) -> Iterator[None]:
    """Make a step with every member each time it is asked, and add it to the replay; episodes begin anew by themselves.

    A step's observations are (members, size), one per member's own environment.

    Args:
        epsilon: share of uniformly random actions, beside what the agent's own distribution draws.
    """
    copies = Copies(maze, agent.members)
    observations = copies.reset(agent.environment_seeds())
    starts, ended = observations, np.ones(agent.members, dtype=bool)
    while True:
        if ended.any():
            starts = np.where(ended[:, None], observations, starts)
            agent.begin(torch.as_tensor(starts[:, None], device=agent.device))
        probabilities = agent.policy(observations[:, None], greedy=False)[:, 0].cpu().numpy()
        probabilities = (1 - epsilon) * probabilities + epsilon / agent.action_count
        actions = sample_actions(probabilities, agent.exploration.draw())
        next_observations, begun, rewards, terminations, truncations = copies.step(actions)
        replay.add(observations, actions, rewards, next_observations, terminations, truncations)
        observations, ended = begun, terminations | truncations
        yield
