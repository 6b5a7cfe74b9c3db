"""A primary and a standby with their files: what is written to one arrives at the other, which then takes over."""

import asyncio
import inspect
import os
import re
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from banyan.infra.database.connect import CONNECT_ERRORS, connect
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.streams.queries import renew_epochs
from banyan.planner.render.everything import render_deployment
from banyan.planner.render.install import database_url
from tests.planner.render.described import replicated, split
from tests.support.banyan import find_port
from tests.support.postgres import Cluster, binaries

PATIENCE_SECONDS = 60.0
PASSWORD = "a-secret"
EPOCH = UUID(int=0)


class Server:
    """One of the two, with the files of its machine and ports of this test."""

    def __init__(self, name: str, major: int) -> None:
        self.name, self.port = name, find_port()
        self.cluster = Cluster(major)
        self.place = self.cluster.directory
        for path, text in render_deployment(replicated()).items():
            if path.startswith(f"{name}/postgresql/"):
                (self.place / Path(path).name).write_text(text)
                (self.place / Path(path).name).chmod(0o644)
        copied = self.place / "install" / "bin"
        self.bin = copied if copied.exists() else binaries(major)

    @property
    def data(self) -> Path:
        return self.place / "data"

    def start(self) -> None:
        # As in the files, but for addresses and ports of this machine; the tests have the socket for themselves.
        rules = (self.place / "pg_hba.conf").read_text().replace("local  all  postgres  peer", "local  all  all  trust")
        rules = re.sub(r"10\.0\.0\.\d+", "127.0.0.1", rules)
        (self.data / "pg_hba.conf").write_text(rules)
        self.cluster.start(
            self.place / "postgresql.conf",
            listen_addresses="127.0.0.1",
            port=str(self.port),
            fsync="off",
            shared_buffers="32MB",
        )

    async def ask(self, statement: str) -> Any:
        connection = await asyncpg.connect(f"postgresql://banyan@/postgres?host={self.place}&port={self.port}")
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    def run(self, *command: str | Path, port: int | None = None) -> str:
        """A command as the user of the server; it reaches the socket of this one, or a port."""
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PGPORT": str(port or self.port),
            "PGHOST": str(self.place),
            "PGUSER": "banyan",
            "PGPASSFILE": str(self.place / "pgpass"),
        }
        nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*nobody, *command], capture_output=True, text=True, check=False, env=environment, cwd="/"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clone(self, primary: "Server") -> None:
        """Becomes its standby."""
        passwords = self.place / "pgpass"
        passwords.write_text(f"*:*:replication:replicator:{PASSWORD}\n")
        passwords.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(passwords, "nobody")
        self.run("sh", self.place / "clone-primary.sh", "127.0.0.1", self.data, port=primary.port)

    def measure(self) -> str:
        """What Prometheus reads."""
        return self.run("psql", "-XAtq", "-d", "postgres", "-f", self.place / "replication.sql")


@pytest.fixture
def pair(postgres_major: int) -> Iterator[tuple[Server, Server]]:
    servers = Server("database-1", postgres_major), Server("database-2", postgres_major)
    yield servers
    for server in servers:
        server.cluster.remove()


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found = await look()
        except CONNECT_ERRORS:
            found = None
        if found == wanted:
            return
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


def reaching(*servers: Server) -> DatabaseSettings:
    """Banyan's settings with the URL of the files, at the ports of these servers."""
    url = database_url(replicated(), replicated().hosts[2], direct=True)
    found = re.sub(r"@[^/]*", "@" + ",".join(f"127.0.0.1:{server.port}" for server in servers), url)
    if len(servers) == 1:
        found = found.partition("?")[0]
    return DatabaseSettings(url=SecretStr(found.replace("PASSWORD", PASSWORD)), connect_timeout_seconds=60)


async def test_a_row_arrives_and_the_standby_takes_over(pair: tuple[Server, Server]) -> None:
    primary, standby = pair
    primary.start()
    await primary.ask(f"ALTER ROLE banyan PASSWORD '{PASSWORD}'")
    await primary.ask(f"CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{PASSWORD}'")
    await primary.ask("CREATE DATABASE banyan")
    standby.clone(primary)
    standby.start()

    both = reaching(standby, primary)  # whichever is named first: the primary is found
    writer, reader = await connect(both), await connect(reaching(standby))
    await writer.execute("CREATE TABLE notes (text text)")
    for table in ("streams_streams", "streams_logs"):
        await writer.execute(f"CREATE TABLE {table} (epoch uuid)")
        await writer.execute(f"INSERT INTO {table} VALUES ($1)", EPOCH)
    await writer.execute("INSERT INTO notes VALUES ('it arrives')")
    await eventually(lambda: reader.fetchval("SELECT text FROM notes"), "it arrives")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await reader.execute("INSERT INTO notes VALUES ('not here')")
    await eventually(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), 1)
    measured = primary.measure()
    assert "postgresql_is_primary 1\npostgresql_standbys_streaming 1\n" in measured
    assert 'postgresql_standby_lag_bytes{standby="database_2"}' in measured
    assert "postgresql_is_primary 0\npostgresql_standbys_streaming 0\n" in standby.measure()
    await writer.close()
    await reader.close()

    primary.cluster.stop()
    assert "primary now" in standby.run("sh", standby.place / "promote.sh")
    writer = await connect(both)
    assert await writer.fetchval("SELECT text FROM notes") == "it arrives"
    await writer.execute("INSERT INTO notes VALUES ('it goes on')")
    for table in ("streams_streams", "streams_logs"):
        assert await writer.fetchval(f"SELECT epoch FROM {table}") != EPOCH

    # The old primary comes back as the standby of the new one; what it held is kept beside.
    primary.clone(standby)
    primary.start()
    reader = await connect(reaching(primary))
    await eventually(lambda: reader.fetchval("SELECT count(*) FROM notes"), 2)
    assert await reader.fetchval("SELECT pg_is_in_recovery()")
    assert list(primary.place.glob("data.before-*"))
    await writer.close()
    await reader.close()


def test_a_promotion_renews_epochs_as_a_restore_does() -> None:
    script = render_deployment(replicated())["database-2/postgresql/promote.sh"]
    statements = re.findall(r'"(UPDATE .*)"', inspect.getsource(renew_epochs))
    assert len(statements) == 2
    assert all(f"{statement};" in script for statement in statements)


def test_a_database_alone_has_no_page_for_what_it_cannot_do() -> None:
    files = render_deployment(split())
    assert "FAILOVER.md" not in files
    assert not any("replica" in path for path in files)
    assert "replicator" not in files["database/postgresql/pg_hba.conf"]
