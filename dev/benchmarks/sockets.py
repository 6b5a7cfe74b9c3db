"""`python -m dev.benchmarks.sockets`: what a socket costs at rest, and what one gateway core hands out."""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import uvloop
from pydantic import SecretStr

from banyan.infra.auth.principal import Principal
from banyan.infra.database.migrate import migrate
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.log import LogSettings, LogStream, configure_logs
from banyan.infra.realtime.tickets import issue_ticket
from banyan.kernel.ids import new_id
from banyan.ops.datadir import DataDirectory
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.broadcasts import Load, measure_closed, measure_steady
from dev.benchmarks.figures import Figure
from dev.benchmarks.processes import resident_bytes, run_seconds
from dev.benchmarks.serving import progress
from dev.benchmarks.socket_clients import Client, Living, TargetedEar, connect
from dev.benchmarks.socket_server import BENCH_TOPIC
from dev.benchmarks.socket_serving import Server, serving_sockets

_LIVING = 5_000
_HEARTBEAT_SECONDS = 5
_AT_ONCE = 100
_TICKET_SECONDS = 3600.0


async def _measure(idle: int, members: int, events: int, loads: list[Load]) -> list[Figure]:
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
            figures: list[Figure] = []
            if idle:
                async with serving_sockets(postgres.dsn) as server:
                    figures += await _measure_idle(server, tickets)
                async with serving_sockets(postgres.dsn, _HEARTBEAT_SECONDS) as server:
                    figures += await _measure_heartbeats(server, living)
            async with serving_sockets(postgres.dsn) as server:
                figures += await _measure_broadcasts(server, anonymous, events, loads)
    return figures


async def _measure_idle(server: Server, tickets: list[str]) -> list[Figure]:
    clients = [Client(ticket, "me") for ticket in tickets]
    await connect(server.port, clients[:_AT_ONCE])
    before = resident_bytes(server.process.pid)
    await connect(server.port, clients[_AT_ONCE:])
    await asyncio.sleep(2)
    each = (resident_bytes(server.process.pid) - before) / max(len(clients) - _AT_ONCE, 1)
    _leave(clients)
    return [Figure(f"{len(tickets):,} idle sockets with `me` joined", each / 1024, "KiB each", 12)]


async def _measure_heartbeats(server: Server, tickets: list[str]) -> list[Figure]:
    """Of sockets at rest that answer: with the process' own clock, so a little less than that each."""
    clients = [Living(ticket, "me") for ticket in tickets]
    await connect(server.port, clients)
    await asyncio.sleep(_HEARTBEAT_SECONDS)
    spent, pings = run_seconds(server.process.pid), sum(client.pings for client in clients)
    await asyncio.sleep(3 * _HEARTBEAT_SECONDS)
    spent, pings = run_seconds(server.process.pid) - spent, sum(client.pings for client in clients) - pings
    _leave(clients)
    return [Figure("a heartbeat", spent / pings * 1e3, "ms of CPU", note=f"[{pings:,} of them]")]


async def _measure_broadcasts(server: Server, tickets: list[str], events: int, loads: list[Load]) -> list[Figure]:
    targeted, ear = Client(tickets[0], BENCH_TOPIC), TargetedEar()
    members = [Client(ticket, "posts:public") for ticket in tickets[1:]]
    await connect(server.port, [targeted, *members])
    targeted.take = ear.take
    figures = await measure_closed(server, members, ear, events)
    for load in loads:
        figures += await measure_steady(server, members, ear, load)
    return figures


def _leave(clients: Sequence[Client]) -> None:
    for client in clients:
        client.transport.abort()


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.benchmarks.sockets", description=__doc__)
    parser.add_argument("--idle", type=int, default=15_000, help="sockets at rest; 0: not measured")
    parser.add_argument("--members", type=int, default=5_000, help="sockets on one topic")
    parser.add_argument("--events", type=int, default=60, help="events that are broadcast to them")
    parser.add_argument("--rates", type=float, nargs="*", default=[24, 30, 40], help="steady loads, in events/s")
    parser.add_argument("--seconds", type=float, default=20, help="for which each of them lasts")
    options = parser.parse_args()
    configure_logs(LogSettings(level="warning", format="console"), LogStream.to_stderr())
    loads = [Load(rate, options.seconds) for rate in options.rates]
    for figure in uvloop.run(_measure(options.idle, options.members, options.events, loads)):
        wanted = f"  (promised {figure.wanted:,.0f})" if figure.wanted else ""
        print(f"{figure.name:<52} {figure.value:>12,.2f} {figure.unit}{wanted}")


if __name__ == "__main__":
    main()
