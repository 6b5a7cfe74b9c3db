"""Server processes that run when others leave them time: for writes that nobody waits for.

Ten posts a second to 5,000 homes each keep a small machine as busy as it can be, and every feed then waited for a core.
PostgreSQL knows no priorities, the kernel does.
"""

import os
from contextlib import suppress
from pathlib import Path

# Of a core that another process wants too it gets a 30th. Any less, and what it holds locked meanwhile (a page, a
# place in the log) would be missed by others.
NICENESS = 15


def give_way(backend_pid: int) -> None:
    """Lowers the priority of a server process for as long as it lives, where it is one of this machine.

    Does nothing where the server runs elsewhere, behind PgBouncer, or under an account that this one may not touch.
    """
    with suppress(OSError):
        if Path(f"/proc/{backend_pid}/cmdline").read_bytes().startswith(b"postgres:"):
            usual = os.getpriority(os.PRIO_PROCESS, backend_pid)
            os.setpriority(os.PRIO_PROCESS, backend_pid, max(usual, NICENESS))
