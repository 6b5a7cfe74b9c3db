"""Statements over tables that are empty one minute and full the next."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import asyncpg


class Source(Protocol):
    """Lends connections, and cleans up after an error: the pool, or the relay."""

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]: ...


@asynccontextmanager
async def indexed(source: Source) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that never plans a sequential scan; commits at the end.

    Once vacuum has emptied a table, a sequential scan of it looks free. A statement prepared then keeps that
    plan while the table fills up, and reads all of it each time until the next ANALYZE.
    """
    async with source.connection() as connection:
        await connection.execute("BEGIN; SET LOCAL enable_seqscan = off")
        yield connection
        # Not reached after an error: then the source rolls back.
        await connection.execute("COMMIT")
