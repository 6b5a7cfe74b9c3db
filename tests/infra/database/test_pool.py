"""The hand-off pool: fair, bounded, and never short of a connection, whatever its callers do."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from banyan.infra.database.connect import connect
from banyan.infra.database.errors import DatabaseUnavailable, Overloaded, StatementTimedOut
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.kernel.errors import Unavailable

OpenPool = Callable[..., Awaitable[Pool]]


@pytest.fixture
async def open_pool(database_settings: DatabaseSettings) -> AsyncIterator[OpenPool]:
    """Opens pools with settings of the test's own."""
    pools: list[Pool] = []

    async def open_pool(**settings: object) -> Pool:
        pools.append(await Pool.open(database_settings.model_copy(update=settings)))
        return pools[-1]

    yield open_pool
    for pool in pools:
        await pool.close(1)


async def settled(pool: Pool) -> None:
    """Waits until every connection is back."""
    async with asyncio.timeout(300):
        while pool.idle < pool.size or pool.waiting:
            await asyncio.sleep(0.005)


async def test_connections_open_when_needed_and_not_beyond_the_limit(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=3)
    assert (pool.size, pool.idle) == (1, 1)
    for _ in range(5):
        await pool.work().value("SELECT 1")
    assert pool.size == 1

    async with pool.connection(), pool.connection(), pool.connection():
        tasks = [asyncio.create_task(pool.work().value("SELECT 1")) for _ in range(7)]
        await asyncio.sleep(0.02)
        assert (pool.size, pool.idle, pool.waiting) == (3, 0, 7)
    await asyncio.gather(*tasks)
    assert (pool.size, pool.idle, pool.waiting) == (3, 3, 0)
    assert pool.acquired_total == 15
    assert pool.total_wait_seconds > 0.02


async def test_connections_are_handed_over_in_the_order_of_asking(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=2)
    order: list[int] = []

    async def ask(number: int) -> None:
        async with pool.connection() as connection:
            order.append(number)
            await connection.execute("SELECT 1")

    async with pool.connection(), pool.connection():
        tasks = [asyncio.create_task(ask(number)) for number in range(50)]
        await asyncio.sleep(0)
        assert pool.waiting == 50
    # Whoever comes now finds nothing idle: what was given back belongs to the first in the queue.
    assert pool.take() is None
    tasks += [asyncio.create_task(ask(number)) for number in range(50, 60)]
    await asyncio.gather(*tasks)
    assert order == list(range(60))


async def test_a_full_queue_refuses_at_once(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1, max_waiting=3)
    async with pool.connection():
        queue = [asyncio.create_task(pool.work().value("SELECT 1")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refusal:
            await pool.work().value("SELECT 1")
        assert refusal.value.code == "overloaded"
        assert refusal.value.retry_after_seconds == 1
    assert await asyncio.gather(*queue) == [1, 1, 1]


async def test_a_bound_of_zero_still_lets_the_pool_grow(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=3, max_waiting=0)
    results = await asyncio.gather(
        *(pool.work().value("SELECT 1 FROM pg_sleep(0.05)") for _ in range(5)), return_exceptions=True
    )
    assert results[:3] == [1, 1, 1]
    assert [type(result) for result in results[3:]] == [Overloaded, Overloaded]


async def test_nobody_waits_longer_than_the_acquire_timeout(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1, acquire_timeout_seconds=0.05)
    async with pool.connection():
        with pytest.raises(Overloaded):
            await pool.work().value("SELECT 1")
        assert pool.waiting == 0
    assert await pool.work().value("SELECT 1") == 1


async def test_a_cancelled_waiter_loses_no_connection(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1)

    async def ask() -> None:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")

    connection = await pool.wait() if (taken := pool.take()) is None else taken
    cancelled_while_waiting = asyncio.create_task(ask())
    cancelled_when_served = asyncio.create_task(ask())
    served = asyncio.create_task(ask())
    await asyncio.sleep(0)
    cancelled_while_waiting.cancel()
    pool.give(connection)
    # The connection is this waiter's already, but its task has not run since.
    cancelled_when_served.cancel()
    await served
    await asyncio.gather(cancelled_while_waiting, cancelled_when_served, return_exceptions=True)
    assert cancelled_while_waiting.cancelled()
    assert cancelled_when_served.cancelled()
    await settled(pool)
    assert pool.size == 1


@pytest.mark.parametrize("seed", range(4))
async def test_a_storm_of_cancellations_leaves_all_as_it_was(open_pool: OpenPool, seed: int) -> None:
    dice = random.Random(seed)
    pool = await open_pool(pool_size=3, max_waiting=30, acquire_timeout_seconds=0.1)
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE marks (id int)")
    committed: set[int] = set()

    async def read() -> None:
        await pool.work().value("SELECT 1 FROM pg_sleep($1)", dice.random() * 0.01)

    async def write(mark: int) -> None:
        async with pool.work() as work:
            await work.write("INSERT INTO marks VALUES ($1)", mark)
            await work.value("SELECT 1 FROM pg_sleep($1)", dice.random() * 0.005)
        committed.add(mark)

    async def time_out() -> None:
        async with asyncio.timeout(dice.random() * 0.01), pool.connection() as connection:
            await connection.fetchval("SELECT 1 FROM pg_sleep(0.02)")

    async def meddle(mark: int) -> None:
        task = asyncio.create_task(dice.choice([read, lambda: write(mark), time_out])())
        if dice.random() < 0.6:
            await asyncio.sleep(dice.random() * 0.01)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, (Unavailable, TimeoutError)), error

    for burst in range(6):
        await asyncio.gather(*(meddle(100 * burst + number) for number in range(40)))
    await settled(pool)
    assert pool.size <= 3
    for connection in list(pool._all):
        assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()") is None
    stored = {row["id"] for row in await pool.work().rows("SELECT id FROM marks")}
    assert committed <= stored
    assert await pool.work().value("SELECT count(*) FROM marks") == len(stored)


async def test_a_transaction_left_open_is_rolled_back(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1)
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE marks (id int)")
        await connection.execute("BEGIN; INSERT INTO marks VALUES (1)")
    assert await pool.work().value("SELECT count(*) FROM marks") == 0
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT 1 / 0")
    assert await pool.work().value("SELECT 1") == 1
    assert pool.size == 1


async def test_a_cancelled_statement_stops_on_the_server_and_the_connection_serves_on(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1, statement_timeout_seconds=600)
    pid = await pool.work().value("SELECT pg_backend_pid()")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pool.work().value("SELECT pg_sleep(600)")
    async with asyncio.timeout(300):
        assert await pool.work().value("SELECT pg_backend_pid()") == pid


async def test_a_backend_that_does_not_answer_is_given_up(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=2, statement_timeout_seconds=2, connect_timeout_seconds=3)
    pid = await pool.work().value("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StatementTimedOut):
            await pool.work().value("SELECT 1")
        assert await pool.work().value("SELECT 1") == 1
        await settled(pool)
        assert pool.size == 1
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_the_server_cancels_a_long_statement(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1, statement_timeout_seconds=1)
    pid = await pool.work().value("SELECT pg_backend_pid()")
    with pytest.raises(StatementTimedOut) as refusal:
        await pool.work().value("SELECT pg_sleep(10)")
    assert (refusal.value.status, refusal.value.code) == (503, "timeout")
    assert await pool.work().value("SELECT pg_backend_pid()") == pid


async def test_close_waits_for_what_is_borrowed_and_refuses_the_rest(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1)
    async with pool.connection() as connection:
        waiting = asyncio.create_task(pool.work().value("SELECT 1"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close(60))
        with pytest.raises(DatabaseUnavailable):
            await waiting
        assert not closing.done()
        assert await connection.fetchval("SELECT 1") == 1
    await closing
    with pytest.raises(DatabaseUnavailable):
        await pool.work().value("SELECT 1")
    assert pool.size == 0


async def test_close_cuts_off_what_takes_too_long(open_pool: OpenPool) -> None:
    pool = await open_pool(pool_size=1)
    running = asyncio.create_task(pool.work().value("SELECT pg_sleep(10)"))
    await asyncio.sleep(0.02)
    await pool.close(0.05)
    with pytest.raises(DatabaseUnavailable):
        await running
    assert pool.size == 0


async def test_no_connection_outlives_the_pool(open_pool: OpenPool, database_settings: DatabaseSettings) -> None:
    pool = await open_pool(pool_size=4, application_name="counted")
    async with pool.connection(), pool.connection(), pool.connection(), pool.connection():
        pass
    observer = await connect(database_settings)
    try:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
        assert await observer.fetchval(sessions) == 4
        await pool.close()
        async with asyncio.timeout(300):
            while await observer.fetchval(sessions):
                await asyncio.sleep(0.01)
    finally:
        await observer.close()


async def test_sessions_are_set_up(open_pool: OpenPool) -> None:
    pool = await open_pool(statement_timeout_seconds=7)
    shown = {name: await pool.work().value(f"SHOW {name}") for name in ("timezone", "jit", "statement_timeout")}
    assert shown == {"timezone": "UTC", "jit": "off", "statement_timeout": "7s"}


async def test_without_prepared_statements_none_stays_in_the_session(open_pool: OpenPool) -> None:
    for prepared, expected in ((True, 1), (False, 0)):
        pool = await open_pool(pool_size=1, prepared_statements=prepared)
        assert await pool.work().value("SELECT $1::int", 5) == 5
        async with pool.connection() as connection:
            result = await connection.fetchval(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%$1::int'"
            )
        assert result == expected


async def test_a_wrong_url_is_refused_at_the_start(database_settings: DatabaseSettings) -> None:
    url = database_settings.url.get_secret_value()
    for wrong in (url.replace("test_", "nothing_"), "mysql://nobody@localhost/x"):
        with pytest.raises(DatabaseUnavailable):
            await Pool.open(DatabaseSettings.model_validate({"url": wrong}))


def test_no_dump_of_the_settings_shows_the_password() -> None:
    settings = DatabaseSettings.model_validate({"url": "postgresql://banyan:sesame@localhost/banyan"})
    assert "sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
