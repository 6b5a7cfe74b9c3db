"""CPU and memory of running processes, from /proc."""

import os
from pathlib import Path

from banyan.ops.initialise import DATABASE, USER

_BACKEND = f"postgres: {USER} {DATABASE} ".encode()
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of one process since its start, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def family_cpu_seconds(pid: int) -> float:
    """The time of a process, its living descendants and those that have ended; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = _children(pid)
    except OSError:
        return 0.0
    ticks = sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_PER_SECOND + sum(map(family_cpu_seconds, children))


def resident_bytes(pid: int) -> int:
    """Memory of one process that is in RAM now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def own_bytes(pid: int) -> int:
    """Memory of one process without what it shares with others as shared memory: PostgreSQL's buffers, for one. Of
    code that several processes map it counts their part (PSS). 0 for one that is gone.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    sizes = {words[0]: int(words[1]) for words in map(str.split, lines[1:])}
    return (sizes["Pss:"] - sizes["Pss_Shmem:"]) * 1024


def run_seconds(pid: int) -> float:
    """CPU of one process to the nanosecond, all threads that live; exact once it waits for something. 0 for one that is
    gone."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        return 0.0


def family(pid: int) -> list[int]:
    """A process and its living descendants."""
    try:
        children = _children(pid)
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(child))]


def backends(postgres_pid: int) -> list[int]:
    """Processes of a PostgreSQL that work for Banyan's connections."""
    return [pid for pid in family(postgres_pid) if _command(pid).startswith(_BACKEND)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found
