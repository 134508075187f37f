"""Data sets drawn by hand: a behaviour policy that goes from waypoint to waypoint through a maze."""

from __future__ import annotations

import dataclasses

import torch

from rlkit_mini.agents.guides import RouteFollower
from rlkit_mini.data.transitions import COLUMNS, Transitions
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import shared_oracle

EPISODES = 100  # a painting has at most as many


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
    follower = RouteFollower(shared_oracle(known), waypoints, noise, onward, seeds=int(episodes))
    firsts = [run.episodes[0] for run in explore(follower, begins, known.horizon, progress=False)]
    return Transitions(**{name: torch.cat([getattr(first, name) for first in firsts]) for name in COLUMNS}, maze=known)
