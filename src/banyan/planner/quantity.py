"""Quantities that are known, or known to lie between two figures."""

import zlib
from typing import Annotated, Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, PlainValidator, WithJsonSchema

Worlds = NDArray[np.float64]


class Quantity(msgspec.Struct, frozen=True):
    """A figure, or an interval: `low <= mid <= high`, all three equal when it is known.

    In a file it is a number, `[low, high]` (evenly likely in between) or `[low, mid, high]` (mid the likeliest).
    """

    low: float
    mid: float
    high: float

    @classmethod
    def of(cls, value: Any) -> Self:
        """Reads what a file says. Raises ValueError with what would be right."""
        wanted = "a number, [low, high] or [low, mid, high]"
        if isinstance(value, cls):
            return value
        parts = list(value) if isinstance(value, list | tuple) else [value]
        if not 1 <= len(parts) <= 3 or any(
            isinstance(part, bool) or not isinstance(part, int | float) for part in parts
        ):
            raise ValueError(f"should be {wanted}")
        figures = [float(part) for part in parts]
        if not all(np.isfinite(figures)):
            raise ValueError(f"should be {wanted}, all finite")
        if figures != sorted(figures):
            raise ValueError("an interval goes from low to high")
        low, high = figures[0], figures[-1]
        return cls(low, figures[1] if len(figures) == 3 else (low + high) / 2, high)

    @property
    def known(self) -> bool:
        """Whether it is one figure."""
        return self.low == self.high

    def scaled(self, factor: float) -> "Quantity":
        """The quantity in another unit; factor at least 0."""
        return Quantity(self.low * factor, self.mid * factor, self.high * factor)

    def worlds(self, key: str, seed: int, count: int) -> Worlds:
        """Draws it once per world: shape (count,).

        Common random numbers: the draws hang on the seed and the quantity's dotted key alone, so that a plan
        differs from its variant only where the files differ, and world number 7 of both is the same world.
        """
        if self.known:
            return np.full(count, float(self.mid))
        uniform = np.random.Generator(np.random.Philox([seed, zlib.crc32(key.encode())])).random(count)
        if self.mid == (self.low + self.high) / 2:
            return self.low + (self.high - self.low) * uniform
        return self._triangular(uniform)

    def _triangular(self, uniform: Worlds) -> Worlds:
        # The inverse of the triangular distribution's cumulative one.
        width, rise = self.high - self.low, self.mid - self.low
        below = self.low + np.sqrt(uniform * width * rise)
        above = self.high - np.sqrt((1 - uniform) * width * (self.high - self.mid))
        return np.where(uniform <= rise / width, below, above)


def _at_least_zero(value: Quantity) -> Quantity:
    if value.low < 0:
        raise ValueError("should be at least 0")
    return value


def _share(value: Quantity) -> Quantity:
    if value.low < 0 or value.high > 1:
        raise ValueError("should be a share between 0 and 1 (0.1 is 10%)")
    return value


_NUMBER = {"type": "number"}
_FORMS = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 3}]}

Figure = Annotated[Quantity, PlainValidator(Quantity.of), WithJsonSchema(_FORMS)]
Amount = Annotated[Figure, AfterValidator(_at_least_zero)]
Share = Annotated[Figure, AfterValidator(_share)]
