"""Random numbers for populations: one stream per (seed, purpose)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np

FIRST_SEED = 0  # added to every seed: another one trains all agents anew under their old labels


class Streams:
    """One independent random stream per (seed, purpose); members with equal seeds see equal numbers.

    Numbers are drawn in blocks and served in order, so what a stream gives does not depend on how it is asked.

    Args:
        seeds: (members,) non-negative integers.
        purpose: names the stream, so that what one part of an agent draws never shifts another's numbers.
        kind: "random" (uniform in [0, 1)) or "standard_normal".
    """

    BLOCK = 4096

    def __init__(self, seeds: Sequence[int], purpose: str, kind: str = "random") -> None:
        distinct, self._member = np.unique(np.asarray(seeds, dtype=np.int64), return_inverse=True)
        generators = [np.random.default_rng([FIRST_SEED + seed, zlib.crc32(purpose.encode())]) for seed in distinct]
        self._draws = [getattr(generator, kind) for generator in generators]
        self._block, self._used = np.empty((len(distinct), 0)), 0

    def draw(self, *size: int) -> np.ndarray:
        """The next numbers: (members, *size)."""
        count = math.prod(size)
        if self._used + count > self._block.shape[1]:
            fresh = np.stack([draw(max(count, self.BLOCK)) for draw in self._draws])
            self._block, self._used = np.concatenate([self._block[:, self._used :], fresh], axis=1), 0
        numbers = self._block[self._member, self._used : self._used + count]
        self._used += count
        return numbers.reshape(-1, *size)
