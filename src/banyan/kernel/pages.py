"""Cursor pages: `{"items": [...], "next_cursor": "..." | null}`."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Raw, Struct

from banyan.kernel import base64url
from banyan.kernel.errors import Invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_RANK_BYTES = 4

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


class EncodedPage(Struct, frozen=True, gc=False):
    """A page whose items are JSON already, one list of them."""

    items: Raw
    next_cursor: str | None = None


def encode_cursor(key: UUID) -> str:
    """An opaque cursor for the place after the item with this id (22 characters)."""
    return base64url.encode(key.bytes)


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id inside a cursor; None starts at the beginning.

    Raises Invalid for anything that `encode_cursor` did not make.
    """
    if cursor is None:
        return None
    return UUID(bytes=_decode(cursor, 16))


def encode_ranked_cursor(rank: int, key: UUID) -> str:
    """As `encode_cursor`, in a list that is ordered by a rank (0 to 2^32 - 1) before the id (27 characters)."""
    return base64url.encode(rank.to_bytes(_RANK_BYTES, "big") + key.bytes)


def decode_ranked_cursor(cursor: str | None) -> tuple[int, UUID] | None:
    """Rank and id. Raises Invalid for anything that `encode_ranked_cursor` did not make."""
    if cursor is None:
        return None
    content = _decode(cursor, _RANK_BYTES + 16)
    return int.from_bytes(content[:_RANK_BYTES], "big"), UUID(bytes=content[_RANK_BYTES:])


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], UUID]) -> Page[T]:
    """A page from `limit + 1` rows read in order: the one too many only tells that there is more."""
    if len(rows) <= limit:
        return Page(list(rows))
    items = list(rows[:limit])
    return Page(items, encode_cursor(key(items[-1])))


def cut_ranked_page(rows: Sequence[T], limit: int, key: Callable[[T], tuple[int, UUID]]) -> Page[T]:
    """As `cut_page`, in a list that is ordered by rank and id."""
    if len(rows) <= limit:
        return Page(list(rows))
    items = list(rows[:limit])
    return Page(items, encode_ranked_cursor(*key(items[-1])))


def _decode(cursor: str, length_bytes: int) -> bytes:
    content = base64url.decode(cursor)
    if content is None or len(content) != length_bytes:
        raise Invalid.field("cursor", "invalid_cursor", "Pass `next_cursor` of the page before, unchanged.")
    return content
