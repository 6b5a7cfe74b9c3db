"""Signals and jobs leave with the commit or not at all, in one statement; a key stands for one waiting job."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from banyan.infra.database.pending import one_statement
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.declare import JobKind, Priority, Subscriber
from banyan.infra.jobs import queries
from banyan.infra.jobs.registry import BadDeclaration, Registry
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.infra.jobs.kinds import (
    NOTHING_TO_DO,
    CountThing,
    OtherJob,
    ThingMade,
    count_jobs,
    do_nothing,
    everything_of,
    rows_of,
)
from tests.support.process import Process, process
from tests.support.statements import recorded

COUNT = "jobs.CountThing"


async def claim_all(made: Process) -> list[queries.Claimed]:
    return await queries.claim(made.pool, everything_of(made.registry), 100, new_id(), 30)


async def enqueue(made: Process, thing: int, key: str | None = None, delay_seconds: float | None = None) -> None:
    run_at = None if delay_seconds is None else now() + timedelta(seconds=delay_seconds)
    async with made.pool.work() as work:
        work.enqueue(CountThing(thing), key=key, run_at=run_at)


async def test_a_signal_becomes_one_job_per_subscriber(database_settings: DatabaseSettings) -> None:
    registry = Registry(
        [
            Subscriber(ThingMade, "feed.on_thing", do_nothing, priority=Priority.HIGH),
            Subscriber(ThingMade, "search.on_thing", do_nothing),
        ]
    )
    async with process(database_settings, registry) as made:
        async with made.pool.work() as work:
            work.emit(ThingMade(7))
        rows = await rows_of(made.pool)
    assert [(row["kind"], row["priority"], row["payload"]) for row in rows] == [
        ("feed.on_thing", 0, '{"thing": 7}'),
        ("search.on_thing", 1, '{"thing": 7}'),
    ]
    assert {(row["state"], row["attempts"]) for row in rows} == {("waiting", 0)}


async def test_a_signal_that_nobody_wants_costs_no_statement(database_settings: DatabaseSettings) -> None:
    wanted = False

    async def is_wanted(connection: asyncpg.Connection) -> bool:
        return wanted

    registry = Registry([Subscriber(ThingMade, "webhooks.on_thing", do_nothing, wanted=is_wanted)])
    async with process(database_settings, registry) as made:
        async with recorded(made.pool) as statements, made.pool.work() as work:
            await work.write("SELECT 1")
            work.emit(ThingMade(7))
        assert statements == ["BEGIN", "SELECT 1", "COMMIT"]
        wanted = True
        async with made.pool.work() as work:
            work.emit(ThingMade(8))
        assert [row["payload"] for row in await rows_of(made.pool)] == ['{"thing": 8}']


async def test_only_those_are_woken_for_whom_there_is_a_job(database_settings: DatabaseSettings) -> None:
    registry = Registry(
        kinds=[JobKind(CountThing, do_nothing), JobKind(OtherJob, do_nothing, priority=Priority.OUTGOING)]
    )
    woken: list[str] = []
    async with process(database_settings, registry) as made:
        made.outbox.on_jobs(lambda: woken.append("inner"))
        made.outbox.on_outgoing_jobs(lambda: woken.append("outgoing"))
        async with made.pool.work() as work:
            work.enqueue(CountThing(1))
        async with made.pool.work() as work:
            work.enqueue(OtherJob())
        async with made.pool.work() as work:
            work.emit(ThingMade(1))
    assert woken == ["inner", "outgoing"]


async def test_a_rollback_leaves_no_job(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        with pytest.raises(ZeroDivisionError):
            async with made.pool.work() as work:
                await work.write("SELECT 1")
                work.enqueue(CountThing(1))
                raise ZeroDivisionError
        assert await count_jobs(made.pool) == 0


async def test_a_failing_commit_leaves_neither_the_write_nor_the_job(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        async with made.pool.connection() as connection:
            await connection.execute("CREATE TABLE checked (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(asyncpg.UniqueViolationError):
            async with made.pool.work() as work:
                await work.write("INSERT INTO checked VALUES (1), (1)")
                work.enqueue(CountThing(1))
        assert await count_jobs(made.pool) == 0


async def test_everything_collected_takes_one_statement(database_settings: DatabaseSettings) -> None:
    async def collect_much(made: Process) -> None:
        async with made.pool.work() as work:
            for thing in range(10):
                work.enqueue(CountThing(thing))
                work.enqueue(OtherJob(), key=str(thing))
                work.announce("things", str(thing))
            work.announce("all things")

    async with process(database_settings, NOTHING_TO_DO) as made:
        # The first time a connection also asks what types the arrays have.
        await collect_much(made)
        async with recorded(made.pool) as statements:
            await collect_much(made)
        assert [statement.split()[0] for statement in statements] == ["WITH"]
        assert await count_jobs(made.pool) == 30
        async with made.pool.work() as work:
            messages = await work.rows("SELECT topic, keys FROM bus_messages ORDER BY xid, position")
    assert [tuple(message) for message in messages][-2:] == [("things", ["9"]), ("all things", [])]


async def test_no_statement_notifies_inside_the_transaction(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        async with recorded(made.pool) as statements:
            await enqueue(made, 1)
            await asyncio.sleep(0.1)
        assert not any("notify" in statement.lower() for statement in statements)


async def test_a_signal_without_subscribers_writes_nothing(database_settings: DatabaseSettings) -> None:
    async with process(database_settings) as made:
        async with made.pool.work() as work:
            work.emit(ThingMade(1))
        assert await count_jobs(made.pool) == 0


async def test_a_job_that_nobody_runs_ends_the_transaction(database_settings: DatabaseSettings) -> None:
    async with process(database_settings) as made:
        with pytest.raises(BadDeclaration, match=COUNT):
            await enqueue(made, 1)


async def test_one_waiting_job_per_kind_and_key(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        await enqueue(made, 1, "a")
        await enqueue(made, 2, "a")
        await enqueue(made, 3, "b")
        await enqueue(made, 4)
        await enqueue(made, 5)
        async with made.pool.work() as work:
            work.enqueue(OtherJob(), key="a")
            work.enqueue(CountThing(6), key="c")
            work.enqueue(CountThing(7), key="c")
        rows = await rows_of(made.pool)
    assert sorted((row["kind"], row["key"] or "", row["payload"]) for row in rows) == [
        (COUNT, "", '{"thing": 4}'),
        (COUNT, "", '{"thing": 5}'),
        (COUNT, "a", '{"thing": 1}'),
        (COUNT, "b", '{"thing": 3}'),
        (COUNT, "c", '{"thing": 6}'),
        ("jobs.OtherJob", "a", '{"text": ""}'),
    ]


async def test_of_one_key_the_earliest_time_counts(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        await enqueue(made, 1, "a", delay_seconds=600)
        assert await claim_all(made) == []
        await enqueue(made, 2, "a", delay_seconds=3600)
        await enqueue(made, 3, "a")
        async with made.pool.work() as work:
            work.enqueue(CountThing(4), key="b", run_at=now() + timedelta(hours=1))
            work.enqueue(CountThing(5), key="b")
        assert sorted(job.payload for job in await claim_all(made)) == ['{"thing": 1}', '{"thing": 4}']


async def test_a_running_job_does_not_stand_in_for_a_new_one(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        await enqueue(made, 1, "a")
        assert len(await claim_all(made)) == 1
        await enqueue(made, 2, "a")
        assert [job.payload for job in await claim_all(made)] == ['{"thing": 2}']


async def test_a_job_cannot_start_before_the_commit_that_it_stands_in_for(database_settings: DatabaseSettings) -> None:
    """Else it would miss what that transaction wrote, and no second job would come."""
    async with process(database_settings, NOTHING_TO_DO) as made:
        await enqueue(made, 1, "a")
        async with made.pool.connection() as writer:
            await writer.execute("BEGIN")
            work = made.pool.work()
            work.enqueue(CountThing(2), key="a")
            sql, args = one_statement(await made.outbox.parts(writer, work._collected()))
            await writer.execute(sql, *args)
            assert await claim_all(made) == []
            await writer.execute("COMMIT")
        assert [job.payload for job in await claim_all(made)] == ['{"thing": 1}']


async def test_enqueueing_waits_for_a_claim_under_way(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, NOTHING_TO_DO) as made:
        await enqueue(made, 1, "a")
        async with made.pool.connection() as claimer:
            await claimer.execute("BEGIN")
            await claimer.execute(
                "UPDATE jobs SET state = 'running', lease = $1, lease_until = now(), attempts = 1", new_id()
            )
            late = asyncio.create_task(enqueue(made, 2, "a"))
            await asyncio.sleep(0.05)
            assert not late.done()
            await claimer.execute("COMMIT")
            await late
        rows = await rows_of(made.pool)
    assert [(row["state"], row["payload"]) for row in rows] == [
        ("running", '{"thing": 1}'),
        ("waiting", '{"thing": 2}'),
    ]


async def test_many_writers_of_the_same_keys_do_not_deadlock(database_settings: DatabaseSettings) -> None:
    async def write(made: Process, keys: list[str]) -> None:
        for _ in range(20):
            async with made.pool.work() as work:
                for key in keys:
                    work.enqueue(CountThing(1), key=key)

    async with process(database_settings, NOTHING_TO_DO) as made:
        await asyncio.gather(write(made, ["a", "b", "c"]), write(made, ["c", "b", "a"]), write(made, ["b", "a"]))
        assert await count_jobs(made.pool) == 3
