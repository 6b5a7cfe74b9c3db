"""Workers and the server are killed at any moment: no job is lost, and each has its effect exactly once."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process as Subprocess

import pytest
from pydantic import SecretStr

from banyan.infra.database.errors import OutcomeUnknown
from banyan.infra.database.migrate import migrate
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.kernel.errors import Unavailable
from tests.infra.jobs.kinds import CountThing, count_jobs
from tests.infra.jobs.working import SHORT_LEASES, registry
from tests.support.eventually import eventually
from tests.support.postgres import Cluster
from tests.support.process import Process, process

KILLS = 12


class Writer:
    """Enqueues one thing after the other and remembers what was acknowledged."""

    def __init__(self, made: Process) -> None:
        self.acknowledged: list[int] = []
        self.uncertain: list[int] = []
        self.ended = False
        self._made = made

    async def run(self) -> None:
        thing = 0
        while not self.ended:
            thing += 1
            try:
                async with self._made.pool.work() as work:
                    work.enqueue(CountThing(thing))
                self.acknowledged.append(thing)
            except OutcomeUnknown:
                self.uncertain.append(thing)
            except Unavailable:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.005)


async def check_effects(pool: Pool, writer: Writer) -> None:
    """Every acknowledged job and its follower once; one of unknown outcome wholly or not at all."""
    async with pool.work() as work:
        rows = await work.rows("SELECT thing FROM effects")
        dead = await work.value("SELECT count(*) FROM jobs WHERE state = 'dead'")
    effects = sorted(row["thing"] for row in rows)
    done = {thing for thing in effects if thing > 0}
    assert dead == 0
    assert done - set(writer.uncertain) == set(writer.acknowledged)
    assert effects == sorted([*done, *(-thing for thing in done)])


async def start_worker(url: str) -> Subprocess:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.jobs.working", url, stdout=PIPE, stderr=None
    )
    assert worker.stdout is not None
    assert (await worker.stdout.readline()).strip() == b"working"
    return worker


@pytest.mark.usefixtures("effects")
async def test_workers_killed_at_random_points(database_settings: DatabaseSettings, database_url: str) -> None:
    async with process(database_settings, registry(), SHORT_LEASES) as made:
        writer = Writer(made)
        writing = asyncio.create_task(writer.run())
        for _ in range(KILLS // 2):
            # Two at a time: they also take over from each other.
            workers = await asyncio.gather(start_worker(database_url), start_worker(database_url))
            for worker in workers:
                await asyncio.sleep(random.uniform(0, 0.15))
                worker.send_signal(signal.SIGKILL)
                await worker.wait()
        written = len(writer.acknowledged)
        await eventually(lambda: len(writer.acknowledged) > max(written, 100))
        writer.ended = True
        await writing
        assert await count_jobs(made.pool) > 0
        await made.worker.start()

        async def is_empty() -> bool:
            return await count_jobs(made.pool) == 0

        await eventually(is_empty)
        await made.worker.stop()
        await check_effects(made.pool, writer)


async def test_the_server_stops_and_crashes_under_work(durable_cluster: Cluster) -> None:
    settings = DatabaseSettings(url=SecretStr(durable_cluster.url("postgres")), pool_size=4, acquire_timeout_seconds=1)
    await migrate(settings)
    async with process(settings, registry(), SHORT_LEASES, works=True) as made:
        async with made.pool.connection() as connection:
            await connection.execute("CREATE TABLE effects (thing int NOT NULL)")
        writer = Writer(made)
        writing = asyncio.create_task(writer.run())
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGQUIT):
            before = len(writer.acknowledged)
            await eventually(lambda before=before: len(writer.acknowledged) > before + 20)  # type: ignore[misc]
            await asyncio.to_thread(durable_cluster.stop, how)
            # Longer than callers wait: workers and writers meet refusals, not only a pause.
            await asyncio.sleep(1.5)
            await asyncio.to_thread(durable_cluster.start)
        before = len(writer.acknowledged)
        await eventually(lambda: len(writer.acknowledged) > before + 20)
        writer.ended = True
        await writing

        async def is_empty() -> bool:
            return await count_jobs(made.pool) == 0

        await eventually(is_empty)
        await eventually(lambda: made.relay.connected)
        await check_effects(made.pool, writer)
