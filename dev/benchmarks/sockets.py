"""`python -m dev.benchmarks.sockets`: what a socket costs at rest, and what one gateway core hands out.

The server runs on the first core, this client on the others. The client answers nothing, decodes nothing but the
targeted events, and lets the kernel keep what is broadcast until that is over (then it looks whether all of it came):
it must not be the bottleneck.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import asyncpg
import uvloop
from pydantic import SecretStr

from banyan.infra.auth.digests import make_secret
from banyan.infra.auth.keys import make_signing_key
from banyan.infra.auth.principal import Principal
from banyan.infra.database.migrate import migrate
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.log import LogSettings, LogStream, configure_logs
from banyan.infra.realtime.tickets import issue_ticket
from banyan.kernel.ids import new_id
from banyan.ops.datadir import DataDirectory
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.figures import Figure
from dev.benchmarks.processes import resident_bytes, run_seconds
from dev.benchmarks.serving import progress
from dev.benchmarks.socket_server import BENCH_TOPIC

_HANDSHAKE = (
    b"GET /v1/socket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_PING, _PONG = b"\x89\x00", b"\x8a\x80\0\0\0\0"
_LIVING = 5_000
# Most of these clients answer no ping, and connecting all of them takes its time.
_SILENT_SECONDS = 600
_HEARTBEAT_SECONDS = 5
_EVENT = b'"type":"event"'
_AT_ONCE = 100
_TICKET_SECONDS = 3600.0
_EVENT_BYTES = 200


class Client(asyncio.Protocol):
    """One socket: says hello, joins a topic, and from then on counts bytes or measures delays."""

    def __init__(self, ticket: str, topic: str, delays: list[float] | None = None) -> None:
        self._ticket = ticket
        self._topic = topic
        self._delays = delays
        self._received = b""
        self.events = 0
        self.joined = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_HANDSHAKE)
        self.transport.write(_frame({"type": "hello", "ticket": self._ticket}))
        self.transport.write(_frame({"type": "subscribe", "topic": self._topic}))

    def data_received(self, data: bytes) -> None:
        if not self.joined.done():
            self._received += data
            if b'"subscribed"' in self._received:
                self._received = b""
                self.joined.set_result(None)
            elif b'"error"' in self._received:
                self.joined.set_exception(RuntimeError(self._received.decode(errors="replace")))
        elif self._delays is not None:
            now = time.monotonic()
            for part in data.split(b'"data":')[1:]:
                self._delays.append(now - float(part.partition(b"}")[0]))

        else:
            seen = self._received + data
            self.events += seen.count(_EVENT)
            self._received = seen[1 - len(_EVENT) :]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(RuntimeError("cut before it had joined"))


class Living(Client):
    """Answers every ping, as browsers do, and counts them."""

    def __init__(self, ticket: str, topic: str, delays: list[float] | None = None) -> None:
        super().__init__(ticket, topic, delays)
        self.pings = 0

    def data_received(self, data: bytes) -> None:
        if data.endswith(_PING):
            self.pings += 1
            self.transport.write(_PONG)
            data = data.removesuffix(_PING)
        if data:
            super().data_received(data)


def _frame(value: object) -> bytes:
    payload = json.dumps(value).encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + payload


class Server:
    """The measured process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.port = int(self.read()["port"])

    def read(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server ended: see above")
        found: dict[str, float] = json.loads(line)
        return found

    def order(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode() + b"\n")
        self.process.stdin.flush()


async def _measure(idle: int, members: int, events: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="banyan-sockets-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        directory = DataDirectory.open(Path(folder) / "data")
        async with await EmbeddedPostgres.open(directory) as postgres:
            settings = DatabaseSettings(url=SecretStr(postgres.dsn))
            await migrate(settings)
            progress(f"{idle} people with tickets")
            tickets = await _make_tickets(settings, idle)
            living = await _make_tickets(settings, min(idle, _LIVING))
            anonymous = await _anonymous_tickets(settings, members + 1)
            async with _serving(postgres.dsn) as server:
                figures = await _measure_idle(server, tickets)
            async with _serving(postgres.dsn, _HEARTBEAT_SECONDS) as server:
                figures += await _measure_heartbeats(server, living)
            async with _serving(postgres.dsn) as server:
                figures += await _measure_broadcast(server, anonymous, events)
    return figures


@asynccontextmanager
async def _serving(dsn: str, heartbeat_seconds: int = _SILENT_SECONDS) -> AsyncIterator[Server]:
    cores = sorted(os.sched_getaffinity(0))
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "BANYAN_AUTH__SIGNING_KEY": make_signing_key(),
        "BANYAN_AUTH__SECRET": make_secret(),
        "BANYAN_REALTIME__ANONYMOUS_SOCKETS_PER_ADDRESS": "20000",
        "BANYAN_REALTIME__SOCKETS_PER_ADDRESS": "20000",
        "BANYAN_REALTIME__HEARTBEAT_SECONDS": str(heartbeat_seconds),
    }
    command = [sys.executable, "-m", "dev.benchmarks.socket_server"]
    with _started(command, environment) as process:
        try:
            server = await asyncio.to_thread(Server, process)
            os.sched_setaffinity(process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            yield server
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


async def _measure_idle(server: Server, tickets: list[str]) -> list[Figure]:
    first = await _connect(server, tickets[:_AT_ONCE], "me")
    before = resident_bytes(server.process.pid)
    rest = await _connect(server, tickets[_AT_ONCE:], "me")
    await asyncio.sleep(2)
    each = (resident_bytes(server.process.pid) - before) / max(len(rest), 1)
    for client in (*first, *rest):
        client.transport.abort()
    return [Figure(f"{len(tickets):,} idle sockets with `me` joined", each / 1024, "KiB each", 12)]


async def _measure_heartbeats(server: Server, tickets: list[str]) -> list[Figure]:
    """Of sockets at rest that answer: with the process' own clock, so a little less than that each."""
    clients: list[Living] = []
    for start in range(0, len(tickets), _AT_ONCE):
        some = [Living(ticket, "me") for ticket in tickets[start : start + _AT_ONCE]]
        await asyncio.gather(*(_open(server.port, client) for client in some))
        await asyncio.gather(*(client.joined for client in some))
        clients += some
    await asyncio.sleep(_HEARTBEAT_SECONDS)
    spent, pings = run_seconds(server.process.pid), sum(client.pings for client in clients)
    await asyncio.sleep(3 * _HEARTBEAT_SECONDS)
    spent, pings = run_seconds(server.process.pid) - spent, sum(client.pings for client in clients) - pings
    for client in clients:
        client.transport.abort()
    return [Figure("a heartbeat", spent / pings * 1e3, "ms of CPU", note=f"[{pings:,} of them]")]


async def _measure_broadcast(server: Server, tickets: list[str], events: int) -> list[Figure]:
    delays: list[float] = []
    await _connect(server, tickets[:1], BENCH_TOPIC, delays)
    members = await _connect(server, tickets[1:], "posts:public")
    progress("targeted events alone")
    server.order("targeted 200 0.01")
    await asyncio.to_thread(server.read)
    await asyncio.sleep(0.2)
    alone = _percentile(delays, 0.95)
    delays.clear()
    progress("a broadcast event by event, and targeted events beside it")
    single = await _broadcast(server, members, events, "broadcast")
    server.order("stop 0 0")
    await asyncio.to_thread(server.read)
    beside = _percentile(delays, 0.95)
    progress("a broadcast of all at once")
    burst = await _broadcast(server, members, events, "burst")
    name = f"{_EVENT_BYTES} bytes to {len(members):,} sockets"
    return [
        Figure(f"{name}, one by one", single["deliveries"] / single["seconds"], "deliveries/s", 100_000),
        Figure(f"{name}, one by one", single["deliveries"] / single["cpu_seconds"], "deliveries per CPU-second"),
        Figure(f"{name}, {events} at once", burst["deliveries"] / burst["seconds"], "deliveries/s", 100_000),
        Figure(f"{name}, {events} at once", burst["deliveries"] / burst["cpu_seconds"], "deliveries per CPU-second"),
        Figure("the bare system call, as often", 1 / single["bare_seconds"], "per CPU-second"),
        Figure("targeted, alone", alone * 1000, "ms at p95"),
        Figure(f"targeted, beside the broadcast, {len(delays)}", beside * 1000, "ms at p95", 5),
    ]


async def _broadcast(server: Server, members: list[Client], events: int, how: str) -> dict[str, float]:
    """What the server says of it, once every member has every event."""
    for member in members:
        member.transport.pause_reading()
        member.events = 0
    if how == "broadcast":
        server.order("targeted 1000000 0.01")
    server.order(f"{how} {events} {_EVENT_BYTES}")
    outcome = await asyncio.to_thread(server.read)
    for member in members:
        member.transport.resume_reading()
    while any(member.events < events for member in members):
        await asyncio.sleep(0.05)
    return outcome


async def _connect(server: Server, tickets: list[str], topic: str, delays: list[float] | None = None) -> list[Client]:
    clients: list[Client] = []
    for start in range(0, len(tickets), _AT_ONCE):
        some = await asyncio.gather(
            *(_open(server.port, Client(ticket, topic, delays)) for ticket in tickets[start : start + _AT_ONCE])
        )
        await asyncio.gather(*(client.joined for client in some))
        clients += some
    return clients


async def _open(port: int, client: Client) -> Client:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
    return client


async def _make_tickets(settings: DatabaseSettings, count: int) -> list[str]:
    people = [(new_id(), new_id()) for _ in range(count)]
    connection: asyncpg.Connection = await asyncpg.connect(settings.url.get_secret_value())
    try:
        await connection.executemany(
            "INSERT INTO accounts_accounts (id, email, email_key) VALUES ($1, $2, $2)",
            [(account_id, f"{account_id}@example.org") for account_id, _ in people],
        )
        await connection.executemany(
            """INSERT INTO accounts_sessions (id, account_id, expires_at, user_agent, ip, refresh_digests)
               VALUES ($1, $2, now() + interval '1 day', '', '', '{}')""",
            [(session_id, account_id) for account_id, session_id in people],
        )
    finally:
        await connection.close()
    return await _issue(settings, [Principal(one, session, "member", 0) for one, session in people])


async def _anonymous_tickets(settings: DatabaseSettings, count: int) -> list[str]:
    return await _issue(settings, [None] * count)


async def _issue(settings: DatabaseSettings, principals: list[Principal] | list[None]) -> list[str]:
    pool = await Pool.open(settings)
    async with pool.work() as work:
        tickets = [await issue_ticket(work, principal, _TICKET_SECONDS) for principal in principals]
    await pool.close()
    return tickets


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.benchmarks.sockets", description=__doc__)
    parser.add_argument("--idle", type=int, default=15_000, help="sockets at rest")
    parser.add_argument("--members", type=int, default=5_000, help="sockets on one topic")
    parser.add_argument("--events", type=int, default=60, help="events that are broadcast to them")
    options = parser.parse_args()
    configure_logs(LogSettings(level="warning", format="console"), LogStream.to_stderr())
    for figure in uvloop.run(_measure(options.idle, options.members, options.events)):
        wanted = f"  (promised {figure.wanted:,.0f})" if figure.wanted else ""
        print(f"{figure.name:<52} {figure.value:>12,.2f} {figure.unit}{wanted}")


if __name__ == "__main__":
    main()
