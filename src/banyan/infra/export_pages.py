"""Pages of what one person wrote and chose, for `DataSection`: where no list of the API has it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.kernel.ids import FIRST_ID
from banyan.kernel.pages import Page, cut_page, decode_cursor

_ROWS = 200

T = TypeVar("T")


def export_pages(
    query: Callable[[Work, UUID, UUID, int], Awaitable[list[T]]], key: Callable[[T], UUID]
) -> Callable[[Work, UUID, str | None], Awaitable[Page[Any]]]:
    """Reads what `query` (work, person, after, limit) lists in the order of `key`, behind the cursor."""

    async def read(work: Work, person_id: UUID, cursor: str | None) -> Page[T]:
        return cut_page(await query(work, person_id, decode_cursor(cursor) or FIRST_ID, _ROWS + 1), _ROWS, key)

    return read
