"""The worlds of one plan: every uncertain quantity drawn once per world, by its dotted key."""

import numpy as np

from banyan.planner.plan import Band
from banyan.planner.quantity import Quantity, Worlds


class Draws:
    """Draws quantities for `count` worlds and remembers each, so that `--why` can name what a figure hangs on."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.count = count
        self.taken: dict[str, tuple[Quantity, str]] = {}
        self._drawn: dict[str, Worlds] = {}

    def of(self, key: str, quantity: Quantity, source: str = "the file") -> Worlds:
        """One figure per world. The same key gives the same draws in every plan with this seed."""
        taken = self.taken.get(key)
        if taken is None or taken[0] != quantity:
            self.taken[key] = (quantity, source)
            self._drawn[key] = quantity.worlds(key, self.seed, self.count)
        return self._drawn[key]

    def known(self, value: float) -> Worlds:
        """The same figure in every world."""
        return np.full(self.count, float(value))


def band(worlds: Worlds) -> Band:
    """The 5th, 50th and 95th percentile."""
    low, mid, high = np.percentile(worlds, (5, 50, 95))
    return Band(float(low), float(mid), float(high))


def middle(worlds: Worlds) -> float:
    """The median over the worlds."""
    ordered = np.sort(worlds)  # numpy's own median takes several times as long for a few hundred figures
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2)
