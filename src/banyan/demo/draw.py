"""Chance that comes out the same on every machine and Python version.

Only `Random.random()` is used: it alone is promised to give the same numbers for the same seed for ever.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, stage: str) -> Random:
    """The random numbers of one stage of a plan: a change in one stage leaves the others as they are."""
    return Random(f"banyan demo {seed} {stage}")


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of `items`, each as likely."""
    return items[int(rng.random() * len(items))]


def shuffle(rng: Random, items: list[T]) -> None:
    """Puts `items` into a random order in place (Fisher-Yates)."""
    for last in range(len(items) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        items[last], items[other] = items[other], items[last]


def bell(rng: Random) -> float:
    """A standard normal value (Box-Muller)."""
    return math.sqrt(-2.0 * math.log(1.0 - rng.random())) * math.cos(math.tau * rng.random())


def whole(rng: Random, expected: float) -> int:
    """A whole number whose average is `expected`: 2.3 gives 2 or, three times in ten, 3."""
    return int(expected + rng.random())


class Weighted:
    """Draws an index with a chance in proportion to its weight."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.sums = list(accumulate(weights, initial=0.0))

    def draw(self, rng: Random) -> int:
        return self.draw_between(rng, 0, len(self.sums) - 1)

    def draw_between(self, rng: Random, start: int, stop: int) -> int:
        """An index of start..stop-1."""
        sums = self.sums
        target = sums[start] + rng.random() * (sums[stop] - sums[start])
        # Rounding may reach the upper bound itself.
        return min(bisect_right(sums, target, start, stop) - 1, stop - 1)
