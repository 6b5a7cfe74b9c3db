"""Backups and restores that are killed, and several at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from banyan.ops.backup.create import Backup, create_backup
from banyan.ops.backup.restore import restore_into_directory
from banyan.ops.binaries import Binaries
from banyan.ops.errors import DirectoryInUse
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.backup.conftest import KNOWN, add_noise
from tests.ops.writing import run
from tests.support.banyan import PATIENCE_SECONDS, Child


@asynccontextmanager
async def started(folder: Path, *words: str) -> AsyncIterator[Child]:
    """A `banyan backup` command under way."""
    child = Child(folder, "backup", *words)
    try:
        yield child
    finally:
        child.kill()


async def appears(path: Path, child: Child) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not path.exists() or (path.is_file() and path.stat().st_size < 1 << 16):
            assert child.process.poll() is None, child.stderr
            await asyncio.sleep(0.005)


async def killed_in_the_middle(folder: Path, child: Child) -> bool:
    """Kills a backup once something is in its file. False when it was quicker, whose backup is taken away again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while child.process.poll() is None:
            if any(path.stat().st_size > 1 << 16 for path in folder.glob(".*.unfinished")):
                break
            await asyncio.sleep(0.005)
    child.kill()
    whole = list(folder.glob("*.tar"))
    for path in whole:
        path.unlink()
    return not whole


async def test_a_killed_backup_is_none_and_the_next_one_cleans_up(
    server: EmbeddedPostgres, data: Path, folder: Path, place: Path
) -> None:
    await add_noise(server.dsn)
    for _ in range(10):
        async with started(place, "create", "--data", str(data), "--to", str(folder)) as child:
            if await killed_in_the_middle(folder, child):
                break
            assert child.process.returncode in (0, -signal.SIGKILL), child.stderr
    assert list(folder.glob(".*.unfinished"))
    backup = await create_backup(server.dsn, data, folder)
    assert [path.name for path in folder.iterdir()] == [Path(backup.file).name]


async def test_a_backup_under_way_is_left_alone_by_another(server: EmbeddedPostgres, data: Path, folder: Path) -> None:
    backups = await asyncio.gather(*(create_backup(server.dsn, data, folder) for _ in range(3)))
    assert len({backup.file for backup in backups}) == 3
    assert len(list(folder.iterdir())) == 3


async def test_a_killed_restore_leaves_nothing_that_starts_and_can_be_repeated(
    backup: Backup, place: Path, binaries: Binaries
) -> None:
    target = place / "new"
    async with started(place, "restore", backup.file, "--data", str(target)) as child:
        await appears(target / ".restoring" / "postgres" / "data", child)
        child.kill()
    assert {path.name for path in target.iterdir()} == {".restoring"}
    await restore_into_directory(Path(backup.file), target, KNOWN, binaries=binaries)
    assert ".restoring" not in {path.name for path in target.iterdir()}
    async with await EmbeddedPostgres.open(target) as second:
        assert await run(second.dsn, "SELECT count(*) FROM notes") == 1000


async def test_a_restore_at_work_is_not_disturbed(backup: Backup, place: Path, binaries: Binaries) -> None:
    target = place / "new"
    async with started(place, "restore", backup.file, "--data", str(target)) as child:
        await appears(target / ".restoring" / "postgres" / "data", child)
        with pytest.raises(DirectoryInUse, match="Another restore is at work"):
            await restore_into_directory(Path(backup.file), target, KNOWN, binaries=binaries)
        assert await child.ended() == 0, child.stderr
    assert (target / "lock").exists()
