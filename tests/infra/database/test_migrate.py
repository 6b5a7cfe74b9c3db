"""Migrations: once each, in order, whole or not at all, whoever else runs them at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from banyan.infra.database import migrate as migrations
from banyan.infra.database.connect import connect
from banyan.infra.database.migrate import BANYAN, MigrationError, Source, load, migrate, pending
from banyan.infra.database.settings import DatabaseSettings


@pytest.fixture
def settings(empty_database_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(empty_database_url))


@pytest.fixture
async def connection(settings: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(settings)
    yield connection
    await connection.close()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Two migrations of a package that only this test has."""
    write(tmp_path, "0001_shelves.sql", "CREATE TABLE shelves (id int PRIMARY KEY);\nCREATE TABLE aisles (id int);")
    write(tmp_path, "0010_books.sql", "CREATE TABLE books (shelf int REFERENCES shelves);")
    return Source("library", tmp_path)


def write(folder: Path, name: str, sql: str) -> None:
    (folder / name).write_text(sql)


async def tables(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return sorted(row["relname"] for row in rows)


async def test_what_is_pending_is_applied_once_and_in_order(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source
) -> None:
    reported: list[int] = []
    assert [migration.number for migration in await pending(connection, [source])] == [1, 10]
    applied = await migrate(settings, [source], report=lambda migration: reported.append(migration.number))
    assert [migration.label for migration in applied] == ["library 0001_shelves", "library 0010_books"]
    assert reported == [1, 10]
    assert await tables(connection) == ["aisles", "books", "migrations", "shelves"]
    assert await pending(connection, [source]) == []
    assert await migrate(settings, [source]) == []
    write(source.folder, "0011_loans.sql", "CREATE TABLE loans (id int);")
    assert [migration.number for migration in await migrate(settings, [source])] == [11]


async def test_packages_are_numbered_apart(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plugin = Source("plugin", tmp_path_factory.mktemp("plugin"))
    write(plugin.folder, "0001_stamps.sql", "CREATE TABLE stamps (book int);")
    await migrate(settings, [source])
    assert [migration.package for migration in await migrate(settings, [source, plugin])] == ["plugin"]
    assert await pending(connection, [plugin, source]) == []


async def test_several_processes_at_once_apply_each_file_once(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source
) -> None:
    write(source.folder, "0011_slow.sql", "CREATE TABLE slow (id int); SELECT pg_sleep(0.1);")
    write(
        source.folder,
        "0012_index.sql",
        "-- no transaction\nCREATE INDEX CONCURRENTLY books_shelf ON books (shelf);",
    )
    async with asyncio.timeout(300):
        applied = await asyncio.gather(*(migrate(settings, [source]) for _ in range(4)))
    assert sorted(len(migrations) for migrations in applied) == [0, 0, 0, 4]
    assert await connection.fetchval("SELECT count(*) FROM migrations") == 4


async def test_a_failure_changes_nothing_and_names_file_and_line(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source
) -> None:
    write(source.folder, "0011_broken.sql", "CREATE TABLE fines (id int);\n\nCREATE TABLE penalties (id nonsense);")
    with pytest.raises(MigrationError, match=r"library 0011_broken, line 3.*nonsense"):
        await migrate(settings, [source])
    assert await tables(connection) == ["aisles", "books", "migrations", "shelves"]
    write(source.folder, "0011_broken.sql", "CREATE TABLE fines (id int);")
    assert [migration.number for migration in await migrate(settings, [source])] == [11]


async def test_files_that_do_not_fit_the_database_are_refused(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source
) -> None:
    await migrate(settings, [source])

    async def refusal() -> str:
        with pytest.raises(MigrationError) as error:
            await migrate(settings, [source])
        with pytest.raises(MigrationError):
            await pending(connection, [source])
        return str(error.value)

    original = (source.folder / "0001_shelves.sql").read_text()
    write(source.folder, "0001_shelves.sql", original + " ")
    assert "0001_shelves was changed after" in await refusal()
    (source.folder / "0001_shelves.sql").unlink()
    assert "0001_shelves was applied to this database, but its file is missing" in await refusal()
    write(source.folder, "0001_shelves.sql", original)
    write(source.folder, "0002_late.sql", "SELECT 1;")
    assert "0002_late comes before 0010" in await refusal()
    (source.folder / "0002_late.sql").unlink()
    (source.folder / "0010_books.sql").unlink()
    assert "newer than this code: it has 0010_books" in await refusal()


def test_names_and_numbers_are_checked(source: Source) -> None:
    write(source.folder, "0010_twice.sql", "SELECT 1;")
    with pytest.raises(MigrationError, match="same number"):
        load(source)
    (source.folder / "0010_twice.sql").unlink()
    write(source.folder, "11_short.sql", "SELECT 1;")
    with pytest.raises(MigrationError, match="NNNN_what"):
        load(source)


async def test_a_migration_does_not_make_others_wait_and_gets_its_lock_in_the_end(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(migrations, "_PAUSE_SECONDS", 0.1)
    await migrate(settings, [source])
    write(source.folder, "0011_wider.sql", "ALTER TABLE books ADD COLUMN title text;")
    await connection.execute("BEGIN; SELECT * FROM books")
    migrating = asyncio.create_task(migrate(settings, [source]))
    await asyncio.sleep(0.25)
    assert not migrating.done()
    await connection.execute("COMMIT")
    assert [migration.number for migration in await migrating] == [11]


async def test_a_lock_that_never_comes_is_an_error(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT_SECONDS", 0.02)
    monkeypatch.setattr(migrations, "_PAUSE_SECONDS", 0.01)
    await migrate(settings, [source])
    write(source.folder, "0011_wider.sql", "ALTER TABLE books ADD COLUMN title text;")
    await connection.execute("BEGIN; SELECT * FROM books")
    with pytest.raises(MigrationError, match=r"0011_wider: did not get its lock .* pg_stat_activity"):
        await migrate(settings, [source])


async def test_a_file_may_do_without_the_transaction(
    settings: DatabaseSettings, connection: asyncpg.Connection, source: Source
) -> None:
    write(
        source.folder,
        "0011_index.sql",
        "-- no transaction: the table stays writable\n"
        "DROP INDEX CONCURRENTLY IF EXISTS books_shelf;\n"
        "CREATE INDEX CONCURRENTLY books_shelf\n    ON books (shelf);\n-- the end\n",
    )
    await migrate(settings, [source])
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'books_shelf'::regclass")


async def test_long_migrations_have_no_statement_timeout(settings: DatabaseSettings, source: Source) -> None:
    write(source.folder, "0011_long.sql", "SELECT pg_sleep(0.2);")
    await migrate(settings.model_copy(update={"statement_timeout_seconds": 0.05}), [source])


async def test_a_server_that_is_not_there_is_named_as_the_reason(tmp_path: Path) -> None:
    nowhere = DatabaseSettings(url=SecretStr(f"postgresql://banyan@/banyan?host={tmp_path}"))
    with pytest.raises(MigrationError, match=r"Cannot connect to the database: .* DATABASE_URL"):
        await migrate(nowhere)


def test_banyans_own_migrations_are_found() -> None:
    assert [migration.package for migration in load(BANYAN)][:1] == ["banyan"]
