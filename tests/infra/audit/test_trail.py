"""The audit log: written with the action or not at all, in one order, and never changed without showing it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from banyan.infra.audit.models import Actor, AuditEntry, Filter
from banyan.infra.audit.trail import check_chain, list_entries, record
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.support.statements import recorded

ADA = Actor(via="session", via_id="s1", account_id=new_id(), ip="203.0.113.9", request_id="r1")
SHELL = Actor(via="shell", via_id="root")


async def write(pool: Pool, actor: Actor = ADA, action: str = "people.suspend", *subject: Any, **details: Any) -> None:
    async with pool.work() as work:
        record(work, actor, action, *subject, **details)


async def entries(pool: Pool, **wanted: Any) -> list[AuditEntry]:
    return (await list_entries(pool.work(), Filter(**wanted), 100, None)).items


async def test_an_entry_says_who_did_what_to_whom(pool: Pool) -> None:
    person = new_id()
    await write(pool, ADA, "people.suspend", "person", person, reason="spam", before=None)
    (entry,) = await entries(pool)
    assert (entry.seq, entry.via, entry.via_id, entry.account_id) == (1, "session", "s1", ADA.account_id)
    assert (entry.ip, entry.request_id, entry.action) == ("203.0.113.9", "r1", "people.suspend")
    assert entry.subject is not None
    assert (entry.subject.kind, entry.subject.id) == ("person", str(person))
    assert msgspec.json.decode(entry.details) == {"reason": "spam", "before": None}


async def test_it_leaves_with_the_action_or_not_at_all(pool: Pool) -> None:
    with pytest.raises(Invalid):
        async with pool.work() as work:
            await work.write("CREATE TABLE things (id int)")
            record(work, ADA, "people.suspend")
            raise Invalid
    assert await entries(pool) == []
    async with pool.work() as work:
        record(work, ADA, "people.read")
        assert work.has_changes
    assert [entry.action for entry in await entries(pool)] == ["people.read"]


async def test_it_is_the_last_statement_of_the_transaction(pool: Pool) -> None:
    async with recorded(pool) as statements, pool.work() as work:
        record(work, ADA, "people.suspend")
        await work.write("SELECT 'the action'")
    words = [statement.split()[:2] for statement in statements]
    assert words[0] == ["BEGIN"] or words[0] == ["BEGIN;"]
    assert words[1] == ["SELECT", "'the"]
    assert words[-1] == ["COMMIT"]
    assert len(words) == 6, "lock, tail and entry"


async def test_many_at_once_make_one_chain(pool: Pool) -> None:
    async def act(number: int) -> None:
        async with pool.work() as work:
            record(work, ADA if number % 2 else SHELL, "people.read", "person", number)
            if number % 5 == 0:
                record(work, SHELL, "people.verify_email", "person", number)
            await work.write("SELECT 1")

    await asyncio.gather(*(act(number) for number in range(40)))
    found = await entries(pool)
    assert [entry.seq for entry in found] == list(range(48, 0, -1))
    state = await check_chain(pool.work())
    assert (state.entries, state.newest_seq, state.broken_at) == (48, 48, None)
    assert state.newest_hash == found[0].hash
    assert sorted(entry.at for entry in found) == [entry.at for entry in reversed(found)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'nothing'",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_entries WHERE false",
        "TRUNCATE audit_entries",
    ],
)
async def test_nobody_changes_what_is_written(pool: Pool, statement: str) -> None:
    await write(pool)
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="new rows only"):
            await connection.execute(statement)
    assert len(await entries(pool)) == 1


@pytest.mark.parametrize(
    ("tampering", "broken_at"),
    [
        ('UPDATE audit_entries SET details = \'{"reason": "other"}\' WHERE seq = 3', 3),
        ("UPDATE audit_entries SET account_id = gen_random_uuid() WHERE seq = 2", 2),
        ("UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE seq = 5", 5),
        ("DELETE FROM audit_entries WHERE seq = 4", 5),
        ("DELETE FROM audit_entries WHERE seq = 1", 2),
        ("UPDATE audit_entries SET seq = seq + 1 WHERE seq = 6", 7),
        ("DELETE FROM audit_entries WHERE seq = 6", None),
    ],
)
async def test_tampering_shows(pool: Pool, tampering: str, broken_at: int | None) -> None:
    for number in range(6):
        await write(pool, ADA, "people.suspend", "person", number, reason="spam")
    before = await check_chain(pool.work())
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
        await connection.execute(tampering)
    after = await check_chain(pool.work())
    assert (before.broken_at, after.broken_at) == (None, broken_at)
    # Taken off the end it shows only to who kept the newest hash.
    assert after.newest_hash != before.newest_hash


async def test_filters_and_pages(pool: Pool) -> None:
    one, other = new_id(), new_id()
    await write(pool, ADA, "people.suspend", "person", one)
    await write(pool, SHELL, "people.suspend", "person", other)
    await write(pool, ADA, "jobs.retry", "job", other)
    await write(pool, ADA, "people.read", "person", one)
    assert [entry.seq for entry in await entries(pool, action="people.suspend")] == [2, 1]
    assert [entry.seq for entry in await entries(pool, action="people.")] == [4, 2, 1]
    assert [entry.seq for entry in await entries(pool, via="shell")] == [2]
    assert [entry.seq for entry in await entries(pool, account_id=ADA.account_id)] == [4, 3, 1]
    assert [entry.seq for entry in await entries(pool, subject_id=str(other))] == [3, 2]
    newest = (await entries(pool))[0].at
    assert [entry.seq for entry in await entries(pool, since=newest)] == [4]
    assert [entry.seq for entry in await entries(pool, until=newest)] == [3, 2, 1]
    assert await entries(pool, since=newest + timedelta(seconds=1)) == []
    page = await list_entries(pool.work(), Filter(), 3, None)
    rest = await list_entries(pool.work(), Filter(), 3, page.next_cursor)
    assert [entry.seq for entry in (*page.items, *rest.items)] == [4, 3, 2, 1]
    assert rest.next_cursor is None


async def test_a_made_up_cursor_is_harmless(pool: Pool) -> None:
    await write(pool)
    page = await list_entries(pool.work(), Filter(), 3, "_____________________w")
    assert len(page.items) == 1


async def test_odd_values_are_kept_and_hashed(pool: Pool) -> None:
    await write(pool, ADA, "people.list", None, None, query='%_"\\\0é \u202e', id=UUID(int=1))
    assert msgspec.json.decode((await entries(pool))[0].details)["query"] == '%_"\\\0é \u202e'
    assert (await check_chain(pool.work())).broken_at is None


async def test_an_entry_that_cannot_be_written_undoes_the_action(pool: Pool, work: Work) -> None:
    await work.write("CREATE TABLE things (id int)")
    record(work, Actor(via="session", via_id="no account"), "people.suspend")
    with pytest.raises(asyncpg.CheckViolationError):
        await work.commit()
    assert await pool.work().value("SELECT to_regclass('things')") is None
