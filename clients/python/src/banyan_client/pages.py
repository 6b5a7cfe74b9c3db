"""Lists: pages behind a cursor, read one after the other as they are wanted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is None on the last page."""

    items: list[T]
    next_cursor: str | None = None


class Pages(Generic[T]):
    """A list that is fetched while it is read: `async for item in ...` goes through all pages.

    `await pages.page()` fetches one page only, `async for page in pages.pages()` all of them as they come.
    """

    def __init__(self, fetch: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None) -> None:
        self._fetch = fetch
        self._cursor = cursor

    async def page(self) -> Page[T]:
        """The page at the list's cursor: the first one unless the call named another."""
        return await self._fetch(self._cursor)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page after page."""
        cursor = self._cursor
        while True:
            page = await self._fetch(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
