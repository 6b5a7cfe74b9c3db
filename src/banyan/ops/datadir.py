"""The data directory of an installation: its lock and its secrets.

DIR/lock            held by the process that runs the installation; its content is that process's id
DIR/secrets/NAME    0600
DIR/postgres.json   where the database is and which major made it (see placement.py)
DIR/postgres/       the embedded database
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from banyan.infra.auth.digests import make_secret
from banyan.ops.errors import DirectoryInUse, DirectoryUnusable, from_os_error

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
# What may lie in a directory before its first start: settings written beforehand, and what a fresh disk brings.
_FOREIGN_BUT_HARMLESS = {"banyan.toml", "lost+found", "mail_layouts", "mail_texts"}


class DataDirectory:
    """One installation's directory. Reading secrets needs no lock; running the installation does."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: Lock | None = None

    @classmethod
    def open(cls, path: Path) -> "DataDirectory":
        """Make the directory when it is missing. DirectoryUnusable when it holds somebody else's files."""
        directory = cls(path)
        with explained(directory.path):
            _make(directory.path)
        return directory

    def lock(self) -> None:
        """Become the one process that runs this installation. DirectoryInUse names the process that does."""
        if self._lock is None:
            self._lock = Lock(self.path)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def locked(self) -> bool:
        return self._lock is not None

    def secret(self, name: str, make: Callable[[], str] = make_secret) -> str:
        """The secret of that name, made at its first use. Two processes asking at once get the same one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a secret: {name!r}")
        path = self.path / "secrets" / name
        with explained(path):
            if not path.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                like_parent(path.parent)
                _write_once(path, make())
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
            return path.read_text(encoding="utf-8")


class Lock:
    """An exclusive lock on a directory that the kernel drops when its holder ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        path = directory / "lock"
        with explained(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            like_parent(path)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise DirectoryInUse(
                f"The process {holder} has {directory}: stop that one first, or name another directory with --data."
            ) from None
        except OSError as error:
            os.close(self._descriptor)
            raise DirectoryUnusable(f"The file system of {directory} has no locks: {error.strerror}.") from None
        with explained(path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a refused file operation into an error that says what would be right."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, path) from None


def like_parent(path: Path) -> None:
    """When root works in another user's directory, what it makes there belongs to that user."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def write_durably(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file so that a crash leaves the old or the new content, never a part."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_new(unfinished, text, mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """A new data directory. FileExistsError when there is something."""
    # PostgreSQL's unprivileged user passes through a directory of root's, but cannot list it.
    path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)


def _make(path: Path) -> None:
    try:
        make_directory(path)
    except FileExistsError:
        names = {entry.name for entry in path.iterdir()} - _FOREIGN_BUT_HARMLESS
    else:
        names = set()
    if names and "lock" not in names:
        raise DirectoryUnusable(
            f"{path} is neither empty nor a data directory of Banyan's. Name another directory with --data."
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise DirectoryUnusable(f"This user may not write {path}. Make it yours, or name another with --data.")
    if "lock" not in names:
        (path / "lock").touch(0o644)  # the mark of our directories
        like_parent(path / "lock")


def _write_once(path: Path, text: str) -> None:
    """Write a file that must not exist yet; the first of several writers wins."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_new(unfinished, text, 0o600)
        os.link(unfinished, path)
    except FileExistsError:
        return
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)


def _write_new(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)
    like_parent(path)
