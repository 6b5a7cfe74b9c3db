"""Brings a database to the schema that this code needs: plain SQL files, numbered per package, forward only."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import structlog
from msgspec import Struct

from banyan.infra.database.connect import CONNECT_ERRORS, connect, connect_advice
from banyan.infra.database.settings import DatabaseSettings

log = structlog.get_logger("banyan.database")

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
# First line of a file whose statements cannot run in a transaction (CREATE INDEX CONCURRENTLY).
NO_TRANSACTION = "-- no transaction"
# Longer than this no request may queue behind a migration that itself waits for a table.
_LOCK_TIMEOUT_SECONDS = 4
_TRIES = 5
_PAUSE_SECONDS = 1.0
# An arbitrary number, the same for all who migrate one database.
_ADVISORY_KEY = 7_294_041_226_015
_POLL_SECONDS = 0.1

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    package text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, number)
)
"""
_APPLIED = "SELECT number, name, checksum FROM migrations WHERE package = $1 ORDER BY number"
_RECORD = "INSERT INTO migrations (package, number, name, checksum) VALUES ($1, $2, $3, $4)"


class MigrationError(Exception):
    """Says which file is the matter, and what to do."""


class Source(Struct, frozen=True):
    """The migrations of one package; a plug-in's come after Banyan's own and have numbers of their own."""

    package: str
    folder: Path


class Migration(Struct, frozen=True):
    """One file. `checksum` is the SHA-256 of its text."""

    package: str
    number: int
    name: str
    sql: str
    checksum: str

    @property
    def label(self) -> str:
        return f"{self.package} {self.number:04d}_{self.name}"

    @property
    def in_transaction(self) -> bool:
        return not self.sql.startswith(NO_TRANSACTION)


class Applied(Struct, frozen=True):
    """A row of the table `migrations`."""

    number: int
    name: str
    checksum: str


BANYAN = Source("banyan", Path(__file__).parents[2] / "migrations")


async def migrate(
    settings: DatabaseSettings,
    sources: Sequence[Source] = (BANYAN,),
    *,
    report: Callable[[Migration], None] = lambda migration: None,
) -> list[Migration]:
    """Applies what is pending, in order, one process at a time; `report` is called before each file.

    Needs a session of its own: behind PgBouncer in transaction mode give the server's own address. Raises
    MigrationError; then the failed file has changed nothing (unless it opted out of the transaction), and those
    before it stay applied.
    """
    async with _session(settings) as connection:
        await _lock(connection)
        await connection.execute(_CREATE_TABLE)
        todo = await pending(connection, sources)
        for migration in todo:
            report(migration)
            await _apply(connection, migration)
            log.info("migration applied", migration=migration.label)
        return todo


async def find_pending(settings: DatabaseSettings, sources: Sequence[Source] = (BANYAN,)) -> list[Migration]:
    """What `migrate` would apply. Changes nothing. Raises MigrationError."""
    async with _session(settings) as connection:
        return await pending(connection, sources)


@asynccontextmanager
async def _session(settings: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """A connection without time limits. Whatever of the database's goes wrong is raised as MigrationError."""
    try:
        connection = await connect(settings, bounded=False)
    except CONNECT_ERRORS as error:
        raise MigrationError(connect_advice(error)) from error
    try:
        yield connection
    except CONNECT_ERRORS as error:
        raise MigrationError(f"The database refused, or was lost: {error or type(error).__name__}") from error
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection, sources: Sequence[Source] = (BANYAN,)) -> list[Migration]:
    """What is not applied yet. Raises MigrationError when database and files do not belong together."""
    recorded = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    todo: list[Migration] = []
    for source in sources:
        rows = await connection.fetch(_APPLIED, source.package) if recorded else []
        todo += _missing(load(source), [Applied(**row) for row in rows])
    return todo


async def newest_applied(connection: asyncpg.Connection, source: Source = BANYAN) -> int:
    """The number of the last migration in the database, 0 for an empty one."""
    if not await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL"):
        return 0
    sql = "SELECT coalesce(max(number), 0) FROM migrations WHERE package = $1"
    return int(await connection.fetchval(sql, source.package))


def newest(source: Source) -> int:
    """The number of a package's newest file, 0 where it has none. Raises MigrationError."""
    return max((migration.number for migration in load(source)), default=0)


def load(source: Source) -> list[Migration]:
    """The files of a package by number. Raises MigrationError for a name out of line or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(source.folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path}: a migration is called NNNN_what_it_does.sql")
        sql = path.read_text("utf-8")
        migration = Migration(source.package, int(match[1]), match[2], sql, hashlib.sha256(sql.encode()).hexdigest())
        twin = found.setdefault(migration.number, migration)
        if twin is not migration:
            raise MigrationError(f"{migration.label} and {twin.label} have the same number")
    return list(found.values())


def _missing(files: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    """Files without a row, all of which must come after the last row; each row must match its file."""
    by_number = {migration.number: migration for migration in files}
    newest = max(by_number, default=0)
    for row in applied:
        file = by_number.pop(row.number, None)
        label = f"{row.number:04d}_{row.name}"
        if file is None and row.number > newest:
            raise MigrationError(f"the database is newer than this code: it has {label}; run the newer version")
        if file is None:
            raise MigrationError(f"{label} was applied to this database, but its file is missing")
        if (file.name, file.checksum) != (row.name, row.checksum):
            raise MigrationError(f"{file.label} was changed after it had been applied; write a new migration")
    last = max((row.number for row in applied), default=0)
    late = [migration for migration in by_number.values() if migration.number < last]
    if late:
        raise MigrationError(f"{late[0].label} comes before {last:04d}, which is applied: give it a higher number")
    return list(by_number.values())


async def _lock(connection: asyncpg.Connection) -> None:
    # Polled: a session that waits inside a statement holds a snapshot, for which CREATE INDEX CONCURRENTLY of
    # the process that holds the lock would wait in turn.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_KEY):
        await asyncio.sleep(_POLL_SECONDS)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        if migration.in_transaction:
            await _apply_whole(connection, migration)
        else:
            await _apply_piecemeal(connection, migration)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.label}{_line(migration, error)}: {error}") from error


async def _apply_whole(connection: asyncpg.Connection, migration: Migration) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'")
                await connection.execute(migration.sql)
                await _record(connection, migration)
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == _TRIES:
                raise MigrationError(
                    f"{migration.label}: did not get its lock within {_LOCK_TIMEOUT_SECONDS} s, {_TRIES} times; "
                    "look for a long transaction in pg_stat_activity and run it again"
                ) from error
            log.warning("migration waits for a lock", migration=migration.label, attempt=attempt)
            await asyncio.sleep(_PAUSE_SECONDS * attempt)


async def _apply_piecemeal(connection: asyncpg.Connection, migration: Migration) -> None:
    """One statement after the other; each ends with a semicolon at the end of a line, and may run again."""
    for statement in re.split(r";[ \t]*$", migration.sql, flags=re.MULTILINE):
        if re.sub(r"--.*", "", statement).strip():
            await connection.execute(statement)
    await _record(connection, migration)


async def _record(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(_RECORD, migration.package, migration.number, migration.name, migration.checksum)


def _line(migration: Migration, error: asyncpg.PostgresError) -> str:
    """Where in the file the server found the fault, when it says so."""
    position = getattr(error, "position", None)
    if position is None or not migration.in_transaction:
        return ""
    return f", line {migration.sql.count(chr(10), 0, int(position) - 1) + 1}"
