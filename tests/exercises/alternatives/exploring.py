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


@alternative("coverage")
def coverage_by_a_grid(positions, walls):
    seen = np.zeros([2 * n for n in walls.shape], dtype=bool)
    x, y = (np.clip((2 * p).astype(int), 0, 2 * n - 1) for p, n in zip(positions.T, walls.shape, strict=True))
    seen[x, y] = True
    return seen.mean() * walls.size / np.count_nonzero(~walls)


@alternative("coverage")
def coverage_by_flat_indices(positions, walls):
    width, height = 2 * walls.shape[0], 2 * walls.shape[1]
    x, y = np.minimum(positions[:, 0] // 0.5, width - 1), np.minimum(positions[:, 1] // 0.5, height - 1)
    return len(np.unique(x * height + y)) / 4 / (walls.size - walls.sum())


@alternative("discounted_return")
def discounted_return_by_matmul(rewards, discount):
    return rewards @ np.power(float(discount), np.arange(rewards.shape[-1]))


@alternative("discounted_return")
def discounted_return_by_products(rewards, discount):
    weights = np.cumprod(np.append(1.0, np.full(rewards.shape[-1] - 1, discount)))
    return np.einsum("...t,t->...", rewards, weights)


@alternative("discounted_return")
def discounted_return_in_a_list(rewards, discount):
    if rewards.ndim == 1:
        return sum(r * discount**t for t, r in enumerate(rewards.tolist()))
    return [discounted_return_in_a_list(each, discount) for each in rewards]


@alternative("steps_to_go")
def steps_to_go_by_cases(values, discount):
    left = 1 + (1 - discount) * np.asarray(values, dtype=float)
    steps = np.full(left.shape, np.inf)
    steps[left > 0] = 1 + np.emath.logn(discount, left[left > 0])
    return steps
