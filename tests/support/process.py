"""The database side of one process, as wiring joins it: pool, bus, relay, outbox, and what else a test asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from banyan.infra.bus import TableBus
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.jobs.outbox import JobOutbox
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.relay import BUS_CHANNEL, JOBS_CHANNEL, Relay
from banyan.infra.jobs.settings import JobsSettings
from banyan.infra.jobs.worker import Worker


class Process:
    """Several of them on one database behave like several processes."""

    def __init__(self, pool: Pool, registry: Registry, jobs: JobsSettings) -> None:
        self.pool = pool
        self.registry = registry
        self.relay = Relay(pool.settings)
        self.bus = TableBus(self.relay)
        self.outbox = JobOutbox(registry, self.bus, self.relay)
        self.worker = Worker(pool, self.relay, registry, jobs)
        pool.attach(self.outbox)
        self.relay.listen(BUS_CHANNEL, self.bus.wake)
        self.relay.listen(JOBS_CHANNEL, self.worker.wake)
        self.outbox.on_jobs(self.worker.wake)
        self.outbox.on_outgoing_jobs(self.worker.wake)


@asynccontextmanager
async def process(
    settings: DatabaseSettings,
    registry: Registry | None = None,
    jobs: JobsSettings | None = None,
    *,
    works: bool = False,
    hears: bool = False,
) -> AsyncIterator[Process]:
    """One process with a pool of its own. `works` runs its worker, `hears` its bus."""
    pool = await Pool.open(settings)
    made = Process(pool, registry or Registry(), jobs or JobsSettings())
    await made.relay.start()
    try:
        if hears:
            await made.bus.start()
        if works:
            await made.worker.start()
        yield made
        if works:
            await made.worker.stop()
    finally:
        await made.bus.stop()
        await made.relay.stop()
        await pool.close(timeout_seconds=1)
