"""What a backup needs to know of a database: its state in one snapshot, and whether one is empty."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
from msgspec import Struct
from pydantic import SecretStr

from banyan.infra.database.connect import CONNECT_ERRORS, connect, connect_advice
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.streams.queries import renew_epochs
from banyan.ops.errors import BackupFailed, NotEmpty

_OF_TABLES = """
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES = f"SELECT format('%I.%I', n.nspname, c.relname) AS name {_OF_TABLES} ORDER BY 1"
_TABLES_BYTES = f"SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint {_OF_TABLES}"
_MIGRATIONS = "SELECT package, max(number) AS newest FROM migrations GROUP BY package ORDER BY package"


class Snapshot(Struct, frozen=True):
    """One moment of a database, seen by everybody who takes up `id` while the transaction behind it is open."""

    connection: asyncpg.Connection
    id: str
    made_at: datetime
    server_version: str
    tls: bool
    migrations: dict[str, int]

    @property
    def major(self) -> int:
        return int(self.server_version.split(".")[0])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection without time limits. Raises BackupFailed for whatever of the database's goes wrong."""
    try:
        connection = await connect(DatabaseSettings(url=SecretStr(url)), bounded=False)
    except CONNECT_ERRORS as error:
        raise BackupFailed(connect_advice(error)) from error
    try:
        yield connection
    except CONNECT_ERRORS as error:
        raise BackupFailed(f"The database refused, or was lost: {error or type(error).__name__}") from error
    finally:
        connection.terminate()


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """A moment of the database, held while the block lasts; those who write are not held up."""
    async with connected(url) as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = await connection.fetchrow(
            """SELECT pg_export_snapshot() AS id, now() AS made_at, current_setting('server_version') AS version,
                   coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls"""
        )
        assert row is not None
        if not await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL"):
            raise BackupFailed("This database holds no Banyan: nothing was ever migrated in it.")
        migrations = {one["package"]: one["newest"] for one in await connection.fetch(_MIGRATIONS)}
        version = row["version"].split(" ")[0]
        yield Snapshot(connection, row["id"], row["made_at"], version, row["tls"], migrations)


async def count_rows(connection: asyncpg.Connection) -> dict[str, int]:
    """How many rows each table has, exactly."""
    tables = [row["name"] for row in await connection.fetch(_TABLES)]
    # The names are quoted by PostgreSQL.
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in tables}


async def measure_tables(url: str) -> int:
    """How many bytes the tables take on the disk, without their indexes."""
    async with connected(url) as connection:
        size: int = await connection.fetchval(_TABLES_BYTES)
        return size


async def check_empty(url: str) -> tuple[int, bool]:
    """The major of an empty database, and whether it is reached by TLS. Raises NotEmpty."""
    async with connected(url) as connection:
        tables = await connection.fetch(_TABLES)
        if tables:
            raise NotEmpty(
                f"The database has tables ({tables[0]['name']} and others). Nothing was changed: name an empty one."
            )
        version = await connection.fetchval("SELECT current_setting('server_version_num')::integer")
        tls = await connection.fetchval(
            "SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
        )
        return version // 10_000, tls


async def settle_restored(url: str, tables: dict[str, int]) -> None:
    """Compares a restored database with what its backup counted, and makes it a history of its own: clients that
    have seen more than the backup holds begin anew. Raises BackupFailed.
    """
    async with connected(url) as connection:
        found = await count_rows(connection)
        wrong = sorted(name for name in found.keys() | tables.keys() if found.get(name) != tables.get(name))
        if wrong:
            name = wrong[0]
            raise BackupFailed(f"{name} has {found.get(name)} rows after the restore, the backup {tables.get(name)}.")
        if await connection.fetchval("SELECT to_regclass('streams_streams') IS NOT NULL"):
            await renew_epochs(connection)
        await connection.execute("ANALYZE")
