"""Data sets drawn by hand: a behaviour policy that goes from waypoint to waypoint through a maze."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Transitions
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.oracle import Oracle, solved
from rlkit_mini.pointmass import ACTIONS, at_goal

EPISODES = 100  # a painting has at most as many


def blocks(maze: Maze) -> list[tuple[float, float]]:
    """The centres of the free blocks that a route is drawn on: cells, or 2 x 2 cells of a large maze."""
    size = block_size(maze)
    free = ~maze.walls[::size, ::size]
    return [tuple(float(size * (index + 0.5)) for index in block) for block in np.argwhere(free)]


def block_size(maze: Maze) -> int:
    return 1 if max(maze.shape) <= 12 else 2


def in_block(maze: Maze, place: tuple[float, float], positions: np.ndarray) -> np.ndarray:
    """Whether positions (..., 2) lie in the block of a place: (...,) bool."""
    size = block_size(maze)
    return (np.floor(np.asarray(positions) / size) == np.floor(np.array(place) / size)).all(axis=-1)


class RouteFollower(Agent):
    """Goes to its waypoints in turn, each as soon as possible, and again from the first; does not learn.

    Each member keeps in mind what it goes for next, and forgets it at the start, where `explore` begins an episode.

    Args:
        waypoints: positions in cells; one in the goal ends the episode.
        noise: share of uniformly random actions.
        onward: whether it goes on to the goal after the last waypoint.
    """

    def __init__(self, oracle: Oracle, waypoints, noise: float = 0.1, onward: bool = True, seeds=1) -> None:
        super().__init__(seeds=seeds)
        centres = oracle.maze.positions(oracle.observations)
        ahead, reached = [], []  # of each leg: the policy (sub-cells, 5), and where it is over (sub-cells,)
        for waypoint in waypoints:
            here = in_block(oracle.maze, waypoint, centres)
            ends = at_goal(oracle.maze, np.array(waypoint))
            ahead.append(oracle.optimal_policy if ends else oracle.policy_towards(here))
            reached.append(here)
        if onward:
            ahead.append(oracle.optimal_policy)
            reached.append(np.zeros(len(centres), dtype=bool))
        if not ahead:  # nowhere to go
            ahead, reached, noise = [oracle.optimal_policy], [np.zeros(len(centres), dtype=bool)], 1.0
        self.oracle, self.reached = oracle, np.stack(reached)
        self.tables = torch.as_tensor((1 - noise) * np.stack(ahead) + noise / len(ACTIONS))
        self.legs = np.zeros(self.members, dtype=int)
        self.start_observation: Tensor | None = None  # told by `explore`

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """Of one observation a member, the next of its episode: (members, 1, 2) -> (members, 1, 5)."""
        if self.start_observation is not None:
            self.legs[(observations[:, -1] == self.start_observation).all(dim=-1).numpy()] = 0
        cells = self.oracle.sub_cells(observations.numpy())
        self.legs = (self.legs + self.reached[self.legs, cells[:, -1]]) % len(self.reached)
        return self.tables[torch.from_numpy(self.legs)[:, None], torch.from_numpy(cells)]


def paint(maze: str, waypoints, noise=0.1, episodes=20, start=None, onward=True) -> Transitions:
    """Whole episodes of a `RouteFollower`, each with a seed of its own.

    Args:
        maze: a name of `MAZES`.
        start: where the episodes begin, in cells; None is the maze's own start, where agents are judged.

    Raises:
        ValueError: a place in a wall or outside, a share outside [0, 1], too many episodes or none.
    """
    known = MAZES[maze]
    begins = known if start is None else dataclasses.replace(known, start=tuple(start))
    for place in [begins.start, *waypoints]:
        inside = all(0 <= x <= size for x, size in zip(place, known.shape, strict=True))
        if not inside or known.walls[tuple(min(int(x), size - 1) for x, size in zip(place, known.shape, strict=True))]:
            raise ValueError(f"({place[0]:g}, {place[1]:g}) is not free in the {maze} maze; expected places off walls")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise is {noise:g}; expected a share in [0, 1]")
    if not (1 <= episodes <= EPISODES and episodes == int(episodes)):
        raise ValueError(f"episodes is {episodes:g}; expected an integer from 1 to {EPISODES}")
    follower = RouteFollower(solved(known), waypoints, noise, onward, seeds=int(episodes))
    firsts = [run.episodes[0] for run in explore(follower, begins, known.horizon, progress=False)]
    columns = [field.name for field in dataclasses.fields(Transitions) if field.name != "maze"]
    return Transitions(*(torch.cat([getattr(episode, name) for episode in firsts]) for name in columns), maze=known)
