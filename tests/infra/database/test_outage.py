"""What callers notice when PostgreSQL goes away: 503 with a time to retry, and then nothing."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from banyan.infra.database.errors import DatabaseUnavailable, OutcomeUnknown, TransactionConflict
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.kernel.errors import Unavailable
from tests.support.eventually import eventually
from tests.support.postgres import Cluster

INSERT = "INSERT INTO marks (id) VALUES ($1)"


@pytest.fixture
async def own_pool(own_cluster: Cluster) -> AsyncIterator[Pool]:
    """A pool on a server that the test may stop."""
    pool = await Pool.open(
        DatabaseSettings(url=SecretStr(own_cluster.url("postgres")), pool_size=4, acquire_timeout_seconds=60)
    )
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE marks (id int PRIMARY KEY, note text)")
    yield pool
    await pool.close(1)


class Load:
    """Tasks that read and write without a pause, and what became of it."""

    def __init__(self, pool: Pool) -> None:
        self.reads = 0
        self.committed: set[int] = set()
        self.unknown: set[int] = set()
        self.refusals: Counter[str] = Counter()
        self._pool = pool
        self._running = True
        self._next = 0

    def end(self) -> None:
        self._running = False

    async def read(self) -> None:
        while self._running:
            try:
                await self._pool.work().value("SELECT count(*) FROM marks WHERE id = $1", 1)
                self.reads += 1
            except Unavailable as error:
                await self._refused(error)

    async def write(self) -> None:
        while self._running:
            self._next += 1
            mark = self._next
            try:
                async with self._pool.work() as work:
                    await work.write(INSERT, mark)
                    await work.rows("SELECT 1 FROM pg_sleep(0.002)")
                self.committed.add(mark)
            except OutcomeUnknown as error:
                self.unknown.add(mark)
                await self._refused(error)
            except Unavailable as error:
                await self._refused(error)

    async def _refused(self, error: Unavailable) -> None:
        assert error.retry_after_seconds is not None
        self.refusals[error.code] += 1
        await asyncio.sleep(0.01)


async def test_a_restart_under_load_heals_by_itself(own_cluster: Cluster, own_pool: Pool) -> None:
    load = Load(own_pool)
    tasks = [asyncio.create_task(load.read()) for _ in range(8)] + [asyncio.create_task(load.write()) for _ in range(4)]
    await eventually(lambda: len(load.committed) > 10)
    await asyncio.to_thread(own_cluster.restart)
    reads, writes = load.reads, len(load.committed)
    await eventually(lambda: load.reads > reads + 50 and len(load.committed) > writes + 10)
    load.end()
    await asyncio.gather(*tasks)
    # Work that held a transaction was refused; work that had not begun was served after a wait.
    assert set(load.refusals) <= {"database_unavailable", "outcome_unknown"}
    assert sum(load.refusals.values()) <= 8
    stored = {row["id"] for row in await own_pool.work().rows("SELECT id FROM marks")}
    assert load.committed <= stored <= load.committed | load.unknown
    assert own_pool.waiting == 0
    assert own_pool.size <= 4


async def test_a_backend_killed_in_mid_load_loses_nothing_acknowledged(own_cluster: Cluster, own_pool: Pool) -> None:
    load = Load(own_pool)
    tasks = [asyncio.create_task(load.read()) for _ in range(4)] + [asyncio.create_task(load.write()) for _ in range(2)]
    for _ in range(2):
        committed = len(load.committed)
        await eventually(lambda committed=committed: len(load.committed) > committed + 10)  # type: ignore[misc]
        try:
            pid = await own_pool.work().value("SELECT pg_backend_pid()")
        except Unavailable:
            continue
        # The server ends all other sessions and recovers from its log.
        os.kill(pid, signal.SIGKILL)
    begun = load._next
    await eventually(lambda: max(load.committed) > begun + 10)
    load.end()
    await asyncio.gather(*tasks)
    stored = {row["id"] for row in await own_pool.work().rows("SELECT id FROM marks")}
    assert load.committed <= stored <= load.committed | load.unknown


async def test_a_long_outage_is_answered_at_once_and_ends_by_itself(own_cluster: Cluster) -> None:
    patience_seconds = 1.5
    pool = await Pool.open(
        DatabaseSettings(url=SecretStr(own_cluster.url("postgres")), acquire_timeout_seconds=patience_seconds)
    )
    own_cluster.stop()
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await pool.work().value("SELECT 1")
    assert time.monotonic() - started > patience_seconds * 0.9
    await asyncio.sleep(0.1)
    started = time.monotonic()
    for _ in range(100):
        with pytest.raises(DatabaseUnavailable) as refusal:
            await pool.work().value("SELECT 1")
        assert refusal.value.retry_after_seconds is not None
    # Far less than their patience together.
    assert time.monotonic() - started < 100 * patience_seconds / 2
    assert pool.down_seconds > patience_seconds
    own_cluster.start()
    await eventually(lambda: not pool.down_seconds)
    assert await pool.work().value("SELECT 1") == 1
    await pool.close(1)


async def test_prepared_statements_survive_a_restart(own_cluster: Cluster, own_pool: Pool) -> None:
    async def use() -> list[int]:
        async with own_pool.work() as work:
            await work.write("INSERT INTO marks (id) VALUES ((SELECT count(*) FROM marks)) RETURNING id")
            return [row["id"] for row in await work.rows("SELECT id FROM marks WHERE id >= $1 ORDER BY id", 0)]

    assert await use() == [0]
    assert await use() == [0, 1]
    own_cluster.restart()
    # The first statement meets a dead connection and is sent again on a new one.
    assert await use() == [0, 1, 2]
    assert await own_pool.work().value("SELECT count(*) FROM marks WHERE id >= $1", 0) == 3


async def test_a_session_ended_by_the_server_is_replaced(own_pool: Pool) -> None:
    victim = own_pool.work()
    await victim.write(INSERT, 1)
    idle = await own_pool.work().value("SELECT pg_backend_pid()")
    async with own_pool.connection() as first, own_pool.connection() as second:
        admin = second if first.get_server_pid() == idle else first
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert await own_pool.work().value("SELECT 1") == 1
    with pytest.raises(DatabaseUnavailable):
        await victim.write(INSERT, 2)
    with pytest.raises(DatabaseUnavailable):
        await victim.commit()
    assert await own_pool.work().value("SELECT count(*) FROM marks") == 0


async def test_a_commit_whose_connection_dies_says_that_it_does_not_know(own_pool: Pool) -> None:
    await _make_commit_deadly(own_pool)
    hints: list[str] = []
    work = own_pool.work()
    await work.write(INSERT, 1)
    work.after_commit(lambda: hints.append("given"))
    with pytest.raises(OutcomeUnknown) as refusal:
        await work.commit()
    assert (refusal.value.status, refusal.value.retry_after_seconds) == (503, 1)
    # It may have been committed: whoever only drops cached values had better do so.
    assert hints == ["given"]
    assert await own_pool.work().value("SELECT count(*) FROM marks") == 0


async def test_a_statement_that_commits_itself_survives_a_restart(own_cluster: Cluster, own_pool: Pool) -> None:
    async def use() -> None:
        async with own_pool.work() as work:
            await work.defer("mark AS (INSERT INTO marks (id) VALUES ((SELECT count(*) FROM marks)))")

    await use()
    await asyncio.to_thread(own_cluster.restart)
    await use()
    assert await own_pool.work().value("SELECT count(*) FROM marks") == 2


async def test_a_statement_whose_session_is_killed_says_that_it_does_not_know(own_pool: Pool) -> None:
    await _make_commit_deadly(own_pool)
    hints: list[str] = []
    work = own_pool.work()
    await work.defer("mark AS (INSERT INTO marks (id) VALUES ($1))", 1)
    work.after_commit(lambda: hints.append("given"))
    # Ended in good order it is tried once more; then nobody knows.
    with pytest.raises(OutcomeUnknown):
        await work.commit()
    assert hints == ["given"]
    assert await own_pool.work().value("SELECT count(*) FROM marks") == 0


async def test_a_changed_table_is_noticed(pool: Pool) -> None:
    read = "SELECT * FROM marks"
    insert = "INSERT INTO marks (id) VALUES ($1) RETURNING *"

    async def alter(sql: str) -> None:
        async with pool.connection() as connection:
            await connection.execute(sql)

    async def write_twice(first: int) -> None:
        async with pool.work() as work:
            await work.write("SELECT 1")
            await work.write(insert, first)

    await alter("CREATE TABLE marks (id int PRIMARY KEY)")
    async with pool.work() as work:
        await work.write(insert, 1)
        await work.rows(read)
    await alter("ALTER TABLE marks ADD COLUMN note text DEFAULT 'none'")
    # Outside a transaction and as its first statement it is prepared anew.
    assert [dict(row) for row in await pool.work().rows(read)] == [{"id": 1, "note": "none"}]
    async with pool.work() as work:
        assert await work.write_row(insert, 2) is not None
    await alter("ALTER TABLE marks ALTER COLUMN note TYPE varchar(9)")
    # Later in a transaction the failure has already spoilt it: the next request succeeds.
    with pytest.raises(TransactionConflict):
        await write_twice(3)
    await write_twice(3)
    assert await pool.work().value("SELECT count(*) FROM marks") == 3


async def test_a_changed_type_is_noticed(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("CREATE TYPE spot AS (x int); CREATE TABLE spots (at spot)")
        await connection.execute("INSERT INTO spots VALUES (ROW(1))")
    read = "SELECT at FROM spots"
    assert await pool.work().value(read) == (1,)
    async with pool.connection() as connection:
        await connection.execute("ALTER TYPE spot ADD ATTRIBUTE y int")
    assert await pool.work().value(read) == (1, None)


async def _make_commit_deadly(pool: Pool) -> None:
    """A deferred trigger ends the session inside COMMIT."""
    async with pool.connection() as connection:
        await connection.execute("""
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON marks DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die();
        """)
