"""`Work.conclude`: one statement on whose row hangs all that was collected, and the commit with it."""

import asyncpg
import pytest

from banyan.infra.database.pending import Part, Pending
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Connection
from banyan.kernel.signals import Signal
from tests.support.statements import recorded

NUMBERED = "SELECT id, name FROM thing"


class ThingMade(Signal, frozen=True):
    thing: int


class Outbox:
    """Writes what was announced where the statement wrote something, and remembers what it was told of."""

    def __init__(self) -> None:
        self.told: list[Pending] = []

    async def parts(self, connection: Connection, pending: Pending) -> list[Part]:
        topics = [announcement.topic for announcement in pending.announcements]
        text = "effects AS (INSERT INTO effects SELECT unnest($1::text[]) WHERE EXISTS (SELECT FROM written))"
        return [Part(text, (topics,))]

    def committed(self, pending: Pending) -> None:
        self.told.append(pending)


@pytest.fixture
async def outbox(pool: Pool) -> Outbox:
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
        await connection.execute("CREATE TABLE effects (what text)")
    outbox = Outbox()
    pool.attach(outbox)
    return outbox


def put(number: int) -> Part:
    """Nothing is written where the number is there already."""
    text = "thing AS (INSERT INTO things VALUES ($1, 'made') ON CONFLICT DO NOTHING RETURNING id, name)"
    return Part(text, (number,))


async def counts(pool: Pool) -> tuple[int, int]:
    """Things, and effects."""
    row = await pool.work().row("SELECT (SELECT count(*) FROM things), (SELECT count(*) FROM effects)")
    assert row is not None
    return row[0], row[1]


def names(statements: list[str]) -> list[str]:
    return [statement.split()[0] for statement in statements]


async def test_it_commits_itself_and_this_process_hears_what_its_row_told(pool: Pool, outbox: Outbox) -> None:
    work = pool.work()
    async with recorded(pool) as statements:
        published = work.publish("thing:1", ThingMade(0), seq=0)
        announced = work.announce("things")
        row = await work.conclude(NUMBERED, put(1))
        assert row is not None
        assert tuple(row) == (1, "made")
        assert not work.has_changes
        published.event, published.seq = ThingMade(row["id"]), 7
        announced.keys = ("1",)
        assert outbox.told == []
        await work.commit()
    assert names(statements) == ["WITH"]
    assert await counts(pool) == (1, 1)
    (told,) = outbox.told
    assert (told.publications[0].event, told.publications[0].seq, told.announcements[0].keys) == (
        ThingMade(1),
        7,
        ("1",),
    )
    assert pool.idle == pool.size


async def test_without_a_row_nothing_leaves(pool: Pool, outbox: Outbox) -> None:
    async with pool.work() as work:
        await work.conclude(NUMBERED, put(1))
    async with recorded(pool) as statements, pool.work() as work:
        work.announce("things")
        assert await work.conclude(NUMBERED, put(1)) is None
        assert not work.has_changes
        assert await work.value("SELECT name FROM things") == "made"
    assert names(statements) == ["WITH", "SELECT"]
    assert await counts(pool) == (1, 0)
    assert outbox.told == []


async def test_after_another_write_it_belongs_to_the_transaction(pool: Pool, outbox: Outbox) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.write("INSERT INTO things VALUES (1)")
        work.announce("things")
        assert await work.conclude(NUMBERED, put(2)) is not None
        assert await counts(pool) == (0, 0)
        assert work.has_changes
    assert names(statements) == ["BEGIN", "INSERT", "WITH", "SELECT", "COMMIT"]
    assert await counts(pool) == (2, 1)
    assert len(outbox.told) == 1
    work = pool.work()
    await work.write("INSERT INTO things VALUES (3)")
    work.announce("things")
    await work.conclude(NUMBERED, put(4))
    await work.rollback()
    assert await counts(pool) == (2, 1)
    assert len(outbox.told) == 1


async def test_it_comes_after_what_was_deferred(pool: Pool, outbox: Outbox) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        await work.defer("other AS (INSERT INTO things VALUES ($1))", 1)
        assert await work.conclude(NUMBERED, put(1)) is None
    assert names(statements) == ["BEGIN", "WITH", "WITH", "COMMIT"]
    assert await counts(pool) == (1, 0)


async def test_what_is_collected_later_is_refused(pool: Pool, outbox: Outbox) -> None:
    async with pool.work() as work:
        work.announce("things")
        await work.conclude(NUMBERED, put(1))
        with pytest.raises(RuntimeError, match="concluded"):
            work.announce("things")


async def test_what_fails_leaves_nothing(pool: Pool, outbox: Outbox) -> None:
    work = pool.work()
    work.announce("things")
    twice = Part("again AS (INSERT INTO things SELECT id FROM thing)", ())
    with pytest.raises(asyncpg.UniqueViolationError):
        await work.conclude(NUMBERED, put(1), twice)
    await work.commit()
    assert await counts(pool) == (0, 0)
    assert outbox.told == []
    assert pool.idle == pool.size
