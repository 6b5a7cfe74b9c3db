"""Versions of values that are small enough to be looked at each time."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct
from msgspec.msgpack import Encoder

_encode = Encoder().encode
_encode_json = msgspec.json.Encoder().encode
_MOST_REMEMBERED = 20_000


class Versioned(NamedTuple):
    """A value with its version, and as it stands in answers."""

    value: Struct
    version: int
    json: Raw


def version_of(value: Struct) -> int:
    """64 bits, signed, that change when anything in the value does; the same in every process."""
    return int.from_bytes(blake2b(_encode(value), digest_size=8).digest(), "big", signed=True)


class Versions:
    """Versions of values that stay in memory between two looks: as long as one is the same object it is not hashed
    again, which costs ten times as much as finding it here.
    """

    def __init__(self) -> None:
        # By where the object lies; it is kept alive here, so no other can take its place.
        self._known: dict[int, Versioned] = {}

    def of(self, value: Struct) -> int:
        """As `version_of`; the value must never be changed in place."""
        known = self._known.get(id(value))
        return (known or self._remember(value)).version

    def of_each(self, values: Sequence[Struct | None]) -> list[Versioned | None]:
        """One for each, None for None: the cheaper form for a thousand."""
        found = list(map(self._known.get, map(id, values)))
        if all(found):
            return found
        return [
            None if value is None else versioned or self._remember(value)
            for value, versioned in zip(values, found, strict=True)
        ]

    def _remember(self, value: Struct) -> Versioned:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        versioned = Versioned(value, version_of(value), Raw(_encode_json(value)))
        self._known[id(value)] = versioned
        return versioned
