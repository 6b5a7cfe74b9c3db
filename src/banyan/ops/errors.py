"""Errors of operating an installation: a title, and a detail that says what is wrong and what would be right."""

import errno
from pathlib import Path
from typing import ClassVar


class OpsError(Exception):
    """Shown to the operator as `title: detail`, without a stack trace."""

    title: ClassVar[str] = "Banyan cannot go on"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class DirectoryInUse(OpsError):
    title = "The data directory is in use"


class DirectoryUnusable(OpsError):
    title = "The data directory cannot be used"


class ClusterMissing(OpsError):
    title = "The database of this data directory is gone"


class NoBinaries(OpsError):
    title = "PostgreSQL is not installed"


class WrongMajor(OpsError):
    title = "The database was made by another PostgreSQL"


class NoUnprivilegedUser(OpsError):
    title = "PostgreSQL has no user to run as"


class DiskFull(OpsError):
    title = "The disk is full"


class NoSharedMemory(OpsError):
    title = "PostgreSQL gets no shared memory"


class NotStarted(OpsError):
    title = "PostgreSQL does not start"


class BackupDamaged(OpsError):
    title = "This backup cannot be used"


class BackupNewer(OpsError):
    title = "This backup was made by a newer version"


class BackupFailed(OpsError):
    title = "This did not work"


class NotEmpty(OpsError):
    title = "There is something already"


def from_os_error(error: OSError, path: Path) -> OpsError:
    """What a refused file operation on `path` means to the operator."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(f"No space left for {path}. Free some, or put the data directory on a larger disk.")
    if error.errno == errno.EROFS:
        return DirectoryUnusable(f"{path} is on a read-only file system. Name another one with --data.")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return DirectoryUnusable(
            f"This user may not write {path}. Make it yours (chown), or name another one with --data."
        )
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return DirectoryUnusable(f"{path} needs to be a directory, but it or a part of it is a file.")
    return DirectoryUnusable(f"{path}: {error.strerror}.")


# PostgreSQL's words, with lc_messages = C. Shared memory comes first: the kernel says "No space left on device"
# for its limits on segments and semaphores too.
_MEMORY_SIGNS = (
    "could not create shared memory segment",
    "could not map anonymous shared memory",
    "could not create semaphores",
    "could not resize shared memory segment",
)
_DISK_SIGNS = ("No space left on device", "Disk quota exceeded", "Check free disk space")
_ACCESS_SIGNS = ("Permission denied", "Read-only file system")


def from_server_output(output: str, place: Path) -> OpsError:
    """What PostgreSQL's own words (the end of its log or of initdb's) mean; `place` is where its files are."""
    words = _last_words(output)
    if any(sign in output for sign in _MEMORY_SIGNS):
        return NoSharedMemory(
            f"{words}\nThe machine or container allows too little memory: give it more, or set a smaller "
            f"shared_buffers in {place / 'config' / 'local.conf'}."
        )
    if any(sign in output for sign in _DISK_SIGNS):
        return DiskFull(
            f"{words}\nFree some space on the disk of {place}, or put the data directory on a larger one "
            "(a new community needs about 200 MB)."
        )
    if any(sign in output for sign in _ACCESS_SIGNS):
        return DirectoryUnusable(f"{words}\nThe files below {place} need to belong to PostgreSQL's user.")
    return NotStarted(words or f"It ended without a word; its log is in {place / 'logs'}.")


def _last_words(output: str) -> str:
    """The last line that tells a cause, with its neighbours: the reason may stand before it, a hint after it."""
    # Clients that are told to come back later say nothing about the cause.
    lines = [line.strip() for line in output.splitlines() if line.strip() and "the database system is" not in line]
    telling = [at for at, line in enumerate(lines) if any(mark in line for mark in ("FATAL", "PANIC", "error:"))]
    last = telling[-1] if telling else len(lines) - 1
    return "\n".join(lines[max(0, last - 1) : last + 2])
