"""Online collection: every member of a population in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from tqdm.auto import trange

from rlkit_mini.agents.agent import Agent, learning
from rlkit_mini.data.replay import Replay
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.mazes import Maze, check_maze
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import ACTIONS, PointmassVectorEnv, sample_actions

CHECK_EVERY = 500  # steps; whether the losses are finite


@learning
def explore(
    agent: Agent,
    maze: Maze,
    steps: int = 10_000,
    progress: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> list[Transitions]:
    """Let each member act for `steps` steps in its own copy of the maze, learning after each if it learns.

    An interruption keeps the steps made so far. A second call goes on from the start, with other noise.

    Args:
        on_step: called after each step with the number of steps made.

    Returns:
        one `Transitions` per member, their last episode unfinished unless it ended by chance.

    Raises:
        TypeError, ValueError: no agent, no maze, or no steps.
        TrainingDivergedError: a loss became infinite or no number; its `history` is what was collected until then.
    """
    check_maze(maze)
    steps = check_count("steps", steps)
    replay = Replay(None, agent.members, agent.batch_size, agent.minibatches, agent.device, capacity=steps)
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


def interact(agent: Agent, maze: Maze, replay: Replay, epsilon: float = 0.0) -> Iterator[None]:
    """Make a step with every member each time it is asked, and add it to the replay; episodes begin anew by themselves.

    A step's observations are (members, 2), one per member's own environment.

    Args:
        epsilon: share of uniformly random actions, beside what the agent's own distribution draws.
    """
    environment = PointmassVectorEnv(agent.members, maze, autoreset_mode=AutoresetMode.SAME_STEP)
    observations, _ = environment.reset(seed=agent.environment_seeds())
    agent.begin(torch.as_tensor(observations[0], device=agent.device))
    while True:
        probabilities = agent.policy(observations[:, None], greedy=False)[:, 0].cpu().numpy()
        probabilities = (1 - epsilon) * probabilities + epsilon / len(ACTIONS)
        actions = sample_actions(probabilities, agent.exploration.draw())
        begun, rewards, terminations, truncations, info = environment.step(actions)
        next_observations = begun.copy()
        if info:  # where an episode ended, the next one has begun already
            next_observations[info["_final_obs"]] = np.stack(info["final_obs"][info["_final_obs"]])
        replay.add(
            observations=observations,
            actions=actions,
            rewards=rewards,
            next_observations=next_observations,
            terminations=terminations,
            truncations=truncations & ~terminations,
        )
        observations = begun
        yield
