"""Statements over tables that are empty one minute and full the next."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from banyan.infra.database.handoff import Handoff


@asynccontextmanager
async def indexed(pool: Handoff) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that never plans a sequential scan; commits at the end.

    Once vacuum has emptied a table, a sequential scan of it looks free. A statement prepared then keeps that
    plan while the table fills up, and reads all of it each time until the next ANALYZE.
    """
    async with pool.connection() as connection:
        await connection.execute("BEGIN; SET LOCAL enable_seqscan = off")
        yield connection
        # On an error the pool rolls back before it lends the connection again.
        await connection.execute("COMMIT")
