"""Server processes that run when others leave them time: for writes that nobody waits for.

Ten posts a second to 5,000 homes each keep a small machine as busy as it can be, and every feed then waited for a core.
PostgreSQL knows no priorities, the kernel does.
"""

import ctypes
import os
import platform
from contextlib import suppress
from pathlib import Path

# Of a core that another process wants too it gets a 30th. Any less, and what it holds locked meanwhile (a page, a
# place in the log) would be missed by others.
NICENESS = 15
# Since Linux 6.12 a process keeps its core for its slice, 3 ms as a rule, whoever wakes meanwhile. Of each way that a
# feed takes, to the server, to PostgreSQL and back, that is one wait. This is the least that the kernel allows.
SLICE_NANOSECONDS = 100_000

# sched_setattr(2) by architecture; the C library of Debian 12 has no function for it.
_SYSTEM_CALLS = {"x86_64": 314, "aarch64": 274}


class _Attributes(ctypes.Structure):
    """`struct sched_attr` in its first version; a policy of 0 is the usual one, whose runtime is the slice."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def give_way(backend_pid: int) -> None:
    """Lowers the priority of a server process for as long as it lives, where it is one of this machine.

    Does nothing where the server runs elsewhere, behind PgBouncer, or under an account that this one may not touch.
    """
    with suppress(OSError):
        if Path(f"/proc/{backend_pid}/cmdline").read_bytes().startswith(b"postgres:"):
            niceness = max(os.getpriority(os.PRIO_PROCESS, backend_pid), NICENESS)
            os.setpriority(os.PRIO_PROCESS, backend_pid, niceness)
            _shorten_slice(backend_pid, niceness)


def _shorten_slice(pid: int, niceness: int) -> None:
    """Older kernels leave it as it is, and need it less: they look who goes first whenever somebody wakes."""
    call = _SYSTEM_CALLS.get(platform.machine())
    if call is not None:
        wanted = _Attributes(size=ctypes.sizeof(_Attributes), nice=niceness, runtime=SLICE_NANOSECONDS)
        ctypes.CDLL(None).syscall(call, pid, ctypes.byref(wanted), 0)
