"""Restoring a backup: checked first, made beside, and put in its place only when it is whole."""

import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from banyan.ops.backup.archive import check_archive, extract_files, reading
from banyan.ops.backup.create import Backup
from banyan.ops.backup.database import check_empty, settle_restored
from banyan.ops.backup.manifest import DUMP, Manifest
from banyan.ops.backup.tools import find_tools, restore
from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.datadir import DataDirectory, explained, make_directory, sync_directory
from banyan.ops.errors import BackupNewer, DirectoryInUse, NotEmpty, WrongMajor
from banyan.ops.leftovers import clear_leftovers
from banyan.ops.placement import SHARED_BASE, find_home, rename_owner
from banyan.ops.postgres import EmbeddedPostgres
from banyan.ops.sockets import socket_directory

_WORKSHOP = ".restoring"
_HARMLESS = {"lost+found", _WORKSHOP}

# Told what is being done, how many bytes of it are done, and of how many.
Report = Callable[[str, int, int], None]


def check_backup(path: Path, known: Mapping[str, int], report: Report = lambda words, count, total: None) -> Manifest:
    """Reads the whole file. `known` is the newest migration of each package here. Raises BackupDamaged, BackupNewer."""
    manifest = check_archive(path, _counting(report, "Checking", path.stat().st_size if path.exists() else 0))
    for package, newest in manifest.migrations.items():
        if newest > known.get(package, newest):
            raise BackupNewer(
                f"{path} was made by Banyan {manifest.banyan} with the migration {newest:04d} of {package}; this "
                f"version knows {known[package]:04d}. Restore it with that version, or a newer one."
            )
    return manifest


async def restore_into_directory(
    path: Path,
    data: Path,
    known: Mapping[str, int],
    *,
    url: str | None = None,
    binaries: Binaries | None = None,
    shared_base: Path = SHARED_BASE,
    report: Report = lambda words, count, total: None,
) -> Backup:
    """Makes an installation of a backup in an empty or missing directory: files, and an embedded database; with `url`
    the database goes into that empty one instead. Raises an OpsError; then everything is as it was.
    """
    began = time.monotonic()
    manifest = check_backup(path, known, report)
    chosen = None if url else _fitting(manifest, binaries)
    if url:
        await check_empty(url)
    async with _workshop(data, shared_base) as workshop:
        extract_files(path, manifest, workshop.path)
        if url:
            await restore_into_database(path, url, known, manifest=manifest, report=report)
        else:
            server = await EmbeddedPostgres.open(workshop, chosen, shared_base=shared_base)
            async with server:
                await _fill(path, manifest, server.dsn, server.major, server.home.postgres, report)
        _put_in_place(workshop, data)
    return Backup.of(path, manifest, began)


async def restore_into_database(
    path: Path,
    url: str,
    known: Mapping[str, int],
    *,
    manifest: Manifest | None = None,
    report: Report = lambda words, count, total: None,
) -> Backup:
    """Restores the database alone into an empty one, in one transaction. Raises an OpsError."""
    began = time.monotonic()
    manifest = manifest or check_backup(path, known, report)
    major, tls = await check_empty(url)
    if major < manifest.postgresql_major:
        raise WrongMajor(_older_detail(manifest, f"the server is PostgreSQL {major}"))
    await _fill(path, manifest, url, major, Path("the server"), report, tls=tls)
    return Backup.of(path, manifest, began)


async def _fill(
    path: Path, manifest: Manifest, url: str, major: int, place: Path, report: Report, *, tls: bool = False
) -> None:
    # Old tools cannot read what newer ones wrote.
    tools = find_tools(max(major, int(manifest.pg_dump.split(".")[0])), tls=tls)
    size = next(member.bytes for member in manifest.members if member.name == DUMP)
    with reading(path, DUMP) as source:
        await restore(tools, url, source, place, _counting(report, "Database", size))
    report("Comparing", 0, 0)
    await settle_restored(url, manifest.tables)


def _fitting(manifest: Manifest, binaries: Binaries | None) -> Binaries:
    chosen = binaries or find_binaries()
    if chosen.major < manifest.postgresql_major:
        raise WrongMajor(_older_detail(manifest, f"here is PostgreSQL {chosen.version}"))
    return chosen


def _older_detail(manifest: Manifest, here: str) -> str:
    return (
        f"The backup is of PostgreSQL {manifest.postgresql}, and {here}: a dump goes to the same major or a newer one. "
        f"Use PostgreSQL {manifest.postgresql_major} or newer."
    )


@asynccontextmanager
async def _workshop(data: Path, shared_base: Path) -> AsyncIterator[DataDirectory]:
    """A data directory inside the empty `data`, in which the restored one is made; locked, and gone afterwards."""
    async with AsyncExitStack() as undo:
        with explained(data):
            if data.exists():
                _check_empty_directory(data)
            else:
                make_directory(data)
                undo.callback(_remove_if_empty, data)
        place = data / _WORKSHOP
        await _remove_workshop(place)
        workshop = DataDirectory.open(place)
        workshop.lock()
        undo.push_async_callback(_remove_workshop, place)
        undo.callback(workshop.unlock)
        yield workshop


def _check_empty_directory(data: Path) -> None:
    names = sorted({entry.name for entry in data.iterdir()} - _HARMLESS)
    if names:
        raise NotEmpty(
            f"{data} is not empty ({names[0]}). Nothing was changed: name a directory that is empty or not there."
        )


async def _remove_workshop(place: Path) -> None:
    """Takes away what a restore left that failed or was killed. Raises DirectoryInUse while one is at work."""
    if not place.exists():
        return
    directory = DataDirectory(place)
    try:
        directory.lock()
    except DirectoryInUse:
        raise DirectoryInUse(f"Another restore is at work in {place.parent}. Wait for it.") from None
    try:
        home = find_home(directory)
        if home is not None:
            await clear_leftovers(home, socket_directory(home))
            if home.place != place:
                shutil.rmtree(home.place, ignore_errors=True)
        shutil.rmtree(place)
    finally:
        directory.unlock()


def _put_in_place(workshop: DataDirectory, data: Path) -> None:
    """Moves everything up. The lock's file is the mark of a data directory and comes last: until then nothing starts
    in a directory that is half there.
    """
    with explained(data):
        for entry in sorted(workshop.path.iterdir(), key=lambda entry: entry.name == "lock"):
            if entry.name == "lock":
                sync_directory(data)
            entry.rename(data / entry.name)
        sync_directory(data)
        rename_owner(DataDirectory(data))


def _remove_if_empty(data: Path) -> None:
    try:
        os.rmdir(data)
    except OSError:
        return


def _counting(report: Report, words: str, total: int) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        report(words, done, total)

    return count
