"""The bare parts under the platform, measured in the same run: figures of different machines compare by these."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from banyan.app.server import listen
from banyan.app.settings import Settings
from banyan.features.posts.queries import homes
from banyan.infra.database.connect import connect
from banyan.kernel.ids import LAST_ID
from dev.benchmarks.load import load
from dev.benchmarks.processes import cpu_seconds

_JOBS = 50_000
_BATCH = 200
_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"5")]

_CLAIM = """
UPDATE bench_queue SET taken = true
WHERE id IN (SELECT id FROM bench_queue WHERE NOT taken ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


async def hello(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """The least that an ASGI application can do."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"hello"})


class Page:
    """The least that can be done for a page of a feed: its one statement by asyncpg, rows encoded as they come."""

    def __init__(self) -> None:
        self._people = [UUID(part) for part in os.environ.get("BENCH_PEOPLE", "").split()]
        self._idle: list[asyncpg.Connection] = []
        self._number = 0

    async def __call__(
        self, scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        connection = self._idle.pop() if self._idle else await asyncpg.connect(os.environ["BENCH_DATABASE"])
        self._number += 1
        person = self._people[self._number % len(self._people)]
        rows = await connection.fetch(homes.FEED.home, person, LAST_ID, 21)
        self._idle.append(connection)
        body = msgspec.json.encode([dict(row) for row in rows])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


page = Page()


async def page_cpu_microseconds(settings: Settings, people: Sequence[UUID], clients: int, seconds: float) -> float:
    """CPU of uvicorn for each answer of `page`, on the first core."""
    environment = {
        "BENCH_DATABASE": settings.database.url.get_secret_value(),
        "BENCH_PEOPLE": " ".join(map(str, people)),
    }
    return await _cpu_microseconds("page", clients, seconds, environment)


async def hello_cpu_microseconds(clients: int, seconds: float) -> float:
    """CPU of uvicorn (uvloop, httptools) for each answer of `hello`, on the first core."""
    return await _cpu_microseconds("hello", clients, seconds, {})


async def _cpu_microseconds(application: str, clients: int, seconds: float, environment: dict[str, str]) -> float:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    command = [sys.executable, "-m", "uvicorn", f"dev.benchmarks.bare:{application}", "--port", str(port)]
    options = ["--no-access-log", "--log-level", "critical", "--lifespan", "off", "--no-server-header"]
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen([*command, *options], env=os.environ | environment)  # noqa: ASYNC220 - nothing else runs meanwhile
    try:
        os.sched_setaffinity(process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)
        await _until_served(port, clients)
        before = cpu_seconds(process.pid)
        outcome = await load(port, clients, seconds, _request)
        return (cpu_seconds(process.pid) - before) / outcome.requests * 1e6
    finally:
        os.sched_setaffinity(0, cores)
        process.send_signal(signal.SIGINT)
        process.wait()


async def bare_queue_per_second(settings: Settings) -> float:
    """Jobs a second of the simplest loop: claim a batch with SKIP LOCKED, delete it."""
    connection = await connect(settings.database)
    try:
        await connection.execute(
            "DROP TABLE IF EXISTS bench_queue;"
            "CREATE TABLE bench_queue (id bigint PRIMARY KEY, taken boolean NOT NULL DEFAULT false)"
        )
        await connection.execute("INSERT INTO bench_queue (id) SELECT generate_series(1, $1::int)", _JOBS)
        started = time.perf_counter()
        while rows := await connection.fetch(_CLAIM, _BATCH):
            await connection.execute("DELETE FROM bench_queue WHERE id = ANY($1)", [row["id"] for row in rows])
        return _JOBS / (time.perf_counter() - started)
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_queue")
        await connection.close()


async def _until_served(port: int, clients: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            await load(port, clients, 1, _request)
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _request(number: int) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
