"""A server with a migrated database and something in it, and a backup of it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from banyan.infra.database.migrate import BANYAN, load, migrate
from banyan.infra.database.settings import DatabaseSettings
from banyan.ops.backup.create import Backup, create_backup
from banyan.ops.binaries import Binaries
from banyan.ops.datadir import DataDirectory
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.conftest import begun, binaries, data, place
from tests.ops.writing import run

__all__ = ["begun", "binaries", "data", "place"]

collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]

KNOWN = {"banyan": max(migration.number for migration in load(BANYAN))}


async def fill(url: str) -> None:
    """Banyan's tables, and a thousand rows of a table of one's own."""
    await migrate(DatabaseSettings(url=SecretStr(url)))
    await run(url, "CREATE TABLE notes AS SELECT n, repeat(md5(n::text), 20) AS text FROM generate_series(1, 1000) n")
    await run(url, "INSERT INTO streams_streams (id) VALUES ('00000000-0000-7000-8000-000000000001')")


async def add_noise(url: str) -> None:
    """A table of 26 MB that nothing makes smaller."""
    await run(
        url,
        "CREATE TABLE noise AS SELECT string_agg(sha256((n * 10000 + m)::text::bytea), '') AS bytes"
        " FROM generate_series(1, 400) n, generate_series(1, 2000) m GROUP BY n",
    )


@pytest.fixture
async def server(data: Path, binaries: Binaries) -> AsyncIterator[EmbeddedPostgres]:
    """The running database of `data`."""
    directory = DataDirectory.open(data)
    directory.secret("secret", lambda: "s" * 43)
    async with await EmbeddedPostgres.open(directory, binaries) as server:
        await fill(server.dsn)
        yield server


@pytest.fixture
def folder(place: Path) -> Path:
    """Where backups go."""
    return place / "backups"


@pytest.fixture
async def backup(server: EmbeddedPostgres, data: Path, folder: Path) -> Backup:
    return await create_backup(server.dsn, data, folder)
