"""Cursor pages: `{"items": [...], "next_cursor": "..." | null}`."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from banyan.kernel.errors import Invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(key: UUID) -> str:
    """An opaque cursor for the place after the item with this id (22 characters)."""
    return base64.urlsafe_b64encode(key.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id inside a cursor; None starts at the beginning.

    Raises Invalid for anything that `encode_cursor` did not make.
    """
    if cursor is None:
        return None
    key = _read_cursor(cursor)
    if key is None or encode_cursor(key) != cursor:
        raise Invalid.field("cursor", "invalid_cursor", "Pass `next_cursor` of the page before, unchanged.")
    return key


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], UUID]) -> Page[T]:
    """A page from `limit + 1` rows read in order: the one too many only tells that there is more."""
    if len(rows) <= limit:
        return Page(list(rows))
    items = list(rows[:limit])
    return Page(items, encode_cursor(key(items[-1])))


def _read_cursor(cursor: str) -> UUID | None:
    try:
        return UUID(bytes=base64.b64decode(cursor.encode("ascii") + b"==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None
