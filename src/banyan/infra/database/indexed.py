"""Statements over tables that are empty one minute and full the next."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import asyncpg

from banyan.infra.database.connect import CONNECT_ERRORS
from banyan.infra.database.errors import raise_translated


class Source(Protocol):
    """Lends connections, and cleans up after an error: the pool, or the relay."""

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]: ...


@asynccontextmanager
async def indexed(source: Source) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that never plans a sequential scan; commits at the end.

    Once vacuum has emptied a table, a sequential scan of it looks free. A statement prepared then keeps that
    plan while the table fills up, and reads all of it each time until the next ANALYZE.

    Raises Unavailable for what is the database's fault; other errors of asyncpg concern the statement.
    """
    connection: asyncpg.Connection | None = None
    try:
        async with source.connection() as connection:
            await connection.execute("BEGIN; SET LOCAL enable_seqscan = off")
            yield connection
            # Not reached after an error: then the source rolls back.
            await connection.execute("COMMIT")
    except CONNECT_ERRORS as error:
        if connection is None:
            raise
        raise_translated(error, connection)
