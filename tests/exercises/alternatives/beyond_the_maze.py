"""Other right formulations of the exercises on what lies beyond the maze, written from the equations alone."""

import numpy as np
from helpers import alternative


@alternative("value_bounds")
def value_bounds_by_cases(rewards, discount):
    horizon = 1 / (1 - discount)
    return np.array([min(0, min(rewards)) * horizon, max(0, max(rewards)) * horizon])


@alternative("value_bounds")
def value_bounds_by_clipping(rewards, discount):
    lowest, highest = np.minimum(rewards, 0).min(), np.maximum(rewards, 0).max()
    return np.stack([lowest, highest]) / (1 - discount)


@alternative("usable_steps")
def usable_steps_by_a_loop(terminations, truncations):
    usable = []
    for step in range(len(terminations)):
        is_followed = step + 1 < len(terminations) and not truncations[step]
        usable.append(bool(terminations[step] or is_followed))
    return np.array(usable)


@alternative("usable_steps")
def usable_steps_by_leaving_out(terminations, truncations):
    unknown = truncations.copy()
    unknown[-1] = True
    return ~(unknown & ~terminations)
