"""The file of a backup: written under another name until it is whole, and read back with every checksum checked."""

import fcntl
import hashlib
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from banyan.ops.backup.manifest import FORMAT, MANIFEST, MANIFEST_DIGEST, Manifest, Member, place_below
from banyan.ops.datadir import explained, like_parent, sync_directory
from banyan.ops.errors import BackupDamaged

CHUNK_BYTES = 1 << 20
_UNFINISHED = ".unfinished"
_SECRETS = "secrets"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
# So large a manifest lists a hundred thousand files.
_MOST_MANIFEST_BYTES = 64 << 20

# Told how many bytes of the backup have been handled.
Progress = Callable[[int], None]


class ArchiveWriter:
    """A new archive at `path`, 0600. It takes that name in `finish`; left without, nothing stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: list[Member] = []
        self._unfinished = unfinished(path)
        with explained(path):
            self._file = open(os.open(self._unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")  # noqa: SIM115
        # Held until the end, however this process ends: an unfinished file that nobody holds may be deleted.
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._file.close()
        self._unfinished.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """How many bytes there are so far."""
        return self._file.tell()

    @contextmanager
    def member(self, name: str, mode: int = 0o600) -> Iterator[Callable[[bytes], None]]:
        """Adds one file: the block gets a function that appends to it. Its size need not be known before."""
        with explained(self.path):
            began = self._file.tell()
            # Of this form a header has the same length whatever the size in it: it is written again at the end.
            self._file.write(_header(name, 0, mode))
            digest = hashlib.sha256()
            size = 0

            def append(chunk: bytes) -> None:
                nonlocal size
                self._file.write(chunk)
                digest.update(chunk)
                size += len(chunk)

            yield append
            self._file.write(bytes(-size % _BLOCK))
            end = self._file.tell()
            self._file.seek(began)
            self._file.write(_header(name, size, mode))
            self._file.seek(end)
        self.members.append(Member(name, size, digest.hexdigest(), mode))

    def add(self, name: str, source: BinaryIO, mode: int) -> None:
        """Adds what can be read from `source`."""
        with self.member(name, mode) as append:
            while chunk := source.read(CHUNK_BYTES):
                append(chunk)

    def finish(self, manifest: Manifest) -> None:
        """The archive is whole: it is on the disk, and takes its name."""
        text = msgspec.json.format(msgspec.json.encode(manifest))
        for name, content in ((MANIFEST, text), (MANIFEST_DIGEST, hashlib.sha256(text).hexdigest().encode() + b"\n")):
            with self.member(name) as append:
                append(content)
        with explained(self.path):
            self._file.write(_END)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unfinished.rename(self.path)
            sync_directory(self.path.parent)


def unfinished(path: Path) -> Path:
    """What the archive at `path` is called until it is whole."""
    return path.with_name(f".{path.name}{_UNFINISHED}")


def remove_unfinished(folder: Path) -> None:
    """Deletes what backups that were killed left in `folder`."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink(missing_ok=True)


def check_archive(path: Path, progress: Progress = lambda count: None) -> Manifest:
    """Reads the whole backup and compares every checksum. Raises BackupDamaged."""
    with _opened(path) as archive:
        found = {member.name: member for member in archive.getmembers()}
        manifest = _read_manifest(path, archive, found)
        listed = {member.name for member in manifest.members}
        if strangers := found.keys() - listed - {MANIFEST, MANIFEST_DIGEST}:
            raise BackupDamaged(f"{path}: {sorted(strangers)[0]} does not belong to it.")
        for member in manifest.members:
            place = found.get(member.name)
            if place is None or place.size != member.bytes or _digest(archive, place, progress) != member.sha256:
                raise BackupDamaged(f"{path}: {member.name} is not as it was written. Take another backup.")
        return manifest


def extract_files(path: Path, manifest: Manifest, target: Path) -> None:
    """Writes the files of the data directory below `target`."""
    with _opened(path) as archive:
        for member in manifest.files:
            below = place_below(member.name)
            if below is None:
                raise BackupDamaged(f"{path}: {member.name} leads out of the data directory.")
            place = target / below
            with explained(place), _content(archive, member.name) as source:
                _make_parents(place.parent)
                descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                like_parent(place)
                with open(descriptor, "wb") as file:
                    while chunk := source.read(CHUNK_BYTES):
                        file.write(chunk)
                    file.flush()
                    os.fchmod(file.fileno(), 0o600 if below.parts[0] == _SECRETS else member.mode & 0o777)
                    os.fsync(file.fileno())


def _make_parents(folder: Path) -> None:
    if not folder.exists():
        _make_parents(folder.parent)
        folder.mkdir(mode=0o700)
        like_parent(folder)


@contextmanager
def reading(path: Path, name: str) -> Iterator[BinaryIO]:
    """The content of one member."""
    with _opened(path) as archive, _content(archive, name) as source:
        yield source


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except FileNotFoundError:
        raise BackupDamaged(f"There is no file {path}.") from None
    except (tarfile.TarError, EOFError) as error:
        raise BackupDamaged(f"{path} is cut off, or no backup of Banyan's ({error}). Take another backup.") from None
    except OSError as error:
        raise BackupDamaged(f"{path} cannot be read: {error.strerror or error}.") from None


@contextmanager
def _content(archive: tarfile.TarFile, name: str) -> Iterator[BinaryIO]:
    source = archive.extractfile(name)
    if source is None:
        raise BackupDamaged(f"{name} is no file. Take another backup.")
    with source:
        yield source  # type: ignore[misc]


def _read_manifest(path: Path, archive: tarfile.TarFile, found: dict[str, tarfile.TarInfo]) -> Manifest:
    if MANIFEST not in found or MANIFEST_DIGEST not in found or found[MANIFEST].size > _MOST_MANIFEST_BYTES:
        raise BackupDamaged(f"{path} is not whole: its end is missing. Take another backup.")
    with _content(archive, MANIFEST) as source, _content(archive, MANIFEST_DIGEST) as digest:
        text = source.read()
        if hashlib.sha256(text).hexdigest().encode() != digest.read(1 << 10).strip():
            raise BackupDamaged(f"{path}: its manifest is not as it was written. Take another backup.")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupDamaged(f"{path}: its manifest cannot be read ({error}).") from None
    if manifest.format != FORMAT:
        raise BackupDamaged(f"{path} was made by another version of Banyan ({manifest.banyan}): use that one.")
    return manifest


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo, progress: Progress) -> str:
    digest = hashlib.sha256()
    with _content(archive, member.name) as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


def _header(name: str, size: int, mode: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = mode
    info.mtime = int(time.time())
    return info.tobuf(tarfile.GNU_FORMAT)
