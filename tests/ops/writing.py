"""A client that writes rows as fast as it can and remembers which of them were acknowledged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg

# asyncpg also answers InternalClientError when the server goes away between preparing and executing.
LOST_CONNECTION = (OSError, asyncpg.InternalClientError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Writer:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.acknowledged: list[int] = []

    async def run(self) -> None:
        """Write until cancelled, over as many connections as it takes."""
        number = 0
        while True:
            try:
                connection = await asyncpg.connect(self.dsn, timeout=30)
            except LOST_CONNECTION:
                await asyncio.sleep(0.02)
                continue
            try:
                while True:
                    number += 1
                    await connection.execute("INSERT INTO written VALUES ($1)", number)
                    self.acknowledged.append(number)
            except LOST_CONNECTION:
                continue
            finally:
                connection.terminate()

    async def wait_for(self, more: int) -> None:
        """Return when that many more rows were acknowledged."""
        goal = len(self.acknowledged) + more
        async with asyncio.timeout(300):
            while len(self.acknowledged) < goal:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def writing(dsn: str) -> AsyncIterator[Writer]:
    await run(dsn, "CREATE TABLE IF NOT EXISTS written (number bigint)")
    writer = Writer(dsn)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def run(dsn: str, statement: str) -> object:
    """One statement over a connection of its own; its first value."""
    connection = await asyncpg.connect(dsn, timeout=300)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def missing(dsn: str, acknowledged: list[int]) -> set[int]:
    connection = await asyncpg.connect(dsn, timeout=300)
    try:
        rows = await connection.fetch("SELECT number FROM written")
    finally:
        await connection.close()
    return set(acknowledged) - {row[0] for row in rows}
