"""PostgreSQL's processes as the kernel shows them: started as another user, found by their working directory."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from banyan.ops.errors import NoUnprivilegedUser

POLL_SECONDS = 0.01


class Account(msgspec.Struct, frozen=True):
    """The operating-system user that PostgreSQL runs as when Banyan itself is root."""

    name: str
    uid: int
    gid: int


class Finished(msgspec.Struct, frozen=True):
    """A command that ran to its end."""

    code: int
    output: str


def start(command: Sequence[str | Path], *, account: Account | None, cwd: Path, output: int) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that a terminal's Ctrl-C reaches only Banyan.

    The environment is ours: PGPORT, PGDATA or a locale of the operator's would change what PostgreSQL does.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o077,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def run(command: Sequence[str | Path], *, account: Account | None = None, cwd: Path = Path("/")) -> Finished:
    """Run a command to its end; code 126 when this user may not or this machine cannot execute it."""
    try:
        process = start(command, account=account, cwd=cwd, output=subprocess.PIPE)
    except OSError as error:
        # exec is refused with EACCES, changing the user with EPERM, or EINVAL where the user id is not mapped.
        if account is not None and error.errno in {errno.EPERM, errno.EINVAL}:
            raise NoUnprivilegedUser(
                f"PostgreSQL refuses to run as root, and this machine does not let root become {account.name} "
                f"({error.strerror}). Run Banyan as an ordinary user, or set DATABASE_URL to a PostgreSQL elsewhere."
            ) from None
        return Finished(126, f"{command[0]}: {error.strerror}")
    output, _ = process.communicate()
    return Finished(process.returncode, output.decode(errors="replace"))


def may_enter(account: Account, directory: Path) -> bool:
    """Whether the account may pass through the directory; asked of the kernel, so that access lists count."""
    return run([shutil.which("test") or "/usr/bin/test", "-x", directory], account=account).code == 0


def ends_with_parent() -> list[str]:
    """The words before a command that make the kernel stop it (fast shutdown) when Banyan is killed.

    util-linux's setpriv can, busybox's cannot; without it the next start stops what was left running.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    words = [setpriv, "--pdeathsig", "INT", "--"]
    return words if run([*words, setpriv, "--version"]).code == 0 else []


def of_cluster(data: Path) -> list[int]:
    """Ids of the living PostgreSQL processes of a cluster: all have its data directory as working directory.

    Zombies have none, so they do not count. Empty where there is no /proc.
    """
    try:
        wanted = data.stat()
    except FileNotFoundError:
        return []
    return [pid for pid in _all_ids() if _works_in(pid, wanted) and _name(pid) == "postgres"]


def _all_ids() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except FileNotFoundError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _works_in(pid: int, wanted: os.stat_result) -> bool:
    try:
        found = os.stat(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def exists(pid: int) -> bool:
    """Whether the id is taken, be it by a zombie or by another user's process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def gone(data: Path, *, within_seconds: float) -> bool:
    """Wait until no process of the cluster is left."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while of_cluster(data):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS * 5)
    return True


async def ended(process: subprocess.Popen[bytes], *, within_seconds: float) -> bool:
    """Wait until our own child has ended, and reap it."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while process.poll() is None:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def end_of(process: subprocess.Popen[bytes]) -> int:
    """Sleep until our child has ended and answer its exit status; the kernel wakes us, nothing polls."""
    descriptor = _process_descriptor(process.pid)
    if descriptor is None:
        while process.poll() is None:
            await asyncio.sleep(0.25)
        return process.wait()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


def _process_descriptor(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None before Linux 5.3 and elsewhere."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
