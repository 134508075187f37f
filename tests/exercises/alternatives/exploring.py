"""Other right formulations of the exercises on coverage, returns and steps, written from the equations alone."""

import math

import numpy as np
from helpers import alternative


@alternative("coverage")
def coverage_by_a_set(positions, walls):
    seen = set()
    for x, y in positions:
        seen.add((min(int(2 * x), 2 * len(walls) - 1), min(int(2 * y), 2 * len(walls[0]) - 1)))
    return len(seen) / (4 * sum(not wall for column in walls for wall in column))


@alternative("discounted_return")
def discounted_return_by_horner(rewards, discount):
    total = np.zeros(rewards.shape[:-1])
    for t in reversed(range(rewards.shape[-1])):
        total = rewards[..., t] + discount * total
    return total


@alternative("steps_to_go")
def steps_to_go_by_searching(values, discount):
    def steps(value):
        if value * (1 - discount) <= -1:
            return math.inf
        low, high = 0.0, 10_000.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if (discount ** (middle - 1) - 1) / (1 - discount) > value else (low, middle)
        return low

    return np.vectorize(steps)(values)


@alternative("steps_to_go")
def steps_to_go_by_log1p(values, discount):
    values = np.asarray(values)
    arrives = values > -1 / (1 - discount)
    return np.where(arrives, 1 + np.log1p((1 - discount) * np.where(arrives, values, 0)) / np.log(discount), np.inf)
