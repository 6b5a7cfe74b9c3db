"""Announcements reach every process, whatever the order of commits, and a process that may have missed some
clears its caches.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from banyan.infra.bus import TableBus
from banyan.infra.bus import table as bus_module
from banyan.infra.bus.jobs import JOB_KINDS, SCHEDULES, PruneBusMessages
from banyan.infra.database.errors import OutcomeUnknown
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Connection, Work
from banyan.infra.jobs.registry import Registry
from banyan.kernel.ids import new_id
from tests.support.eventually import eventually
from tests.support.process import Process, process


class Ears:
    """What one process heard of the topic `cards`."""

    def __init__(self, bus: TableBus) -> None:
        self.heard: list[tuple[str, ...]] = []
        self.resets = 0
        bus.subscribe("cards", self.heard.append)
        bus.on_reset(self._reset)

    def _reset(self) -> None:
        self.resets += 1


@asynccontextmanager
async def listening(settings: DatabaseSettings) -> AsyncIterator[tuple[Process, Ears]]:
    async with process(settings, hears=True) as made:
        ears = Ears(made.bus)
        await eventually(lambda: made.bus._cursor is not None)
        ears.resets = 0
        yield made, ears


async def announce(made: Process, *keys: str) -> None:
    async with made.pool.work() as work:
        work.announce("cards", *keys)


async def test_the_own_process_hears_before_commit_returns_and_others_soon(
    database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody polls in time: only notifications can be what others hear by.
    monkeypatch.setattr(bus_module, "_POLL_SECONDS", 600)
    async with listening(database_settings) as (one, mine), listening(database_settings) as (other, others):
        await eventually(lambda: one.relay.connected and other.relay.connected)
        before = REGISTRY.get_sample_value("banyan_bus_lag_seconds_count") or 0
        await announce(one, "a", "b")
        assert mine.heard == [("a", "b")]
        await eventually(lambda: others.heard == [("a", "b")])
        assert REGISTRY.get_sample_value("banyan_bus_lag_seconds_count") == before + 1
        await announce(one)
        await eventually(lambda: others.heard == [("a", "b"), ()])
        read_to = (one.bus._cursor, other.bus._cursor)
        one.bus.wake()
        other.bus.wake()
        await eventually(lambda: one.bus._cursor is not read_to[0] and other.bus._cursor is not read_to[1])
        assert mine.heard == others.heard == [("a", "b"), ()]
        assert mine.resets == others.resets == 0


async def test_polling_alone_is_enough(database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(database_settings) as (one, _), listening(database_settings) as (_, others):
        monkeypatch.setattr(one.relay, "ring", lambda _channel: None)
        await announce(one, "a")
        await eventually(lambda: others.heard == [("a",)])


async def test_a_rollback_announces_nothing(database_settings: DatabaseSettings) -> None:
    async with listening(database_settings) as (one, mine), listening(database_settings) as (two, others):
        with pytest.raises(ZeroDivisionError):
            async with one.pool.work() as work:
                work.announce("cards", "a")
                raise ZeroDivisionError
        await announce(one, "b")
        await eventually(lambda: others.heard)
        await two.bus.poll()
        assert mine.heard == others.heard == [("b",)]


async def test_nothing_is_missed_or_doubled_when_commits_overtake_each_other(
    database_settings: DatabaseSettings,
) -> None:
    """Numbers given at the start of a transaction do not say when it becomes visible."""
    sql = "INSERT INTO bus_messages (position, topic, keys, origin) VALUES ($1, 'cards', ARRAY[$2], $3)"
    async with process(database_settings) as one:
        await eventually(lambda: one.relay.connected)
        ears = Ears(one.bus)
        other = new_id()
        await one.bus.poll()
        async with (
            one.pool.connection() as early,
            one.pool.connection() as late,
            one.pool.connection() as never,
        ):
            for connection, key in ((early, "early"), (never, "never"), (late, "late")):
                await connection.execute("BEGIN")
                await connection.execute(sql, 0, key, other)
            await one.bus.poll()
            assert ears.heard == []
            await late.execute("COMMIT")
            await one.bus.poll()
            assert ears.heard == [("late",)]
            await one.bus.poll()
            await never.execute("ROLLBACK")
            await early.execute("COMMIT")
            await one.bus.poll()
            await one.bus.poll()
        assert ears.heard == [("late",), ("early",)]
        assert ears.resets == 1


async def test_many_writers_at_once(database_settings: DatabaseSettings) -> None:
    async def write(made: Process, first: int) -> None:
        for number in range(first, first + 50):
            async with made.pool.work() as work:
                await work.write("SELECT pg_sleep(random() * 0.003)")
                work.announce("cards", str(number))

    async with listening(database_settings) as (one, mine), listening(database_settings) as (two, others):
        await asyncio.gather(*(write(one, 100 * writer) for writer in range(1, 4)), write(two, 0))
        everything = sorted((str(number),) for writer in range(4) for number in range(100 * writer, 100 * writer + 50))
        await eventually(lambda: len(mine.heard) >= 200 and len(others.heard) >= 200)
        await one.bus.poll()
        assert sorted(mine.heard) == sorted(others.heard) == everything


async def test_after_an_unknown_outcome_the_own_rows_are_heard_again(database_settings: DatabaseSettings) -> None:
    """The commit may become visible after we told ourselves: then we would cache what it replaces."""

    async def lose_the_answer(work: Work) -> None:
        connection = work._connection
        assert connection is not None
        await Connection.execute(connection, "COMMIT")
        work._connection = None
        work._pool.give(connection)
        if work._pending is not None:
            work._pending.outcome_known = False
        work._committed()
        raise OutcomeUnknown

    async with listening(database_settings) as (one, mine):
        await announce(one, "before")
        await one.bus.poll()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Work, "_commit", lose_the_answer)
            with pytest.raises(OutcomeUnknown):
                async with one.pool.work() as work:
                    await work.begin()
                    work.announce("cards", "unsure")
        assert mine.heard == [("before",), ("unsure",)]
        await eventually(lambda: mine.heard == [("before",), ("unsure",), ("unsure",)])


async def test_a_failing_callback_harms_nobody(database_settings: DatabaseSettings) -> None:
    def fail(_keys: tuple[str, ...]) -> None:
        raise ValueError("a bug in a cache")

    async with process(database_settings, hears=True) as one, listening(database_settings) as (two, others):
        one.bus.subscribe("cards", fail)
        ears = Ears(one.bus)
        await announce(one, "a")
        assert ears.heard == [("a",)]
        await eventually(lambda: others.heard == [("a",)])
        await announce(two, "b")
        await eventually(lambda: ears.heard == [("a",), ("b",)])
        assert others.heard == [("a",), ("b",)]


async def test_who_was_away_for_too_long_clears_its_caches(
    database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(database_settings) as (one, ears):
        await one.bus.stop()
        monkeypatch.setattr(bus_module, "_UNSURE_SECONDS", 0.05)
        await asyncio.sleep(0.1)
        await one.bus.poll()
        assert ears.resets == 1


async def test_another_history_of_the_database_clears_the_caches(database_settings: DatabaseSettings) -> None:
    async with listening(database_settings) as (one, ears):
        await one.bus.stop()
        cursor = one.bus._cursor
        assert cursor is not None
        # A failover gives a new timeline; a restored backup goes back in transaction numbers.
        for changes in ({"timeline": "0000000F"}, {"newest": cursor.newest + 1_000_000}):
            one.bus._cursor = bus_module._Cursor(
                **{name: getattr(cursor, name) for name in cursor.__struct_fields__} | changes
            )
            await one.bus.poll()
        assert ears.resets == 2
        await one.bus.poll()
        assert ears.resets == 2


async def test_a_flood_clears_instead_of_picking(
    database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(database_settings) as (one, ears), process(database_settings) as two:
        await one.bus.stop()
        monkeypatch.setattr(bus_module, "_MOST_MESSAGES", 5)
        async with two.pool.work() as work:
            for number in range(20):
                work.announce("cards", str(number))
        await one.bus.poll()
        assert (ears.heard, ears.resets) == ([], 1)


async def test_an_outage_is_survived_without_a_reset(database_settings: DatabaseSettings) -> None:
    async with listening(database_settings) as (one, ears), process(database_settings) as two:
        await eventually(lambda: one.relay.connected)
        async with one.relay.connection() as connection:
            pid = connection.get_server_pid()
        async with two.pool.work() as work:
            await work.write("SELECT pg_terminate_backend($1)", pid)
            work.announce("cards", "meanwhile")
        await eventually(lambda: ears.heard == [("meanwhile",)])
        assert ears.resets == 0


async def test_old_messages_are_deleted(database_settings: DatabaseSettings) -> None:
    Registry(kinds=JOB_KINDS, schedules=SCHEDULES)
    async with process(database_settings) as one:
        await announce(one, "old")
        async with one.pool.work() as work:
            await work.write("UPDATE bus_messages SET created_at = now() - interval '11 minutes'")
        await announce(one, "new")
        async with one.pool.work() as work:
            await JOB_KINDS[0].handler(work, PruneBusMessages())
            assert [row["keys"] for row in await work.rows("SELECT keys FROM bus_messages")] == [["new"]]
