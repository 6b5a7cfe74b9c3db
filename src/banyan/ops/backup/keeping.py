"""Backups by the clock, while `banyan up` serves: each is read again, and only then the oldest goes.

When the next one is due is read from the folder, so a restart neither forgets one nor makes one too many.
"""

import asyncio
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge

from banyan.infra.background import Background
from banyan.ops.backup.create import create_backup, estimate_bytes
from banyan.ops.backup.restore import check_backup
from banyan.ops.backup.settings import BackupSettings
from banyan.ops.datadir import explained
from banyan.ops.errors import BackupFailed, OpsError

log = structlog.get_logger("banyan.backup")

LAST = Gauge("banyan_backup_last_timestamp_seconds", "When the newest backup by the clock was made; 0: none yet.")
FAILING = Gauge("banyan_backup_failing", "1 while the last try to make a backup by the clock has failed.")
FAILED = Counter("banyan_backup_failed_total", "Backups by the clock that could not be made.")

_HOUR_SECONDS = 3600
# What went wrong may be over by then, as a disk that was full.
_RETRY_SECONDS = _HOUR_SECONDS
# Looked at so often: the machine may sleep, and its clock be set.
_LOOK_SECONDS = 60
# A community grows between two backups.
_ROOM = 1.25


class KeptBackups(Background):
    """Backups of the database at `url` and of the data directory. `known`: the newest migration of each package."""

    def __init__(self, settings: BackupSettings, url: str, data: Path, known: Mapping[str, int]) -> None:
        self.folder = Path(settings.to).expanduser().absolute() if settings.to else data / "backups"
        self._every_seconds = settings.every_hours * _HOUR_SECONDS
        self._keep = settings.keep
        self._url = url
        self._data = data
        self._known = known
        self._not_before = 0.0

    def seconds_left(self) -> float:
        """Until the next one is due; 0 when it is."""
        newest = max((path.stat().st_mtime for path in self._list()), default=0.0)
        LAST.set(newest)
        return max(0.0, newest + self._every_seconds - time.time(), self._not_before - time.monotonic())

    async def make(self) -> Path:
        """A new backup, whole; then those beyond `keep` are removed. Raises an OpsError: then all stay."""
        await self._check_room()
        path = Path((await create_backup(self._url, self._data, self.folder)).file)
        try:
            await asyncio.to_thread(check_backup, path, self._known)
        except OpsError:
            path.unlink(missing_ok=True)
            raise
        for old in self._list()[: -self._keep]:
            old.unlink(missing_ok=True)
        return path

    async def turn(self) -> None:
        """Makes one; what goes wrong is told in the log and in the metrics, and tried again in an hour."""
        try:
            path = await self.make()
        except Exception as error:
            FAILED.inc()
            FAILING.set(1)
            self._not_before = time.monotonic() + min(_RETRY_SECONDS, self._every_seconds)
            words = f"{error.title}. {error.detail}" if isinstance(error, OpsError) else None
            log.error("no backup could be made", folder=str(self.folder), reason=words, exc_info=words is None)
        else:
            FAILING.set(0)
            log.info("a backup was made", file=str(path), bytes=path.stat().st_size)

    async def _run(self) -> None:
        while True:
            try:
                left = self.seconds_left()
            except OSError:
                # The folder cannot be looked at: making one says what is wrong with it.
                left = max(0.0, self._not_before - time.monotonic())
            if left:
                await asyncio.sleep(min(left, _LOOK_SECONDS))
            else:
                await self.turn()

    def _list(self) -> list[Path]:
        """The backups of the folder, oldest first: their names tell when they were made."""
        return sorted(self.folder.glob("banyan-*.tar"), key=lambda path: (path.stat().st_mtime, path.name))

    async def _check_room(self) -> None:
        """A backup must not fill the disk that the database may be on. The first one is judged by what it saves."""
        with explained(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = self._list()
            if kept:
                which, size = "the next backup", kept[-1].stat().st_size
                way_out = "Make room there, keep fewer (`backup.keep`), or name another folder (`backup.to`)."
            else:
                which, size = "the first backup", await estimate_bytes(self._url, self._data, self.folder)
                way_out = "Make room there, or name another folder (`backup.to`)."
            needed = int(size * _ROOM)
            free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise BackupFailed(
                f"{self.folder} has {free >> 20:,} MiB free, and {which} may take {needed >> 20:,}. {way_out}"
            )
