"""UUIDv7 ids (RFC 9562, section 5.7): identity and page key of everything that has one."""

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, SafeUUID

# Below and above every id: where a list begins that is read in the order of ids.
FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=(1 << 128) - 1)

_RANDOM_BITS = 74
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
_VARIANT_LOW_BITS = 62
# Of the kernel's random numbers, fetched together: a call into it costs more than all else about an id.
_BLOCK_BYTES = 4096

# UUID's own constructor looks at six ways to say what one is, and takes longer than all else about an id.
_set_int: Final[Any] = UUID.__dict__["int"].__set__
_set_safety: Final[Any] = UUID.__dict__["is_safe"].__set__
# A member of an enum is looked up by a call.
_SAFETY: Final = SafeUUID.unknown

_lock = threading.Lock()
_last_tail = 0
_last_ms = 0
_block = b""
_place = 0


def new_id() -> UUID:
    """A new UUIDv7, strictly greater than every id this process made before (RFC 9562, method 2)."""
    global _last_ms, _last_tail  # noqa: PLW0603 - one counter per process is the point
    with _lock:
        ms = time.time_ns() // 1_000_000
        if ms > _last_ms:
            _last_ms = ms
            # The top bit is left clear so that counting up inside one millisecond never overflows.
            _last_tail = _draw(10) & (_RANDOM_MASK >> 1)
        else:
            _last_tail += 1 + (_draw(1) << 8)
            if _last_tail > _RANDOM_MASK:
                _last_ms += 1
                _last_tail &= _RANDOM_MASK >> 1
        return _made(_compose(_last_ms, _last_tail))


def id_at(ms: int, tail: int) -> UUID:
    """A UUIDv7 for a chosen moment, in milliseconds since 1970: `tail` (74 bits) keeps ids of one millisecond apart
    and in order.
    """
    return _made(_compose(ms, tail & _RANDOM_MASK))


def packed_id_at(ms: int, tail: int) -> bytes:
    """As `id_at`, in its 16 bytes."""
    return _compose(ms, tail & _RANDOM_MASK).to_bytes(16, "big")


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of that millisecond: below it lies what was made earlier."""
    return id_at(int(moment.timestamp() * 1000), 0)


def id_time(value: UUID) -> datetime:
    """The millisecond timestamp inside a UUIDv7, aware, in UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def _draw(size_bytes: int) -> int:
    """A random number of so many bytes, none of which is drawn twice; the lock is held."""
    global _block, _place
    if _place + size_bytes > len(_block):
        _block, _place = os.urandom(_BLOCK_BYTES), 0
    start, _place = _place, _place + size_bytes
    return int.from_bytes(_block[start:_place], "big")


def _forget() -> None:
    """A child must not make the ids that its parent is about to make."""
    global _block, _last_ms, _lock
    _block, _last_ms, _lock = b"", 0, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _made(number: int) -> UUID:
    made = object.__new__(UUID)
    _set_int(made, number)
    _set_safety(made, _SAFETY)
    return made


def _compose(ms: int, tail: int) -> int:
    high = tail >> _VARIANT_LOW_BITS
    low = tail & ((1 << _VARIANT_LOW_BITS) - 1)
    return (ms << 80) | (7 << 76) | (high << 64) | (2 << 62) | low
