"""Running jobs: once each, side by side, tried again, given up, and never one at the expense of another."""

import asyncio

import pytest
from structlog.testing import capture_logs

from banyan.infra.database.errors import OutcomeUnknown
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind, Priority
from banyan.infra.jobs import metrics, queries
from banyan.infra.jobs.settings import JobsSettings
from banyan.infra.jobs.worker import Worker
from banyan.kernel.ids import new_id
from banyan.kernel.signals import Job
from tests.infra.jobs.kinds import (
    QUICK,
    CountThing,
    OtherJob,
    count_jobs,
    do_nothing,
    registry_of,
    rows_of,
)
from tests.support.eventually import eventually
from tests.support.process import Process, process


async def write_effect(work: Work, job: CountThing) -> None:
    await work.write("INSERT INTO effects VALUES ($1)", job.thing)


async def enqueue(made: Process, *jobs: Job) -> None:
    async with made.pool.work() as work:
        for job in jobs:
            work.enqueue(job)


async def all_effects(pool: Pool) -> list[int]:
    async with pool.work() as work:
        rows = await work.rows("SELECT thing FROM effects ORDER BY thing")
    return [row["thing"] for row in rows]


async def is_empty(made: Process) -> bool:
    return await count_jobs(made.pool) == 0


@pytest.mark.usefixtures("effects")
async def test_each_job_has_its_effect_once_and_is_gone(database_settings: DatabaseSettings) -> None:
    registry = registry_of(JobKind(CountThing, write_effect), JobKind(OtherJob, do_nothing))
    async with process(database_settings, registry, QUICK, works=True) as made:
        await enqueue(made, *(CountThing(thing) for thing in range(50)), *(OtherJob() for _ in range(300)))
        await eventually(lambda: is_empty(made))
        assert await all_effects(made.pool) == list(range(50))


@pytest.mark.usefixtures("effects")
async def test_two_workers_share_the_queue_without_doubling(database_settings: DatabaseSettings) -> None:
    ran = [0, 0]
    both = asyncio.Event()

    def counting(worker: int) -> JobKind[CountThing]:
        async def handler(work: Work, job: CountThing) -> None:
            ran[worker] += 1
            if all(ran):
                both.set()
            await both.wait()
            await write_effect(work, job)

        return JobKind(CountThing, handler)

    settings = QUICK.model_copy(update={"batch": 10})
    async with (
        process(database_settings, registry_of(counting(0)), settings, works=True) as one,
        process(database_settings, registry_of(counting(1)), settings, works=True),
    ):
        await enqueue(one, *(CountThing(thing) for thing in range(400)))
        await eventually(lambda: is_empty(one))
        assert await all_effects(one.pool) == list(range(400))
    assert sum(ran) == 400


async def test_new_jobs_start_at_once_in_this_process_and_in_others(database_settings: DatabaseSettings) -> None:
    started: list[int] = []

    async def note(_work: Work, job: CountThing) -> None:
        started.append(job.thing)

    patient = JobsSettings(poll_seconds=600)
    registry = registry_of(JobKind(CountThing, note))
    async with process(database_settings, registry, patient, works=True) as worker:
        await asyncio.sleep(0.2)
        await enqueue(worker, CountThing(1))
        await eventually(lambda: started)
        async with process(database_settings, registry) as other:
            await eventually(lambda: other.relay.connected and worker.relay.connected)
            await enqueue(other, CountThing(2))
            await eventually(lambda: len(started) == 2)


@pytest.mark.usefixtures("effects")
async def test_what_a_worker_writes_after_it_lost_the_lease_is_undone(database_settings: DatabaseSettings) -> None:
    taken = asyncio.Event()
    starts = 0

    async def slow(work: Work, job: CountThing) -> None:
        nonlocal starts
        starts += 1
        await write_effect(work, job)
        if starts == 1:
            async with work._pool.connection() as thief:  # another worker's claim
                await thief.execute("UPDATE jobs SET lease = $1, lease_until = now() + interval '1 hour'", new_id())
            taken.set()

    lost = metrics.LOST._value.get()
    async with process(database_settings, registry_of(JobKind(CountThing, slow)), QUICK, works=True) as made:
        await enqueue(made, CountThing(1))
        await taken.wait()
        await eventually(lambda: metrics.LOST._value.get() == lost + 1)
        assert await all_effects(made.pool) == []
        assert [row["state"] for row in await rows_of(made.pool)] == ["running"]
        # The thief never answers: the job is taken over once its lease has run out.
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET lease_until = now()")
        await eventually(lambda: is_empty(made))
        assert await all_effects(made.pool) == [1]


async def test_a_failing_job_is_tried_again_then_given_up_and_others_are_not_touched(
    database_settings: DatabaseSettings,
) -> None:
    tries: list[int] = []

    async def fail(work: Work, job: CountThing) -> None:
        tries.append(job.thing)
        await work.write("CREATE TABLE never_there ()")
        raise ValueError("no such thing: \0 card 4711")

    registry = registry_of(JobKind(CountThing, fail, max_attempts=3), JobKind(OtherJob, do_nothing))
    with capture_logs() as logs:
        async with process(database_settings, registry, QUICK, works=True) as made:
            await enqueue(made, CountThing(1), *(OtherJob() for _ in range(20)))

            async def is_dead() -> bool:
                return [row["state"] for row in await rows_of(made.pool)] == ["dead"]

            await eventually(is_dead)
            (dead,) = await rows_of(made.pool)
            async with made.pool.work() as work:
                assert await work.value("SELECT to_regclass('never_there')") is None
    assert tries == [1, 1, 1]
    assert (dead["attempts"], dead["lease"]) == (3, None)
    assert dead["last_error"] == "ValueError: no such thing:  card 4711"
    # Messages quote what people wrote: the log gets the place only.
    assert "4711" not in str(logs)
    assert any(entry["event"] == "job given up" and entry["kind"] == "jobs.CountThing" for entry in logs)


async def test_a_failure_waits_longer_from_try_to_try(database_settings: DatabaseSettings) -> None:
    async def fail(_work: Work, _job: CountThing) -> None:
        raise ValueError

    slow = QUICK.model_copy(update={"backoff_base_seconds": 1e8, "backoff_cap_seconds": 2e8})
    async with process(database_settings, registry_of(JobKind(CountThing, fail)), slow, works=True) as made:
        await enqueue(made, *(CountThing(thing) for thing in range(20)))

        async def all_wait() -> bool:
            return all(row["attempts"] == 1 and row["state"] == "waiting" for row in await rows_of(made.pool))

        await eventually(all_wait)
        async with made.pool.work() as work:
            delays = [
                row["delay"]
                for row in await work.rows("SELECT extract(epoch FROM run_at - now())::float8 AS delay FROM jobs")
            ]
    # Full jitter: spread over the whole time, not around its end.
    assert 0 < max(delays) <= 1e8
    assert min(delays) < 0.5e8


@pytest.mark.usefixtures("effects")
async def test_a_try_that_takes_too_long_is_undone(database_settings: DatabaseSettings) -> None:
    async def hang(work: Work, job: CountThing) -> None:
        await write_effect(work, job)
        await asyncio.Event().wait()

    kind = JobKind(CountThing, hang, max_attempts=2, timeout_seconds=0.5)
    async with process(database_settings, registry_of(kind), QUICK, works=True) as made:
        await enqueue(made, CountThing(1))

        async def is_dead() -> bool:
            return [row["state"] for row in await rows_of(made.pool)] == ["dead"]

        await eventually(is_dead)
        assert (await rows_of(made.pool))[0]["last_error"].startswith("TimeoutError")
        assert await all_effects(made.pool) == []


async def test_an_unknown_kind_is_left_to_another_version_and_reported(database_settings: DatabaseSettings) -> None:
    newer = registry_of(JobKind(CountThing, do_nothing), JobKind(OtherJob, do_nothing))
    older = registry_of(JobKind(OtherJob, do_nothing))
    async with process(database_settings, newer) as writer:
        await enqueue(writer, CountThing(1), OtherJob())
        async with process(database_settings, older, QUICK, works=True) as worker:

            async def only_the_unknown_one_is_left() -> bool:
                return [row["kind"] for row in await rows_of(worker.pool)] == ["jobs.CountThing"]

            await eventually(only_the_unknown_one_is_left)
            worker.worker._strangers.clear()
            with capture_logs() as logs:
                await worker.worker._measure()
                await worker.worker._measure()
        (row,) = await rows_of(writer.pool)
    assert (row["state"], row["attempts"]) == ("waiting", 0)
    assert [entry["kind"] for entry in logs] == ["jobs.CountThing"]
    assert metrics.UNKNOWN._value.get() == 1


async def test_payloads_of_other_versions(database_settings: DatabaseSettings) -> None:
    """A field with a default may be missing, an unknown one is ignored; what does not fit becomes a dead letter."""
    texts: list[str] = []

    async def note(_work: Work, job: OtherJob) -> None:
        texts.append(job.text)

    registry = registry_of(JobKind(OtherJob, note), JobKind(CountThing, do_nothing, max_attempts=1))
    async with process(database_settings, registry, QUICK) as made:
        await enqueue(made, OtherJob("old"), OtherJob("new"), CountThing(1))
        async with made.pool.work() as work:
            await work.write("""UPDATE jobs SET payload = '{}' WHERE payload->>'text' = 'old'""")
            await work.write("""UPDATE jobs SET payload = payload || '{"more": 1}' WHERE payload->>'text' = 'new'""")
            await work.write("""UPDATE jobs SET payload = '{"thing": "x"}' WHERE kind = 'jobs.CountThing'""")
        await made.worker.start()

        async def is_settled() -> bool:
            return [row["state"] for row in await rows_of(made.pool)] == ["dead"]

        await eventually(is_settled)
        await made.worker.stop()
    assert sorted(texts) == ["", "new"]


async def test_higher_priority_first_then_the_longest_due(database_settings: DatabaseSettings) -> None:
    order: list[str] = []

    async def count(_work: Work, job: CountThing) -> None:
        order.append(f"low {job.thing}")

    async def other(_work: Work, job: OtherJob) -> None:
        order.append(f"high {job.text}")

    registry = registry_of(
        JobKind(CountThing, count, priority=Priority.LOW), JobKind(OtherJob, other, priority=Priority.HIGH)
    )
    alone = QUICK.model_copy(update={"concurrency": 1})
    async with process(database_settings, registry, alone) as made:
        await enqueue(made, CountThing(1), CountThing(2), OtherJob("1"), OtherJob("2"))
        async with made.pool.work() as work:
            await work.write("UPDATE jobs SET run_at = run_at - interval '1 hour' WHERE payload->>'thing' = '2'")
            await work.write("UPDATE jobs SET run_at = run_at - interval '1 minute' WHERE payload->>'text' = '2'")
        await made.worker.start()
        await eventually(lambda: len(order) == 4)
        await made.worker.stop()
    assert order == ["high 2", "high 1", "low 2", "low 1"]


async def test_a_crowd_of_quick_jobs_is_claimed_in_few_statements(database_settings: DatabaseSettings) -> None:
    registry = registry_of(JobKind(OtherJob, do_nothing))
    async with process(database_settings, registry, QUICK) as made:
        await enqueue(made, *(OtherJob() for _ in range(2000)))
        claims = 0
        original = queries.claim

        async def counted(*args: object) -> list[queries.Claimed]:
            nonlocal claims
            claims += 1
            return await original(*args)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queries, "claim", counted)
            await made.worker.start()
            await eventually(lambda: is_empty(made))
            await made.worker.stop()
    # The slower they are, the fewer are claimed ahead; five at a time would make 400.
    assert claims < 200


async def test_jobs_that_wait_for_others_hold_up_nobody(database_settings: DatabaseSettings) -> None:
    """More of them than one worker runs at once: the others are done by a worker that leaves them alone."""
    answered = asyncio.Event()
    order: list[str] = []

    async def wait_for_others(work: Work, job: OtherJob) -> None:
        await answered.wait()
        order.append("outgoing")

    async def count(work: Work, job: CountThing) -> None:
        order.append("inner")

    registry = registry_of(
        JobKind(CountThing, count), JobKind(OtherJob, wait_for_others, priority=Priority.OUTGOING, max_attempts=1)
    )
    async with process(database_settings, registry, QUICK) as made:
        inner = Worker(made.pool, made.relay, registry, QUICK, set(Priority) - {Priority.OUTGOING})
        outgoing = Worker(made.pool, made.relay, registry, QUICK, {Priority.OUTGOING}, concurrency=2)
        await enqueue(made, *(OtherJob() for _ in range(10)), CountThing(1), CountThing(2))
        await outgoing.start()
        await inner.start()
        await eventually(lambda: order == ["inner", "inner"] and outgoing.running == 2)
        answered.set()
        await eventually(lambda: is_empty(made))
        await asyncio.gather(inner.stop(), outgoing.stop())
    assert order.count("outgoing") == 10


@pytest.mark.usefixtures("effects")
async def test_a_commit_of_unknown_outcome_is_tried_again_only_if_it_failed(
    database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while COMMIT is under way: the job is gone with its effect, or both are still to come."""
    original = Work._commit
    broken = False

    async def commit_and_lose_the_answer(work: Work) -> None:
        nonlocal broken
        wrote = work._connection is not None and not broken
        await original(work)
        if wrote:
            broken = True
            raise OutcomeUnknown

    async with process(database_settings, registry_of(JobKind(CountThing, write_effect)), QUICK) as made:
        await enqueue(made, CountThing(1))
        monkeypatch.setattr(Work, "_commit", commit_and_lose_the_answer)
        await made.worker.start()
        await eventually(lambda: broken)
        await asyncio.sleep(0.3)
        await made.worker.stop()
        assert await is_empty(made)
        assert await all_effects(made.pool) == [1]


async def test_a_full_queue_is_never_read_from_end_to_end(database_settings: DatabaseSettings) -> None:
    """Vacuum makes an empty queue look free to scan, and a plan made then would be kept while it fills up."""
    registry = registry_of(JobKind(OtherJob, do_nothing), JobKind(CountThing, write_nothing_to_keep))

    async def rows_scanned(made: Process) -> int:
        async with made.pool.connection() as connection:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            count: int = await connection.fetchval(
                "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'jobs'"
            )
        return count

    async with process(database_settings, registry, QUICK, works=True) as made:
        # Enough of each for the server to settle on a plan, and the last time right after a vacuum.
        for _ in range(8):
            async with made.pool.connection() as connection:
                await connection.execute("VACUUM ANALYZE jobs")
            await enqueue(made, *(CountThing(1) for _ in range(8)), OtherJob())
            await eventually(lambda: is_empty(made))
        await asyncio.sleep(0.5)
        before = await rows_scanned(made)
        await enqueue(made, *(CountThing(thing) for thing in range(100)), *(OtherJob() for _ in range(3000)))
        await eventually(lambda: not made.worker._held and made.worker.running == 0)
        await asyncio.sleep(0.3)
        after = await rows_scanned(made)
    # Looking whether the queue is empty reads a few, and what was read before may be reported late; one statement
    # that reads all of the queue reads 3,100.
    assert after - before < 1_500


async def write_nothing_to_keep(work: Work, _job: CountThing) -> None:
    await work.begin()
