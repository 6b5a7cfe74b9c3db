"""Memory of what runs beside people: a database connection, PostgreSQL itself, each of Banyan's processes, Redis."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from banyan.app.settings import Settings
from banyan.infra.database.connect import connect
from banyan.infra.redis.connection import Link
from banyan.infra.redis.limits import _SPEND
from banyan.infra.redis.settings import RedisSettings
from banyan.kernel.ids import new_id
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import load
from dev.benchmarks.messages import Messages, prepare_pairs
from dev.benchmarks.processes import backends, family, own_bytes, resident_bytes
from dev.benchmarks.serving import get, progress, publish, reachable, serving

_MIB = 2**20
_CLIENTS = 16
_LIMITED = 20_000
_LIMIT_SECONDS = 60  # the longest window of a limit


async def measure_memory(
    settings: Settings,
    postgres: EmbeddedPostgres,
    people: Sequence[UUID],
    tokens: list[str],
    public: list[UUID],
    seconds: float,
) -> list[Figure]:
    """After `seconds` of each kind of load. `tokens` belong to `people`."""
    progress("memory")
    pid = postgres.pid or 0
    pairs = Messages(await prepare_pairs(settings, people))
    with serving(settings, "api") as (process, port):
        await reachable(port, process)
        await load(port, _CLIENTS, seconds, lambda n: get("/v1/feed", tokens[n % len(tokens)]))
        await load(port, _CLIENTS, seconds, lambda n: get(f"/v1/posts/{public[n % len(public)]}", None))
        await load(port, _CLIENTS, seconds, lambda n: publish(n, tokens[n % len(tokens)]))
        await load(port, _CLIENTS, seconds, pairs.make)
        api = resident_bytes(process.pid)
        connections = [own_bytes(each) for each in backends(pid)]
    server = await _server_bytes(settings, pid)
    with serving(settings, "realtime") as (process, port):
        await reachable(port, process)
        realtime = resident_bytes(process.pid)
    return [
        Figure("a database connection after all that", median(connections) / _MIB, "MiB", note=_range(connections)),
        Figure("PostgreSQL without its connections and buffers", server / _MIB, "MiB"),
        Figure("api after all that", api / _MIB, "MiB resident"),
        Figure("realtime without sockets", realtime / _MIB, "MiB resident"),
        *await _redis(),
    ]


def _range(values: Sequence[int]) -> str:
    return f"[{min(values) / _MIB:.1f} to {max(values) / _MIB:.1f}, {len(values)} of them]"


async def _server_bytes(settings: Settings, pid: int) -> int:
    """Its own processes, and what of the shared memory is no page of a table."""
    connection: asyncpg.Connection = await connect(settings.database)
    try:
        shared: int = await connection.fetchval(
            "SELECT sum(allocated_size)::bigint FROM pg_shmem_allocations WHERE name IS DISTINCT FROM 'Buffer Blocks'"
        )
    finally:
        await connection.close()
    own = set(family(pid)) - set(backends(pid))
    return shared + sum(map(own_bytes, own))


async def _redis() -> list[Figure]:
    """A limit of every person in it, as a whole minute of requests leaves it; Banyan keeps nothing else there."""
    if shutil.which("redis-server") is None:
        return []
    with tempfile.TemporaryDirectory(prefix="banyan-redis-", dir="/tmp") as folder:
        path = Path(folder) / "redis.sock"
        with _redis_server(path) as process:
            link = Link(RedisSettings(url=SecretStr(f"unix://{path}")), None)
            await link.open()
            before = own_bytes(process.pid)
            for _ in range(_LIMITED):
                name = f"banyan:limit:account:{new_id()}"
                await link.ask_many([("EVAL", _SPEND, 1, name, f"{_LIMIT_SECONDS:.6f}", _LIMIT_SECONDS)])
            after = own_bytes(process.pid)
            await link.close()
    each = (after - before) / _LIMITED / 1024
    return [
        Figure("Redis at rest", before / _MIB, "MiB"),
        Figure("a person in Redis, for the minute after a request", each, "KiB"),
    ]


@contextmanager
def _redis_server(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A cache and a bus, as `banyan plan render` configures it: nothing is written to disk."""
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=path.parent) as process:
        try:
            while not path.exists():
                if process.poll() is not None:
                    raise SystemExit("redis-server ended at its start")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
