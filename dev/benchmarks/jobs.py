"""How many jobs one worker gets through when they do nothing."""

import asyncio
import time

import msgspec

from banyan.app.settings import Settings
from banyan.infra.bus import TableBus
from banyan.infra.database.connect import connect
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind
from banyan.infra.jobs.outbox import JobOutbox
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.relay import Relay
from banyan.infra.jobs.worker import Worker
from banyan.kernel.signals import Job

_JOBS = 100_000
_BATCH = 5_000


class NoOp(Job, frozen=True):
    """Does nothing."""


class Speed(msgspec.Struct, frozen=True):
    """Jobs by the clock, and by the CPU of the worker's process."""

    per_second: float
    per_cpu_second: float


async def empty_queue(settings: Settings) -> None:
    """Forgets the jobs that the published posts of this run left: each claim would read past all of them."""
    connection = await connect(settings.database)
    try:
        await connection.execute("TRUNCATE jobs")
    finally:
        await connection.close()


async def noop_jobs(settings: Settings) -> Speed:
    """Writes the jobs first, then times one worker until all are done."""
    done = 0
    finished = asyncio.Event()

    async def count(work: Work, job: NoOp) -> None:
        nonlocal done
        done += 1
        if done == _JOBS:
            finished.set()

    registry = Registry(kinds=(JobKind(NoOp, count),))
    pool = await Pool.open(settings.database)
    relay = Relay(settings.database)
    worker = Worker(pool, relay, registry, settings.jobs)
    pool.attach(JobOutbox(registry, TableBus(pool), relay))
    await relay.start()
    try:
        for _ in range(_JOBS // _BATCH):
            async with pool.work() as work:
                for _ in range(_BATCH):
                    work.enqueue(NoOp())
        started, cpu = time.perf_counter(), time.process_time()
        await worker.start()
        await finished.wait()
        speed = Speed(_JOBS / (time.perf_counter() - started), _JOBS / (time.process_time() - cpu))
        await worker.stop()
    finally:
        await relay.stop()
        await pool.close()
    return speed
