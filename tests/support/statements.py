"""Which statements a piece of code sends: for "this list costs three queries, whatever its length"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.connection import LoggedQuery

from banyan.infra.database.handoff import Handoff


@asynccontextmanager
async def recorded(pool: Handoff) -> AsyncIterator[list[str]]:
    """The statements that go through `pool` inside the block, in order, BEGIN and COMMIT among them.

    Complete when the block is left; what other tasks send through the pool meanwhile is among it.
    """
    statements: list[str] = []
    watched: list[asyncpg.Connection] = []

    def remember(query: LoggedQuery) -> None:
        statements.append(query.query)

    def watch(connection: asyncpg.Connection) -> None:
        watched.append(connection)
        connection.add_query_logger(remember)

    def add(connection: asyncpg.Connection) -> None:
        watch(connection)
        Handoff._add(pool, connection)

    for connection in pool._all:
        watch(connection)
    pool._add = add  # type: ignore[method-assign]
    try:
        yield statements
        # asyncpg calls its loggers in the next turn of the loop.
        await asyncio.sleep(0)
    finally:
        del pool._add
        for connection in watched:
            connection.remove_query_logger(remember)
