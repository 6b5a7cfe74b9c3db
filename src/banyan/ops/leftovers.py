"""What an earlier run left behind after a kill: processes, postmaster.pid, socket files."""

import logging
import os
import signal
from pathlib import Path

import msgspec

from banyan.ops import processes
from banyan.ops.errors import NotStarted
from banyan.ops.placement import Home

_log = logging.getLogger("banyan.postgres")

_FAST_STOP_SECONDS = 60.0
_NOBODYS_ID = 2_147_483_647  # above every kernel's largest process id


class PidFile(msgspec.Struct, frozen=True):
    """postmaster.pid: the postmaster's id, where its socket is, and whether it takes connections."""

    pid: int
    socket: str
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """None when there is none, or an unfinished one."""
    try:
        descriptor = os.open(data / "postmaster.pid", os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with open(descriptor, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    if not lines or not lines[0].strip().isdigit():
        return None
    socket = lines[4] if len(lines) > 4 else ""
    return PidFile(int(lines[0]), socket, len(lines) > 7 and lines[7].strip() == "ready")


async def clear_leftovers(home: Home, socket: Path) -> None:
    """Stop what still runs of the cluster, and take away what would refuse a new start.

    Only the holder of the directory's lock may call this: then whatever still runs belongs to nobody.
    """
    await _stop_processes(home.data)
    _release_pid_file(home.data)
    for path in socket.glob(".s.PGSQL.*"):
        path.unlink(missing_ok=True)


async def _stop_processes(data: Path) -> None:
    running = processes.of_cluster(data)
    if not running:
        return
    _log.warning("PostgreSQL still runs from an earlier start (processes %s): stopping it", running)
    pid_file = read_pid_file(data)
    if pid_file is not None and pid_file.pid in running:
        processes.send(pid_file.pid, signal.SIGINT)
        if await processes.gone(data, within_seconds=_FAST_STOP_SECONDS):
            return
    # Without their postmaster they end by themselves, but one inside a long statement takes its time.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in processes.of_cluster(data):
            processes.send(pid, number)
        if await processes.gone(data, within_seconds=5):
            return
    raise NotStarted(f"The processes {processes.of_cluster(data)} of an earlier start cannot be ended.")


def _release_pid_file(data: Path) -> None:
    """Keep a postmaster.pid whose id now belongs to something else from refusing the start.

    PostgreSQL takes any living process with that id for a postmaster: a zombie, or a stranger that got the id
    since. The other lines stay, since PostgreSQL checks by them that no shared memory is in use any more.
    """
    path = data / "postmaster.pid"
    pid_file = read_pid_file(data)
    if pid_file is None:
        path.unlink(missing_ok=True)  # empty after a crash or a full disk: refused by PostgreSQL too
    elif processes.exists(pid_file.pid) and Path("/proc/self").exists():
        _log.info("postmaster.pid names the process %s, which is no living PostgreSQL of ours", pid_file.pid)
        rest = path.read_text(encoding="utf-8").partition("\n")[2]
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{_NOBODYS_ID}\n{rest}")
