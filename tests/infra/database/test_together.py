"""Reads in company: as many statements as are needed and no more, each reader their own row, and the faults of one
never another's.
"""

import asyncio

import pytest
from pydantic import SecretStr

from banyan.infra.database.errors import Overloaded, StatementTimedOut
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.kernel.errors import Unavailable
from tests.support.eventually import eventually
from tests.support.postgres import Cluster
from tests.support.statements import recorded

# Double the number, after as many milliseconds as asked for.
DOUBLE = """SELECT asked.place, 2 * asked.number, pg_sleep(asked.pause_ms / 1000.0)::text
    FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS asked (number, pause_ms, place)"""
SHARE = """SELECT asked.place, 100 / asked.number
    FROM unnest($1::int[]) WITH ORDINALITY AS asked (number, place)"""


async def double(pool: Pool, number: int, pause_ms: int = 0) -> int:
    found: int = (await pool.work().row_together(DOUBLE, number, pause_ms))[1]
    return found


@pytest.fixture(autouse=True)
async def arrays_are_known(pool: Pool) -> None:
    """The driver asks once in a process what a list of numbers is."""
    await double(pool, 1)


async def test_who_asks_at_once_is_answered_by_one_statement(pool: Pool) -> None:
    async with recorded(pool) as statements:
        assert await asyncio.gather(*(double(pool, number) for number in range(7))) == [0, 2, 4, 6, 8, 10, 12]
        assert await double(pool, 21) == 42
    assert statements == [DOUBLE, DOUBLE]


async def test_who_comes_later_goes_with_the_next(pool: Pool) -> None:
    async with recorded(pool) as statements:
        first = asyncio.create_task(double(pool, 1, 100))
        await asyncio.sleep(0.03)
        others = [asyncio.create_task(double(pool, number)) for number in range(2, 7)]
        await asyncio.sleep(0.03)
        assert len(statements) <= 1
        assert not any(one.done() for one in (first, *others))
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
    assert statements == [DOUBLE, DOUBLE]


async def test_a_slow_statement_does_not_hold_up_a_crowd(pool: Pool) -> None:
    slow = asyncio.create_task(double(pool, 1, 2000))
    await asyncio.sleep(0.03)
    crowd = [asyncio.create_task(double(pool, number)) for number in range(40)]
    assert await asyncio.gather(*crowd) == [2 * number for number in range(40)]
    assert not slow.done()
    assert await slow == 2


async def test_what_was_written_before_is_read(pool: Pool) -> None:
    """However full the company: nobody joins a statement that began before they asked."""
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE counted (count int); INSERT INTO counted VALUES (0)")
    read = """SELECT asked.place, (SELECT count FROM counted)
        FROM unnest($1::int[]) WITH ORDINALITY AS asked (number, place)"""

    async def write_and_read() -> None:
        for _ in range(20):
            written = await pool.work().value("SELECT count FROM counted")
            async with pool.work() as work:
                written = await work.write_value("UPDATE counted SET count = count + 1 RETURNING count")
            assert (await pool.work().row_together(read, 1))[1] >= written

    await asyncio.gather(*(write_and_read() for _ in range(8)))


async def test_a_transaction_reads_alone_what_it_wrote(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE counted (count int)")
    read = """SELECT asked.place, (SELECT sum(count) FROM counted)
        FROM unnest($1::int[]) WITH ORDINALITY AS asked (number, place)"""
    async with pool.work() as work:
        await work.defer("one AS (INSERT INTO counted VALUES ($1))", 5)
        assert (await work.row_together(read, 1))[1] == 5
        assert (await pool.work().row_together(read, 1))[1] is None


async def test_one_who_leaves_takes_nobody_along(pool: Pool) -> None:
    tasks = [asyncio.create_task(double(pool, number, 30)) for number in range(5)]
    late = [asyncio.create_task(double(pool, number, 30)) for number in range(5, 9)]
    await asyncio.sleep(0.05)
    tasks[2].cancel()
    late[0].cancel()
    found = await asyncio.gather(*tasks, *late, return_exceptions=True)
    cancelled = [number for number, one in enumerate(found) if isinstance(one, asyncio.CancelledError)]
    assert cancelled == [2, 5]
    assert [one for one in found if isinstance(one, int)] == [0, 2, 6, 8, 12, 14, 16]
    assert pool.work().in_transaction is False
    assert await double(pool, 4) == 8


async def test_a_failure_is_told_to_all_of_that_statement_and_to_nobody_after(pool: Pool) -> None:
    found = await asyncio.gather(
        *(pool.work().row_together(SHARE, number) for number in (1, 0, 5)), return_exceptions=True
    )
    assert [type(one).__name__ for one in found] == ["DivisionByZeroError"] * 3
    assert (await pool.work().row_together(SHARE, 5))[1] == 20


async def test_a_statement_over_its_time_is_503(database_url: str) -> None:
    settings = DatabaseSettings(url=SecretStr(database_url), pool_size=2, statement_timeout_seconds=0.2)
    pool = await Pool.open(settings)
    try:
        found = await asyncio.gather(double(pool, 1, 5000), double(pool, 2), return_exceptions=True)
        assert [type(one) for one in found] == [StatementTimedOut, StatementTimedOut]
        assert await double(pool, 3) == 6
    finally:
        await pool.close(1)


async def test_a_queue_that_is_full_refuses(database_url: str) -> None:
    pool = await Pool.open(DatabaseSettings(url=SecretStr(database_url), pool_size=1, max_waiting=4))
    try:
        found = await asyncio.gather(*(double(pool, number, 1) for number in range(60)), return_exceptions=True)
        answered = [one for one in found if isinstance(one, int)]
        refused = [one for one in found if isinstance(one, Overloaded)]
        assert len(answered) + len(refused) == 60
        assert len(refused) >= 20
        assert len(answered) >= 16
        assert await double(pool, 5) == 10
    finally:
        await pool.close(1)


async def test_a_restart_in_the_midst_is_503_at_worst_and_over_then(own_cluster: Cluster) -> None:
    settings = DatabaseSettings(url=SecretStr(own_cluster.url("postgres")), pool_size=4, acquire_timeout_seconds=60)
    pool = await Pool.open(settings)
    wrong: list[object] = []
    stopping = False

    async def ask(number: int) -> None:
        while not stopping:
            try:
                found = await double(pool, number, 1)
            except Unavailable:
                await asyncio.sleep(0.01)
            except Exception as error:
                wrong.append(error)
            else:
                if found != 2 * number:
                    wrong.append((number, found))

    try:
        tasks = [asyncio.create_task(ask(number)) for number in range(24)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own_cluster.restart)
        await eventually(lambda: pool.down_seconds == 0)
        await asyncio.sleep(0.3)
        stopping = True
        await asyncio.gather(*tasks)
        assert wrong == []
        assert await double(pool, 7) == 14
    finally:
        await pool.close(1)


@pytest.mark.parametrize("readers", [1, 16])
async def test_closing_answers_those_under_way_and_refuses_the_rest(database_url: str, readers: int) -> None:
    pool = await Pool.open(DatabaseSettings(url=SecretStr(database_url), pool_size=1))
    tasks = [asyncio.create_task(double(pool, number, 20)) for number in range(readers)]
    await asyncio.sleep(0.01)
    late = [asyncio.create_task(double(pool, number)) for number in range(3)]
    await asyncio.sleep(0)
    await pool.close(5)
    assert await asyncio.gather(*tasks) == [2 * number for number in range(readers)]
    found = await asyncio.gather(*late, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in found)
