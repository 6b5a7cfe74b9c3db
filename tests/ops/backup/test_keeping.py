"""Backups by the clock: made when they are due, read again, kept in their number, and loud when they fail."""

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from banyan.ops.backup import keeping
from banyan.ops.backup.create import create_backup
from banyan.ops.backup.keeping import KeptBackups
from banyan.ops.backup.restore import check_backup
from banyan.ops.backup.settings import BackupSettings
from banyan.ops.errors import BackupDamaged, BackupFailed
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.backup.conftest import KNOWN, add_noise


class Usage(NamedTuple):
    free: int


def sample(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"banyan_backup_{name}")


@pytest.fixture
def kept(server: EmbeddedPostgres, data: Path) -> KeptBackups:
    return KeptBackups(BackupSettings(every_hours=24, keep=2), server.dsn, data, KNOWN)


async def test_the_newest_stay(kept: KeptBackups, data: Path) -> None:
    assert kept.seconds_left() == 0
    assert sample("last_timestamp_seconds") == 0
    made = [await kept.make() for _ in range(3)]
    assert sorted(kept.folder.iterdir()) == sorted(made[1:])
    assert kept.folder == data / "backups"
    assert 23 * 3600 < kept.seconds_left() <= 24 * 3600
    assert sample("last_timestamp_seconds") == made[-1].stat().st_mtime
    # The older one is not in the newer one.
    assert not any("backups" in member.name for member in check_backup(made[-1], KNOWN).members)


async def test_a_failure_is_told_and_tried_again(kept: KeptBackups, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = [await kept.make()]

    def damaged(path: Path, known: object) -> None:
        raise BackupDamaged(f"{path} is not whole.")

    with monkeypatch.context() as patched:
        patched.setattr(keeping, "check_backup", damaged)
        await kept.turn()
    assert sample("failing") == 1
    assert list(kept.folder.iterdir()) == [first]
    assert kept.seconds_left() > 0
    await kept.turn()
    assert sample("failing") == 0
    assert len(list(kept.folder.iterdir())) == 2


async def test_the_first_one_is_judged_by_what_it_saves(
    kept: KeptBackups, server: EmbeddedPostgres, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_noise(server.dsn)
    (data / "files").mkdir()
    (data / "files" / "film").write_bytes(random.Random(1).randbytes(8 << 20))
    taken = (await create_backup(server.dsn, data, data.parent / "elsewhere")).bytes
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda folder: Usage(taken))
        with capture_logs() as logged:
            await kept.turn()
    (told,) = logged
    assert "MiB free, and the first backup may take" in told["reason"]
    assert "`backup.to`" in told["reason"]
    assert list(kept.folder.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(taken * 2))
    await kept.make()


async def test_the_disk_is_not_filled(kept: KeptBackups, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await kept.make()
    size = first.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(size))
    with pytest.raises(BackupFailed, match="the next backup may take"):
        await kept.make()
    assert list(kept.folder.iterdir()) == [first]
