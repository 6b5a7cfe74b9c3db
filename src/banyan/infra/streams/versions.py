"""Versions of values that are small enough to be looked at each time."""

from hashlib import blake2b

from msgspec import Struct
from msgspec.msgpack import Encoder

_encode = Encoder().encode


def version_of(value: Struct) -> int:
    """64 bits, signed, that change when anything in the value does; the same in every process."""
    return int.from_bytes(blake2b(_encode(value), digest_size=8).digest(), "big", signed=True)
