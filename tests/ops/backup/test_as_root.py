"""What only root meets: disks that are too small, and directories that PostgreSQL's user cannot enter."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from banyan.ops.backup.create import Backup, create_backup
from banyan.ops.backup.restore import restore_into_directory
from banyan.ops.binaries import Binaries
from banyan.ops.errors import DiskFull
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.backup.conftest import KNOWN, add_noise
from tests.ops.writing import run


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


async def test_a_disk_too_small_for_the_backup(server: EmbeddedPostgres, data: Path, place: Path) -> None:
    with small_disk(place / "disk", "64k") as disk:
        with pytest.raises(DiskFull, match="No space left"):
            await create_backup(server.dsn, data, disk / "backups")
        assert list((disk / "backups").iterdir()) == []


@pytest.mark.parametrize("size", ["1m", "70m"])
async def test_a_disk_too_small_for_the_restore(
    server: EmbeddedPostgres, data: Path, folder: Path, place: Path, binaries: Binaries, size: str
) -> None:
    """For initdb, and for what the backup holds."""
    await add_noise(server.dsn)
    backup = await create_backup(server.dsn, data, folder)
    with small_disk(place / "disk", size) as disk:
        with pytest.raises(DiskFull):
            await restore_into_directory(Path(backup.file), disk / "data", KNOWN, binaries=binaries)
        assert list(disk.iterdir()) == []


async def test_where_postgresql_cannot_enter_the_database_is_elsewhere(
    backup: Backup, place: Path, binaries: Binaries
) -> None:
    closed = place / "root"
    closed.mkdir(mode=0o700)
    base = place / "lib"
    await restore_into_directory(Path(backup.file), closed / "data", KNOWN, binaries=binaries, shared_base=base)
    (elsewhere,) = base.iterdir()
    assert (elsewhere / "belongs-to.txt").read_text() == f"{closed / 'data'}\n"
    assert str(closed / "data") in (closed / "data" / "THE-DATABASE-IS-ELSEWHERE.txt").read_text()
    async with await EmbeddedPostgres.open(closed / "data", shared_base=base) as second:
        assert await run(second.dsn, "SELECT count(*) FROM notes") == 1000
        assert second.home.place == elsewhere
