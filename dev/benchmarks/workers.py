"""What a worker does after posts and messages: a fan-out to homes, notifications, streams."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from banyan.app.settings import Settings
from banyan.infra.database.connect import connect
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import load
from dev.benchmarks.messages import Messages, prepare_pairs
from dev.benchmarks.processes import family_cpu_seconds, resident_bytes, run_seconds
from dev.benchmarks.serving import progress, publish, reachable, serving

_CLIENTS = 8
_DONE = "SELECT NOT EXISTS (SELECT FROM jobs WHERE state = 'running' OR (state = 'waiting' AND run_at <= now()))"


async def measure_workers(
    settings: Settings, postgres_pid: int, people: Sequence[UUID], tokens: list[str], seconds: float
) -> list[Figure]:
    """Each of them for `seconds`, and until all of it is done. `tokens` belong to `people`."""
    progress("workers")
    messages = Messages(await prepare_pairs(settings, people))
    kinds: dict[str, Callable[[int], bytes]] = {
        "a message": messages.make,
        "a post": lambda n: publish(n, tokens[n % len(tokens)]),
    }
    connection = await connect(settings.database)
    try:
        with serving(settings, "api") as (api, port), serving(settings, "worker") as (worker, _):
            await reachable(port, api)
            # Its start is not counted: it has started once what these leave is done.
            await load(port, _CLIENTS, 1, kinds["a post"])
            await until_done(connection)
            figures: list[Figure] = []
            for name, make in kinds.items():
                before, database = run_seconds(worker.pid), family_cpu_seconds(postgres_pid)
                outcome = await load(port, _CLIENTS, seconds, make)
                await until_done(connection)
                took = run_seconds(worker.pid) - before
                both = family_cpu_seconds(postgres_pid) - database
                figures += [
                    Figure(f"{name}, in the worker", took / outcome.requests * 1e3, "ms of CPU"),
                    Figure(f"{name}, in PostgreSQL for both", both / outcome.requests * 1e3, "ms of CPU"),
                ]
            return [*figures, Figure("worker after all that", resident_bytes(worker.pid) / 2**20, "MiB resident")]
    finally:
        await connection.close()


async def until_done(connection: asyncpg.Connection) -> None:
    """Until no job waits that is due."""
    while not await connection.fetchval(_DONE):
        await asyncio.sleep(0.05)
