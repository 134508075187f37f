"""Real episodes of an agent, drawn as paths over the map of a picture that is there already."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from rlkit_mini.oracle import Oracle
from rlkit_mini.pointmass import PointmassVectorEnv, at_goal, sample_actions

EPISODES = 5


def walks(oracle: Oracle, policy: np.ndarray) -> list[np.ndarray]:
    """The positions (steps + 1, 2) of five episodes of a policy (sub-cells, 5) in the environment itself."""
    environment = PointmassVectorEnv(EPISODES, oracle.maze)
    observations, _ = environment.reset(seed=0)
    places, lengths, going = [environment.positions], np.ones(EPISODES, dtype=int), np.ones(EPISODES, dtype=bool)
    for _ in range(oracle.maze.horizon):
        actions = sample_actions(policy[oracle.sub_cells(observations)], environment.np_random.random(EPISODES))
        observations, _, terminations, *_ = environment.step(actions)
        places.append(environment.positions)
        lengths += going
        going &= ~terminations
    return [path[:length] for path, length in zip(np.stack(places, axis=1), lengths, strict=True)]


def walks_in_svg(oracle: Oracle, policy: np.ndarray, ax: Axes) -> str:
    """These episodes as shapes of SVG: a disc ends those that arrive, a cross those that are cut off.

    Args:
        ax: shows the map; the shapes are in pixels from the upper left corner of its figure.
    """
    shapes, arrived, top = [], 0, ax.figure.bbox.height
    for path in walks(oracle, policy):
        pixels = np.rint([0, top] + [1, -1] * ax.transData.transform(path)).astype(int)
        moved = np.r_[True, (pixels[1:] != pixels[:-1]).any(axis=1)]
        points = " ".join(f"{x},{y}" for x, y in pixels[moved])
        (x, y), arrives = pixels[-1], at_goal(oracle.maze, path[-1])
        arrived += bool(arrives)
        cross = f'<path d="M{x - 5},{y - 5}l10,10m0,-10l-10,10" />'
        end = f'<circle cx="{x}" cy="{y}" r="4" fill="#d55e00" />' if arrives else cross
        shapes.append(f'<polyline points="{points}" />{end}')
    words = f"{EPISODES} episodes of the median seed from the start on, of which {arrived} arrive"
    return (
        f'<g role="img" aria-label="{words}" fill="none" stroke="#d55e00" '
        f'stroke-width="2" stroke-linejoin="round" opacity="0.85">{"".join(shapes)}</g>'
    )
