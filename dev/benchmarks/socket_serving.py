"""The measured realtime process as the benches hold it: `socket_server` on the first core, the caller on the others."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from banyan.infra.auth.digests import make_secret
from banyan.infra.auth.keys import make_signing_key

# Most clients of the benches answer no ping, and connecting all of them takes its time.
_SILENT_SECONDS = 600


class Server:
    """Takes orders, and answers."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.port = int(self._read()["port"])

    async def answer(self) -> dict[str, float]:
        return await asyncio.to_thread(self._read)

    def order(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode() + b"\n")
        self.process.stdin.flush()

    def _read(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server ended: see above")
        found: dict[str, float] = json.loads(line)
        return found


@asynccontextmanager
async def serving_sockets(dsn: str, heartbeat_seconds: int = _SILENT_SECONDS) -> AsyncIterator[Server]:
    cores = sorted(os.sched_getaffinity(0))
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "BANYAN_AUTH__SIGNING_KEY": make_signing_key(),
        "BANYAN_AUTH__SECRET": make_secret(),
        "BANYAN_REALTIME__ANONYMOUS_SOCKETS_PER_ADDRESS": "20000",
        "BANYAN_REALTIME__SOCKETS_PER_ADDRESS": "20000",
        "BANYAN_REALTIME__HEARTBEAT_SECONDS": str(heartbeat_seconds),
    }
    with _started(environment) as process:
        try:
            server = await asyncio.to_thread(Server, process)
            os.sched_setaffinity(process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            yield server
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()


def _started(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dev.benchmarks.socket_server"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
