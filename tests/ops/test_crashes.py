"""kill -9 of PostgreSQL, of its owner and of both: nothing acknowledged is lost, the next start works."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from banyan.ops import processes
from banyan.ops.binaries import Binaries
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.writing import missing, run, writing


class Owner:
    """Another Python process that owns the directory's PostgreSQL."""

    def __init__(self, process: asyncio.subprocess.Process, dsn: str, postmaster: int) -> None:
        self.process = process
        self.dsn = dsn
        self.postmaster = postmaster

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def owner(directory: Path, binaries: Binaries, *words: str) -> AsyncIterator[Owner]:
    script = Path(__file__).with_name("owner.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(directory), str(binaries.directory), *words,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 300)).decode().split()
        yield Owner(process, line[0], int(line[1]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_postgresql_killed_under_writes_is_back_by_itself(data: Path, binaries: Binaries) -> None:
    restarted = asyncio.Event()
    async with await EmbeddedPostgres.open(data, binaries, on_restart=restarted.set) as server:
        async with writing(server.dsn) as writer:
            for round_number in (1, 2, 3):
                await writer.wait_for(50)
                assert server.pid is not None
                restarted.clear()
                os.kill(server.pid, signal.SIGKILL)
                await asyncio.wait_for(restarted.wait(), 300)
                assert server.restarts == round_number
            await writer.wait_for(50)
        assert await missing(server.dsn, writer.acknowledged) == set()


async def test_a_killed_session_is_postgresqls_own_affair(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        postmaster = server.pid
        async with writing(server.dsn) as writer:
            await writer.wait_for(20)
            backend = await run(server.dsn, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO written%'")
            assert isinstance(backend, int)
            os.kill(backend, signal.SIGKILL)
            await writer.wait_for(20)
        assert await missing(server.dsn, writer.acknowledged) == set()
        assert server.pid == postmaster
        assert server.restarts == 0


async def test_an_owner_killed_under_writes(data: Path, binaries: Binaries) -> None:
    """The kernel tells PostgreSQL, which stops in order; the next start finds everything."""
    async with owner(data, binaries) as killed, writing(killed.dsn) as writer:
        await writer.wait_for(50)
        await killed.kill()
        async with await EmbeddedPostgres.open(data, binaries) as server:
            assert server.pid != killed.postmaster
            assert await missing(server.dsn, list(writer.acknowledged)) == set()


async def test_postgresql_ends_with_its_killed_owner(data: Path, binaries: Binaries) -> None:
    async with owner(data, binaries) as killed:
        await killed.kill()
        assert await processes.gone(data / "postgres" / "data", within_seconds=120)


async def test_owner_and_postgresql_killed_together(data: Path, binaries: Binaries) -> None:
    async with owner(data, binaries) as killed, writing(killed.dsn) as writer:
        await writer.wait_for(50)
        # One of its sessions is inside a statement that does not notice the postmaster's end.
        busy = asyncio.create_task(run(killed.dsn, "SELECT count(*) FROM generate_series(1, 1000000000)"))
        await asyncio.sleep(0.1)
        killed.process.send_signal(signal.SIGSTOP)  # so that it does not restart PostgreSQL in between
        os.kill(killed.postmaster, signal.SIGKILL)
        await killed.kill()
        async with await EmbeddedPostgres.open(data, binaries) as server:
            assert await missing(server.dsn, list(writer.acknowledged)) == set()
        await asyncio.wait([busy])
        assert busy.exception() is not None


async def test_a_postgresql_left_running_is_stopped_first(
    data: Path, binaries: Binaries, caplog: pytest.LogCaptureFixture
) -> None:
    async with owner(data, binaries, "unguarded") as killed:
        await run(killed.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
        await killed.kill()
    assert processes.exists(killed.postmaster), "without setpriv it runs on"
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert server.pid != killed.postmaster
        assert await run(server.dsn, "SELECT number FROM kept") == 7
    assert "still runs from an earlier start" in caplog.text


async def test_the_short_socket_directory_survives_a_kill(place: Path, binaries: Binaries) -> None:
    directory = place / ("a" * 120)
    async with owner(directory, binaries) as killed:
        os.kill(killed.postmaster, signal.SIGSTOP)
        await killed.kill()
        os.kill(killed.postmaster, signal.SIGKILL)
    async with await EmbeddedPostgres.open(directory, binaries) as server:
        assert server.dsn == killed.dsn
        assert await run(server.dsn, "SELECT 1") == 1


@pytest.mark.parametrize("rest", ["", "\n/elsewhere\n1700000000\n5432\n/elsewhere\n\n  9999999 99999999\nready   \n"])
async def test_a_process_id_that_belongs_to_a_stranger(
    data: Path, binaries: Binaries, stranger: subprocess.Popen[bytes], rest: str
) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        pass
    (server.home.data / "postmaster.pid").write_text(f"{stranger.pid}{rest}")
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert await run(server.dsn, "SELECT 1") == 1
    assert stranger.poll() is None


async def test_an_empty_process_id_file(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        pass
    (server.home.data / "postmaster.pid").touch()
    async with await EmbeddedPostgres.open(data, binaries) as server:
        assert await run(server.dsn, "SELECT 1") == 1


async def test_a_shell_in_the_directory_is_left_alone(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        pass
    shell = await asyncio.create_subprocess_exec("sleep", "600", cwd=server.home.data)
    async with await EmbeddedPostgres.open(data, binaries):
        assert shell.returncode is None
    shell.kill()
    await shell.wait()
