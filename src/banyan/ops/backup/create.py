"""Taking a backup while the installation serves."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from banyan import __version__
from banyan.ops.backup.archive import ArchiveWriter, remove_unfinished, unfinished
from banyan.ops.backup.database import Snapshot, count_rows, measure_tables, snapshot
from banyan.ops.backup.manifest import DUMP, FILES, FORMAT, Manifest
from banyan.ops.backup.tools import Tools, dump, find_tools
from banyan.ops.datadir import explained
from banyan.ops.errors import BackupFailed

# What belongs to the running process, is the database itself, or is a backup.
_LEFT_OUT = {"backups", "lock", "postgres", "postgres.json", "running.json", "THE-DATABASE-IS-ELSEWHERE.txt"}
_LEFT_OUT_BEGINNINGS = (".", "banyan.log", "postgresql-")

# Told what is being done, and how many bytes the backup has so far.
Report = Callable[[str, int], None]


class Backup(Struct, frozen=True):
    """A backup that was taken, or read."""

    file: str
    bytes: int
    seconds: float
    made_at: datetime
    banyan: str
    postgresql: str
    migrations: dict[str, int]
    tables: int
    rows: int
    files: int

    @classmethod
    def of(cls, path: Path, manifest: Manifest, began: float) -> "Backup":
        """`began` on the monotonic clock."""
        return cls(
            str(path),
            path.stat().st_size,
            round(time.monotonic() - began, 3),
            manifest.made_at,
            manifest.banyan,
            manifest.postgresql,
            manifest.migrations,
            len(manifest.tables),
            manifest.rows,
            len(manifest.files),
        )


async def create_backup(
    url: str, data: Path | None, folder: Path, report: Report = lambda words, count: None
) -> Backup:
    """Backs up the database, and the files of the data directory if there is one, into a new file in `folder`.

    First the database, in one snapshot, then the files: those are never changed once they are there, so every file
    that the snapshot speaks of is among them. Raises an OpsError; then nothing is left in `folder`.
    """
    began = time.monotonic()
    with explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_unfinished(folder)
    async with snapshot(url) as moment:
        tools = find_tools(moment.major, tls=moment.tls)
        path = _free_path(folder, moment.made_at)
        with ArchiveWriter(path) as archive:
            with archive.member(DUMP) as append:

                def take(chunk: bytes) -> None:
                    append(chunk)
                    report("Database", archive.size)

                await dump(tools, url, moment.id, take)
            report("Counting rows", archive.size)
            tables = await count_rows(moment.connection)
            for name, source in _files(data, folder) if data else ():
                # The loop may be that of `up`, which goes on serving.
                await asyncio.to_thread(_add, archive, name, source)
                report("Files", archive.size)
            manifest = _manifest(moment, tools, tables, archive)
            await asyncio.to_thread(archive.finish, manifest)
    return Backup.of(path, manifest, began)


async def estimate_bytes(url: str, data: Path, folder: Path) -> int:
    """About what a backup into `folder` takes at most: the tables as they lie on the disk, since a dump of them is
    compressed and has no indexes, and the files. Raises BackupFailed.
    """
    return await measure_tables(url) + await asyncio.to_thread(_measure_files, data, folder)


def _measure_files(data: Path, folder: Path) -> int:
    size = 0
    for _, path in _files(data, folder):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def _manifest(moment: Snapshot, tools: Tools, tables: dict[str, int], archive: ArchiveWriter) -> Manifest:
    return Manifest(
        format=FORMAT,
        made_at=moment.made_at,
        banyan=__version__,
        postgresql=moment.server_version,
        postgresql_major=moment.major,
        pg_dump=tools.version,
        migrations=moment.migrations,
        tables=tables,
        members=archive.members,
    )


def _free_path(folder: Path, made_at: datetime) -> Path:
    """Two in one second get different names."""
    stem = f"banyan-{made_at:%Y%m%dT%H%M%SZ}"
    number = 1
    while True:
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.tar"
        if not path.exists() and not unfinished(path).exists():
            return path
        number += 1


def _files(data: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Name in the backup and place of each file of the data directory; backups that are kept there are left out."""
    for root, folders, names in os.walk(data):
        here = Path(root)
        top = here == data
        folders[:] = sorted(
            name for name in folders if not (top and _is_left_out(name)) and not (here / name).samefile(folder)
        )
        for name in folders:
            if (here / name).is_symlink():
                raise BackupFailed(
                    f"{here / name} is a link to a directory. Put the directory itself there (a bind mount will do)."
                )
        for name in sorted(names):
            path = here / name
            if not (top and _is_left_out(name)) and not name.startswith(".") and path.is_file():
                yield f"{FILES}{path.relative_to(data).as_posix()}", path


def _is_left_out(name: str) -> bool:
    return name in _LEFT_OUT or name.startswith(_LEFT_OUT_BEGINNINGS)


def _add(archive: ArchiveWriter, name: str, path: Path) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        # Deleted since the list was made, so the snapshot's owner has let go of it.
        return
    except OSError as error:
        raise BackupFailed(f"{path} cannot be read: {error.strerror}.") from None
    with source:
        archive.add(name, source, os.fstat(source.fileno()).st_mode & 0o777)
