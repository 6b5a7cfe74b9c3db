"""Who holds a job: heartbeats, takeover from silent workers, handing back at the end, keys that many write."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from banyan.infra.database.pending import one_statement
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind
from banyan.infra.jobs import metrics, queries
from banyan.infra.jobs.backoff import backoff_seconds
from banyan.infra.jobs.registry import Registry
from banyan.kernel.ids import new_id
from tests.infra.jobs.kinds import (
    QUICK,
    CountThing,
    OtherJob,
    count_jobs,
    do_nothing,
    everything_of,
    registry_of,
    rows_of,
)
from tests.support.eventually import eventually
from tests.support.process import Process, process

Handler = Callable[[Work, CountThing], Awaitable[None]]


def counting(handler: Handler, max_attempts: int = 5) -> Registry:
    return registry_of(JobKind(CountThing, handler, max_attempts=max_attempts))


async def enqueue(made: Process, *things: int, key: str | None = None) -> None:
    async with made.pool.work() as work:
        for thing in things:
            work.enqueue(CountThing(thing), key=key)


async def claim_and_go_silent(made: Process, lease_seconds: float = 0.3) -> list[queries.Claimed]:
    """What a worker leaves behind that is killed right after its claim."""
    return await queries.claim(made.pool, everything_of(made.registry), 100, new_id(), lease_seconds)


async def is_empty(made: Process) -> bool:
    return await count_jobs(made.pool) == 0


async def test_a_long_job_is_kept_by_its_heartbeat(database_settings: DatabaseSettings) -> None:
    starts = 0
    release = asyncio.Event()

    async def long(_work: Work, _job: CountThing) -> None:
        nonlocal starts
        starts += 1
        await release.wait()

    registry = counting(long)
    beating = QUICK.model_copy(update={"lease_seconds": 12})
    async with (
        process(database_settings, registry, beating, works=True) as one,
        process(database_settings, registry, beating, works=True),
    ):
        await enqueue(one, 1)
        await eventually(lambda: starts)
        leases = {row["lease_until"] for row in await rows_of(one.pool)}

        async def is_prolonged() -> bool:
            leases.update(row["lease_until"] for row in await rows_of(one.pool))
            return len(leases) == 3

        await eventually(is_prolonged)
        release.set()
        await eventually(lambda: is_empty(one))
    assert starts == 1


async def test_jobs_of_a_silent_worker_are_taken_over(database_settings: DatabaseSettings) -> None:
    attempts: list[int] = []

    async def note(work: Work, job: CountThing) -> None:
        attempts.append(await work.value("SELECT attempts FROM jobs WHERE payload->>'thing' = $1", str(job.thing)))

    async with process(database_settings, counting(note), QUICK) as made:
        await enqueue(made, 1, 2)
        assert len(await claim_and_go_silent(made, 600)) == 2
        await enqueue(made, 3)
        await made.worker.start()
        await eventually(lambda: attempts)
        assert attempts == [1]
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET lease_until = now() WHERE state = 'running'")
        await eventually(lambda: is_empty(made))
        await made.worker.stop()
    assert attempts == [1, 2, 2]


async def test_a_job_that_kills_its_process_is_given_up(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, counting(do_nothing, max_attempts=1), QUICK) as made:
        await enqueue(made, 1)
        await claim_and_go_silent(made)
        await made.worker.start()

        async def is_dead() -> bool:
            return [row["state"] for row in await rows_of(made.pool)] == ["dead"]

        await eventually(is_dead)
        await made.worker.stop()
        assert "went silent" in (await rows_of(made.pool))[0]["last_error"]


async def test_a_handler_ends_when_its_lease_is_lost(database_settings: DatabaseSettings) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang(_work: Work, _job: CountThing) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    beating = QUICK.model_copy(update={"lease_seconds": 3})
    async with process(database_settings, counting(hang), beating, works=True) as made:
        await enqueue(made, 1)
        await started.wait()
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET lease = $1, lease_until = now() + interval '1 hour'", new_id())
        await ended.wait()
        await eventually(lambda: made.worker.running == 0)
        assert [row["state"] for row in await rows_of(made.pool)] == ["running"]


async def test_a_graceful_stop_finishes_what_runs_and_hands_back_the_rest(database_settings: DatabaseSettings) -> None:
    finished: list[int] = []

    async def take_a_while(work: Work, job: CountThing) -> None:
        await work.write("SELECT 1")
        await asyncio.sleep(0.3)
        finished.append(job.thing)

    settings = QUICK.model_copy(update={"concurrency": 2, "poll_seconds": 30, "lease_seconds": 600})
    async with process(database_settings, counting(take_a_while), settings) as made:
        await enqueue(made, *range(5))
        # As after many quick jobs: a little work is claimed ahead.
        made.worker._mean_seconds = 0.01
        made.worker._settled_at = time.monotonic()
        await made.worker.start()
        await eventually(lambda: made.worker.running == 2)
        assert len(made.worker._held) == 5
        await made.worker.stop()
        rows = await rows_of(made.pool)
    assert len(finished) == 2
    assert [(row["state"], row["attempts"], row["lease"]) for row in rows] == [("waiting", 0, None)] * 3


async def test_a_stop_cuts_short_what_outlasts_the_grace_time(database_settings: DatabaseSettings) -> None:
    async def hang(work: Work, _job: CountThing) -> None:
        await work.write("CREATE TABLE never_there ()")
        await asyncio.Event().wait()

    settings = QUICK.model_copy(update={"stop_grace_seconds": 0.2, "lease_seconds": 600})
    async with process(database_settings, counting(hang), settings) as made:
        await enqueue(made, 1)
        await made.worker.start()
        await eventually(lambda: made.worker.running == 1)
        await made.worker.stop()
        (row,) = await rows_of(made.pool)
        assert (row["state"], row["attempts"]) == ("waiting", 0)


async def test_what_waits_behind_slow_jobs_goes_to_another_worker(database_settings: DatabaseSettings) -> None:
    release = asyncio.Event()
    done: list[int] = []

    async def slow(_work: Work, job: CountThing) -> None:
        await release.wait()
        done.append(job.thing)

    async def quick(_work: Work, job: CountThing) -> None:
        done.append(job.thing)

    crowded = QUICK.model_copy(update={"concurrency": 1})
    async with process(database_settings, counting(slow), crowded) as first:
        await enqueue(first, 1, 2, 3)
        first.worker._mean_seconds = 0.01
        await first.worker.start()
        await eventually(lambda: first.worker.running == 1)
        async with process(database_settings, counting(quick), QUICK, works=True):
            await eventually(lambda: len(done) == 2)
        release.set()
        await eventually(lambda: is_empty(first))
        await first.worker.stop()
    assert done == [2, 3, 1]


async def test_a_failed_job_gives_way_to_a_newer_one_with_its_key(database_settings: DatabaseSettings) -> None:
    done: list[int] = []
    failed = asyncio.Event()

    async def fail_first(work: Work, job: CountThing) -> None:
        if job.thing == 1:
            async with work._pool.connection() as connection:  # somebody enqueues the same work meanwhile
                await connection.execute(
                    "INSERT INTO jobs (id, kind, payload, key, priority, run_at)"
                    " VALUES ($1, 'jobs.CountThing', '{\"thing\": 2}', 'a', 1, now() + interval '1 hour')",
                    new_id(),
                )
            failed.set()
            raise ValueError
        done.append(job.thing)

    async with process(database_settings, counting(fail_first), QUICK, works=True) as made:
        await enqueue(made, 1, key="a")
        await failed.wait()

        async def has_given_way() -> bool:
            return len(await rows_of(made.pool)) == 1

        await eventually(has_given_way)
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET run_at = now()")
        await eventually(lambda: is_empty(made))
    assert done == [2]


async def test_handing_back_gives_way_to_newer_jobs_with_the_same_keys(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, counting(do_nothing), QUICK) as made:
        await enqueue(made, 1, key="a")
        await enqueue(made, 2)
        claimed = await claim_and_go_silent(made)
        await enqueue(made, 3, key="a")
        await queries.hand_back(made.pool, [(job.id, job.lease) for job in claimed])
        rows = await rows_of(made.pool)
    assert [(row["state"], row["payload"]) for row in rows] == [
        ("waiting", '{"thing": 2}'),
        ("waiting", '{"thing": 3}'),
    ]


async def test_a_key_that_is_always_locked_runs_all_the_same(database_settings: DatabaseSettings) -> None:
    """Transactions that enqueue it follow each other without a gap: claims that skip locks would never see it."""
    ran = asyncio.Event()

    async def note(_work: Work, _job: CountThing) -> None:
        ran.set()

    async def hold_in_turn(made: Process) -> None:
        while not ran.is_set():
            async with made.pool.work() as work:
                await work.begin()
                work.enqueue(CountThing(2), key="a")
                assert work._connection is not None
                sql, args = one_statement(await made.outbox.parts(work._connection, work._collected()))
                await work._connection.execute(sql, *args)
                await asyncio.sleep(0.02)

    async with (
        process(database_settings, counting(note)) as writer,
        process(database_settings, counting(note), QUICK) as made,
    ):
        await enqueue(writer, 1, key="a")
        async with writer.pool.work() as work:
            await work.write("UPDATE jobs SET run_at = now() - interval '3 seconds'")
        writers = [asyncio.create_task(hold_in_turn(writer)) for _ in range(3)]
        await asyncio.sleep(0.1)
        await made.worker.start()
        await ran.wait()
        await asyncio.gather(*writers)
        await made.worker.stop()


async def test_a_heartbeat_does_not_wait_for_a_job_that_is_being_finished(
    database_settings: DatabaseSettings,
) -> None:
    async with process(database_settings, counting(do_nothing), QUICK) as made:
        await enqueue(made, 1, 2)
        jobs = await claim_and_go_silent(made, 60)
        async with made.pool.work() as work:
            assert await queries.finish(work, jobs[0].id, jobs[0].lease)
            held = [(job.id, job.lease) for job in jobs]
            gone = new_id()
            lost = await asyncio.wait_for(queries.extend(made.pool, [*held, (gone, gone)], 600), 30)
            assert lost == {gone}
            await work.rollback()
        rows = await rows_of(made.pool)
    assert sorted((row["lease_until"] - rows[0]["lease_until"]).total_seconds() > 500 for row in rows) == [False, True]


async def test_measures(database_settings: DatabaseSettings) -> None:
    registry = registry_of(JobKind(CountThing, do_nothing, max_attempts=1), JobKind(OtherJob, do_nothing))
    async with process(database_settings, registry, QUICK) as made:
        empty = await queries.measure(made.pool, registry.names)
        assert empty == queries.QueueState(0.0, 0, {})
        await enqueue(made, 1, 2)
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET run_at = now() - interval '1 minute' WHERE payload->>'thing' = '1'")
            work.enqueue(OtherJob())
        state = await queries.measure(made.pool, ["jobs.CountThing"])
        assert 59 < state.lag_seconds < 600
        assert state.unknown == {"jobs.OtherJob": 1}
        done = metrics.DONE.labels("jobs.OtherJob")._value.get()
        await made.worker.start()
        await eventually(lambda: is_empty(made))
        await made.worker._measure()
        await made.worker.stop()
    assert metrics.DONE.labels("jobs.OtherJob")._value.get() == done + 1
    assert metrics.LAG._value.get() == 0
    assert metrics.RUNNING._value.get() == 0


@pytest.mark.parametrize("attempts", [1, 2, 12, 1000])
def test_backoff_is_random_below_a_growing_limit(attempts: int) -> None:
    values = [backoff_seconds(attempts, 0.5, 60) for _ in range(200)]
    limit = min(60, 0.5 * 2 ** min(attempts - 1, 30))
    assert 0 <= min(values) < limit / 4
    assert limit / 2 < max(values) <= limit
