"""A process that owns an embedded PostgreSQL until it is killed: owner.py DIRECTORY BIN [unguarded].

Prints the address of the database and the postmaster's id.
"""

import asyncio
import sys
from pathlib import Path

from banyan.ops import processes
from banyan.ops.binaries import Binaries
from banyan.ops.postgres import EmbeddedPostgres


async def main() -> None:
    if "unguarded" in sys.argv:
        processes.ends_with_parent = lambda: []
    server = await EmbeddedPostgres.open(Path(sys.argv[1]), Binaries.at(Path(sys.argv[2])))
    print(server.dsn, server.pid, flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
