"""`Work`: reads without a transaction, one transaction from the first write, what leaves with the commit."""

import asyncio
from typing import ClassVar

import asyncpg
import pytest

from banyan.infra.database.errors import DatabaseFull, DatabaseUnavailable, StatementTimedOut, TransactionConflict
from banyan.infra.database.pending import Part, Pending
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Connection
from banyan.kernel.errors import Unauthorized
from banyan.kernel.signals import Job, Signal
from tests.support.eventually import eventually
from tests.support.statements import recorded

INSERT = "INSERT INTO things (id) VALUES ($1) RETURNING id"
PUT = "thing AS (INSERT INTO things (id) VALUES ($1))"


class ThingMade(Signal, frozen=True):
    thing: int


class CountThings(Job, frozen=True):
    thing: int


class RememberedRefusal(Unauthorized):
    keeps_work: ClassVar[bool] = True


class TableOutbox:
    """Writes everything into one table, and remembers when it was told of a commit."""

    def __init__(self) -> None:
        self.told: list[Pending] = []
        self.fails = False

    async def parts(self, connection: Connection, pending: Pending) -> list[Part]:
        if self.fails:
            raise ValueError("cannot be written")
        texts = [repr(item) for item in (*pending.signals, *pending.jobs, *pending.announcements)]
        return [Part("effects AS (INSERT INTO effects SELECT unnest($1::text[]))", (texts,))]

    def committed(self, pending: Pending) -> None:
        self.told.append(pending)


@pytest.fixture(autouse=True)
async def things(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
        await connection.execute("CREATE TABLE effects (what text)")


@pytest.fixture
def outbox(pool: Pool) -> TableOutbox:
    outbox = TableOutbox()
    pool.attach(outbox)
    return outbox


async def count(pool: Pool, table: str = "things") -> int:
    found = await pool.work().value(f"SELECT count(*) FROM {table}")
    assert isinstance(found, int)
    return found


async def test_reads_need_no_transaction(pool: Pool) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        assert await work.value("SELECT $1::int + 1", 1) == 2
        assert [row["n"] for row in await work.rows("SELECT n FROM generate_series(1, 3) n")] == [1, 2, 3]
        assert await work.row("SELECT 1 WHERE false") is None
        assert not work.in_transaction
        assert pool.idle == pool.size
    assert len(statements) == 3


async def test_a_work_without_statements_sends_none(pool: Pool) -> None:
    async with recorded(pool) as statements, pool.work():
        pass
    assert statements == []


async def test_all_from_the_first_write_on_is_one_transaction(pool: Pool) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.value("SELECT 1")
        assert await work.write_value(INSERT, 1) == 1
        assert await work.write_row(INSERT, 2) is not None
        assert [row["id"] for row in await work.write(INSERT, 3)] == [3]
        await work.write_many("INSERT INTO things (id) VALUES ($1)", [(n,) for n in range(4, 7)])
        assert await work.value("SELECT count(*) FROM things") == 6
        assert await count(pool) == 0
    names = [statement.split()[0] for statement in statements]
    assert names == ["SELECT", "BEGIN", "INSERT", "INSERT", "INSERT", "INSERT", "SELECT", "SELECT", "COMMIT"]
    assert await count(pool) == 6
    assert pool.idle == pool.size


async def test_a_copy_belongs_to_the_transaction(pool: Pool) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        async with pool.work() as work:
            await work.copy("things", ["id"], [(1,), (2,)])
            assert await work.value("SELECT count(*) FROM things") == 2
            await work.copy("things", ["id"], [(3,), (1,)])
    assert await count(pool) == 0
    async with pool.work() as work:
        await work.copy("things", ["id"], [(1,), (2,)])
    assert await count(pool) == 2


async def test_begin_opens_the_transaction_for_a_locking_read(pool: Pool) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.begin()
        await work.begin()
        await work.rows("SELECT 1 FROM things FOR UPDATE")
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "SELECT", "COMMIT"]


async def test_an_error_rolls_everything_back(pool: Pool, outbox: TableOutbox) -> None:
    calls: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with pool.work() as work:
            await work.write(INSERT, 1)
            work.emit(ThingMade(1))
            work.after_commit(lambda: calls.append("called"))
            raise ZeroDivisionError
    assert await count(pool) == 0
    assert await count(pool, "effects") == 0
    assert calls == []
    assert pool.idle == pool.size


async def test_a_refusal_that_keeps_its_work_commits(pool: Pool, outbox: TableOutbox) -> None:
    with pytest.raises(RememberedRefusal):
        async with pool.work() as work:
            await work.write(INSERT, 1)
            work.announce("things", "1")
            raise RememberedRefusal
    assert await count(pool) == 1
    assert len(outbox.told) == 1


async def test_what_was_collected_leaves_with_the_commit_in_one_statement(pool: Pool, outbox: TableOutbox) -> None:
    order: list[str] = []
    async with recorded(pool) as statements, pool.work() as work:
        await work.write(INSERT, 1)
        for thing in range(3):
            work.emit(ThingMade(thing))
        work.enqueue(CountThings(1), key="count")
        work.announce("things", "1", "2")
        work.after_commit(lambda: order.append("after"))
        assert outbox.told == []
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "INSERT", "WITH", "COMMIT"]
    assert await count(pool, "effects") == 5
    assert order == ["after"]
    assert [len(pending.signals) for pending in outbox.told] == [3]


async def test_effects_alone_open_a_transaction(pool: Pool, outbox: TableOutbox) -> None:
    async with pool.work() as work:
        work.enqueue(CountThings(1))
    assert await count(pool, "effects") == 1


async def test_an_outbox_that_fails_fails_the_commit(pool: Pool, outbox: TableOutbox) -> None:
    outbox.fails = True
    with pytest.raises(ValueError, match="cannot be written"):
        async with pool.work() as work:
            await work.write(INSERT, 1)
            work.emit(ThingMade(1))
    assert await count(pool) == 0
    assert outbox.told == []
    assert pool.idle == pool.size


async def test_effects_without_an_outbox_are_an_error(pool: Pool) -> None:
    with pytest.raises(RuntimeError, match="no outbox"):
        async with pool.work() as work:
            work.emit(ThingMade(1))


async def test_a_failing_callback_does_not_undo_the_commit(pool: Pool) -> None:
    calls: list[str] = []

    def fail() -> None:
        raise ValueError

    async with pool.work() as work:
        await work.write(INSERT, 1)
        work.after_commit(fail)
        work.after_commit(lambda: calls.append("second"))
    assert await count(pool) == 1
    assert calls == ["second"]


async def test_a_work_can_commit_several_times(pool: Pool) -> None:
    work = pool.work()
    for number in range(3):
        await work.write(INSERT, number)
        await work.commit()
        assert await count(pool) == number + 1
    await work.write(INSERT, 9)
    await work.rollback()
    assert await count(pool) == 3


async def test_a_unique_violation_reaches_the_caller(pool: Pool) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        async with pool.work() as work:
            await work.write(INSERT, 1)
            await work.write(INSERT, 1)
    assert await count(pool) == 0
    assert pool.idle == pool.size


async def test_an_ignored_failure_does_not_look_like_a_commit(pool: Pool) -> None:
    calls: list[str] = []
    work = pool.work()
    work.after_commit(lambda: calls.append("called"))
    await work.write(INSERT, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await work.write(INSERT, 1)
    with pytest.raises(RuntimeError, match="ignored"):
        await work.commit()
    assert await count(pool) == 0
    assert calls == []


async def test_two_tasks_cannot_share_a_work(pool: Pool) -> None:
    work = pool.work()
    results = await asyncio.gather(work.rows("SELECT pg_sleep(0.01)"), work.rows("SELECT 1"), return_exceptions=True)
    assert isinstance(results[0], list)
    assert isinstance(results[1], RuntimeError)
    assert await work.value("SELECT 1") == 1


async def test_rollback_under_a_running_statement_loses_no_connection(pool: Pool) -> None:
    work = pool.work()
    await work.write(INSERT, 1)
    running = asyncio.ensure_future(work.write("SELECT pg_sleep(10)"))
    await asyncio.sleep(0.02)
    await work.rollback()
    with pytest.raises(DatabaseUnavailable):
        await running
    assert await count(pool) == 0
    assert pool.idle == pool.size


async def test_cancelled_in_a_transaction_it_rolls_back_and_stops_the_statement(pool: Pool) -> None:
    async def write() -> None:
        async with pool.work() as work:
            await work.write(INSERT, 1)
            await work.write("SET LOCAL statement_timeout = 0")
            await work.write("SELECT pg_sleep(600)")

    task = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(300):
        # The row's lock is free again: the server did not go on sleeping.
        async with pool.work() as work:
            await work.write(INSERT, 1)
        while pool.idle < pool.size:
            await asyncio.sleep(0.01)
    assert await count(pool) == 1


async def test_a_transaction_that_was_cut_off_cannot_go_on(pool: Pool) -> None:
    work = pool.work()
    await work.write(INSERT, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await work.write("SELECT pg_sleep(10)")
    with pytest.raises(DatabaseUnavailable):
        await work.write(INSERT, 2)
    with pytest.raises(DatabaseUnavailable):
        await work.commit()
    await work.write(INSERT, 3)
    await work.commit()
    assert [row["id"] for row in await work.rows("SELECT id FROM things")] == [3]


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_commit_that_is_cancelled_still_calls_back_when_it_is_done(
    pool: Pool, outbox: TableOutbox, at_once: bool
) -> None:
    await _make_commit_wait_for_a_lock(pool)
    async with pool.connection() as holder:
        await holder.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
        work = pool.work()
        await (work.defer(PUT, 1) if at_once else work.write(INSERT, 1))
        work.emit(ThingMade(1))
        task = asyncio.create_task(work.commit())

        async def is_committing() -> bool:
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            return bool(await holder.fetchval(waits))

        await eventually(is_committing)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert outbox.told == []
        await holder.execute("COMMIT")
    await eventually(lambda: outbox.told)
    await eventually(lambda: pool.idle == pool.size)


async def test_first_runs_at_the_head_of_the_transaction(pool: Pool) -> None:
    async def claim(connection: Connection) -> None:
        await connection.execute("INSERT INTO effects VALUES ('claimed')")

    async with recorded(pool) as statements:
        work = pool.work()
        work.first(claim)
        await work.value("SELECT 1")
        await work.write(INSERT, 1)
        await work.commit()
        await work.write(INSERT, 2)
        await work.commit()
    names = [statement.split()[0] for statement in statements]
    assert names == ["SELECT", "BEGIN", "INSERT", "INSERT", "COMMIT", "BEGIN", "INSERT", "COMMIT"]


async def test_a_first_statement_that_fails_leaves_nothing_behind(pool: Pool) -> None:
    async def refuse(connection: Connection) -> None:
        raise RememberedRefusal

    work = pool.work()
    work.first(refuse)
    with pytest.raises(RememberedRefusal):
        await work.write(INSERT, 1)
    await work.rollback()
    assert await count(pool) == 0
    assert pool.idle == pool.size


async def test_last_runs_at_the_end_of_the_transaction_it_was_asked_for(pool: Pool, outbox: TableOutbox) -> None:
    async def note(connection: Connection) -> None:
        await connection.execute("INSERT INTO effects VALUES ('last')")

    async with recorded(pool) as statements:
        work = pool.work()
        work.last(note)
        work.emit(ThingMade(1))
        await work.write(INSERT, 1)
        await work.commit()
        await work.write(INSERT, 2)
        work.last(note)
        await work.rollback()
        await work.commit()
    names = [statement.split("'")[1] if "'" in statement else statement.split()[0] for statement in statements]
    assert names[:2] == ["BEGIN", "INSERT"]
    assert names[-5:] == ["last", "COMMIT", "BEGIN", "INSERT", "ROLLBACK"]
    assert pool.idle == pool.size


async def test_last_alone_is_a_transaction_and_its_error_ends_it(pool: Pool) -> None:
    async def refuse(connection: Connection) -> None:
        raise RememberedRefusal

    work = pool.work()
    work.last(refuse)
    with pytest.raises(RememberedRefusal):
        await work.commit()
    assert not work.has_changes
    assert pool.idle == pool.size


async def test_a_deferred_write_is_one_statement_with_what_leaves_with_it(pool: Pool, outbox: TableOutbox) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.defer(PUT, 1)
        work.join(Part("noted AS (INSERT INTO effects SELECT $1::text || $2)", ("join", "ed")))
        work.emit(ThingMade(1))
        assert work.has_changes
        assert not work.in_transaction
        assert await count(pool) == 0
    assert [statement.split()[0] for statement in statements] == ["SELECT", "WITH"]
    assert (await count(pool), await count(pool, "effects"), len(outbox.told)) == (1, 2, 1)
    assert pool.idle == pool.size


async def test_a_deferred_write_is_sent_before_what_follows_it(pool: Pool, outbox: TableOutbox) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.defer(PUT, 1)
        assert await work.value("SELECT count(*) FROM things") == 1
        await work.defer(PUT, 2)
        await work.defer(PUT, 3)
        work.emit(ThingMade(1))
    names = [statement.split()[0] for statement in statements]
    assert names == ["BEGIN", "WITH", "SELECT", "WITH", "WITH", "COMMIT"]
    assert (await count(pool), await count(pool, "effects")) == (3, 1)


async def test_a_deferred_write_that_is_refused_leaves_nothing(pool: Pool, outbox: TableOutbox) -> None:
    work = pool.work()
    await work.defer(PUT, 1)
    await work.rollback()
    await work.commit()
    await work.defer(f"{PUT}, again AS (INSERT INTO things (id) VALUES ($1))", 2)
    work.emit(ThingMade(1))
    with pytest.raises(asyncpg.UniqueViolationError):
        await work.commit()
    assert not work.has_changes
    assert (await count(pool), await count(pool, "effects"), outbox.told) == (0, 0, [])
    assert pool.idle == pool.size


async def test_a_statement_that_commits_itself_is_tried_again_after_a_deadlock(pool: Pool, outbox: TableOutbox) -> None:
    await _fail_once(pool, "deadlock_detected")
    async with recorded(pool) as statements, pool.work() as work:
        await work.defer("thing AS (INSERT INTO things (id, name) VALUES ($1, fail_once()))", 1)
        work.emit(ThingMade(1))
    assert [statement.split()[0] for statement in statements] == ["WITH", "WITH"]
    assert (await count(pool), await count(pool, "effects"), len(outbox.told)) == (1, 1, 1)


async def test_a_deadlock_answers_unavailable(pool: Pool) -> None:
    async with pool.work() as work:
        await work.write(INSERT, 1)
        await work.write(INSERT, 2)

    both = asyncio.Barrier(2)

    async def lock_both(first: int, second: int) -> None:
        async with pool.work() as work:
            await work.write("SELECT 1 FROM things WHERE id = $1 FOR UPDATE", first)
            await both.wait()
            await work.write("SELECT 1 FROM things WHERE id = $1 FOR UPDATE", second)

    results = await asyncio.gather(lock_both(1, 2), lock_both(2, 1), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [TransactionConflict]
    assert pool.idle == pool.size


async def test_the_first_statement_of_a_transaction_is_tried_again_after_a_deadlock(pool: Pool) -> None:
    await _fail_once(pool, "deadlock_detected")
    async with recorded(pool) as statements, pool.work() as work:
        assert await work.write_value("SELECT fail_once()") == "fine"
    assert " ".join(each.split()[0] for each in statements) == "BEGIN SELECT ROLLBACK BEGIN SELECT COMMIT"


async def test_a_later_statement_is_not_tried_again(pool: Pool) -> None:
    await _fail_once(pool, "serialization_failure")
    with pytest.raises(TransactionConflict) as refusal:
        async with pool.work() as work:
            await work.write(INSERT, 1)
            await work.write_value("SELECT fail_once()")
    assert refusal.value.retry_after_seconds == 1
    assert await count(pool) == 0


async def test_a_slow_statement_is_cancelled_by_the_server(pool: Pool) -> None:
    async with pool.connection() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "1min"

    with pytest.raises(StatementTimedOut) as refusal:
        async with pool.work() as work:
            await work.write("SET LOCAL statement_timeout = '200ms'")
            await work.rows("SELECT pg_sleep(10)")
    assert (refusal.value.code, refusal.value.retry_after_seconds) == ("timeout", 5)
    assert pool.idle == pool.size


async def test_a_full_disk_is_said_to_whoever_writes(pool: Pool) -> None:
    await _fail_once(pool, "disk_full")
    with pytest.raises(DatabaseFull) as refusal:
        async with pool.work() as work:
            await work.write_value("SELECT fail_once()")
    assert (refusal.value.status, refusal.value.retry_after_seconds) == (503, 30)
    assert pool.idle == pool.size


async def _make_commit_wait_for_a_lock(pool: Pool) -> None:
    """A deferred trigger runs inside COMMIT."""
    async with pool.connection() as connection:
        await connection.execute("""
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION dawdle();
        """)


async def _fail_once(pool: Pool, condition: str) -> None:
    """A function that fails at its first call: a sequence remembers calls over a rollback."""
    async with pool.connection() as connection:
        await connection.execute(f"""
            CREATE SEQUENCE calls;
            CREATE FUNCTION fail_once() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('calls') = 1 THEN RAISE {condition}; END IF;
                RETURN 'fine';
            END $$;
        """)
