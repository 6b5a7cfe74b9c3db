"""What the database holds beside the rows themselves, and how much of it people look at. Reads only, but for sign-ins.

PostgreSQL must have been started for this: its buffers hold then what was read since, each page once.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
import msgspec

from banyan.app.settings import Settings
from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.database.connect import connect
from banyan.infra.log import LogStream
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import read_answer
from dev.benchmarks.serving import get, progress, reachable, serving, sign_in

_SHARES = (0.05, 0.1, 0.2)  # of the people, in one day
_PAGES = 2  # that each of them turns
_SHOWN_TABLES = 4
_SAMPLED_PER_CENT = 1
_CLIENTS = 8

_SIZES = """
SELECT c.oid::regclass::text AS name, c.reltuples AS rows, pg_table_size(c.oid) AS table_bytes,
       pg_indexes_size(c.oid) AS index_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.reltuples > 1000
"""
_READ = """
SELECT relid::regclass::text AS name,
       coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0) + coalesce(toast_blks_read, 0) AS pages
FROM pg_statio_user_tables
"""


class Table(msgspec.Struct, frozen=True):
    """Bytes on the disk, and of the rows alone: their values, without header, index or free space."""

    name: str
    rows: int
    stored: int
    payload: float
    indexes: int


async def measure_stored(settings: Settings) -> list[Figure]:
    """By table and in all."""
    progress("what the database holds")
    connection = await connect(settings.database)
    try:
        looked_at = await _looked_at(settings, connection)
        tables = [await _table(connection, row) for row in await connection.fetch(_SIZES)]
    finally:
        await connection.close()
    tables.sort(key=lambda table: -table.stored)
    stored, payload = sum(table.stored for table in tables), sum(table.payload for table in tables)
    figures = [
        Figure("the database, over its rows' values", stored / payload, "times", note=f"[{stored / 2**30:.1f} GiB]"),
        Figure("of it indexes", sum(table.indexes for table in tables) / stored, "of all bytes"),
    ]
    for table in tables[:_SHOWN_TABLES]:
        beside = (table.stored - table.payload) / table.rows
        note = f"[{table.rows:,} rows of {table.payload / table.rows:.0f} bytes]"
        figures.append(Figure(f"{table.name}, beside each row's values", beside, "bytes", note=note))
    return [*figures, *looked_at]


async def _table(connection: asyncpg.Connection, row: asyncpg.Record) -> Table:
    """The values' mean size is that of a sample, without the 24 bytes of header that every row has."""
    mean = await connection.fetchval(
        f"SELECT avg(pg_column_size(t.*) - 24) FROM {row['name']} t TABLESAMPLE SYSTEM ({_SAMPLED_PER_CENT})"
    )
    stored = row["table_bytes"] + row["index_bytes"]
    return Table(row["name"], int(row["rows"]), stored, float(mean or 0) * row["rows"], row["index_bytes"])


async def _looked_at(settings: Settings, connection: asyncpg.Connection) -> list[Figure]:
    """A day of more and more people, each of whom turns some pages and reads a post with its comments."""
    people = [row[0] for row in await connection.fetch("SELECT id FROM people_people ORDER BY md5(id::text || 'day')")]
    whole = await connection.fetchval("SELECT pg_database_size(current_database())")
    async with open_platform(settings, Targets.read("api"), LogStream.to_stderr()) as platform:
        tokens = await sign_in(platform, people[: int(len(people) * _SHARES[-1])])
    figures = []
    with serving(settings, "api") as (process, port):
        await reachable(port, process)
        begun, done = await _pages(connection), 0
        for share in _SHARES:
            count = int(len(people) * share)
            await _read(port, tokens[done:count])
            done = count
            seen = {name: pages - begun.get(name, 0) for name, pages in (await _pages(connection)).items()}
            most = sorted(seen, key=lambda name: -seen[name])[:_SHOWN_TABLES]
            note = ", ".join(f"{name} {seen[name] * 8192 / 2**20:.0f} MiB" for name in most)
            figures.append(
                Figure(
                    f"read by {share:.0%} of the people",
                    sum(seen.values()) * 8192 / whole,
                    "of the database",
                    note=note,
                )
            )
    return figures


async def _read(port: int, tokens: Sequence[str]) -> None:
    waiting = iter(tokens)
    await asyncio.gather(*(_reader(port, waiting) for _ in range(_CLIENTS)))


async def _reader(port: int, waiting: Iterator[str]) -> None:
    """One person after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(path: str, token: str) -> Any:
        writer.write(get(path, token))
        return msgspec.json.decode(await read_answer(reader))

    for token in waiting:
        page = await ask("/v1/feed", token)
        for _ in range(_PAGES - 1):
            if page["next_cursor"]:
                page = await ask(f"/v1/feed?cursor={page['next_cursor']}", token)
        if page["items"]:
            await ask(f"/v1/posts/{page['items'][0]['id']}/comments", token)
    writer.close()


async def _pages(connection: asyncpg.Connection) -> dict[str, int]:
    """Pages read into the buffers, by table."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    return {row["name"]: row["pages"] for row in await connection.fetch(_READ)}
