"""Presence as the database is told of it: leases, processes that die or are held up, and a database that crashes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.presence import queries
from banyan.infra.presence import roll as roll_module
from banyan.infra.presence.models import LEASE_SECONDS, PresenceState
from banyan.infra.presence.roll import Roll
from banyan.kernel.clock import now
from banyan.kernel.errors import Unavailable
from banyan.kernel.ids import new_id
from tests.support.process import Process, process
from tests.support.statements import recorded


@pytest.fixture
async def made(database_settings: DatabaseSettings) -> AsyncIterator[Process]:
    async with process(database_settings) as made:
        yield made


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_module, "GRACE_SECONDS", 0)


class Looks:
    """How often everything was looked at."""

    def __init__(self) -> None:
        self.count = 0

    def look(self) -> None:
        self.count += 1


def _roll(made: Process, looks: Looks | None = None) -> Roll:
    return Roll(made.pool.work, (looks or Looks()).look)


async def _state(pool: Pool, person_id: UUID) -> PresenceState:
    return (await queries.list_states(pool.work(), [person_id]))[0]


async def _age(pool: Pool, seconds: float) -> None:
    """All processes have beaten for the last time so long ago."""
    async with pool.work() as work:
        await work.write("UPDATE presence_processes SET beat_at = now() - $1::interval", timedelta(seconds=seconds))


async def test_who_comes_is_online_and_who_goes_was_just_seen(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    assert await _state(made.pool, ada) == PresenceState(ada, False, None)
    roll.arrive(ada)
    await roll.turn()
    assert await _state(made.pool, ada) == PresenceState(ada, True, None)
    roll.depart(ada)
    await roll.turn()
    gone = await _state(made.pool, ada)
    assert not gone.online
    assert gone.last_seen_at is not None
    assert now() - gone.last_seen_at < timedelta(minutes=5)


async def test_one_is_online_until_the_last_process_lets_go(made: Process) -> None:
    ada, one, two = new_id(), _roll(made), _roll(made)
    for roll in (one, two):
        roll.arrive(ada)
        await roll.turn()
    one.depart(ada)
    await one.turn()
    assert (await _state(made.pool, ada)).online
    two.depart(ada)
    await two.turn()
    assert not (await _state(made.pool, ada)).online


async def test_a_quick_return_is_no_absence(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    roll.depart(ada)
    roll.arrive(ada)
    async with recorded(made.pool) as statements:
        await roll.turn()
    assert statements == []
    assert (await _state(made.pool, ada)).online


async def test_who_is_sent_away_by_a_process_that_stops_is_not_gone(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    roll.hold()
    roll.depart(ada)
    await roll.turn()
    assert (await _state(made.pool, ada)).online


async def test_nothing_is_written_while_nobody_comes_or_goes(made: Process) -> None:
    roll = _roll(made)
    for _ in range(100):
        roll.arrive(new_id())
    await roll.turn()
    async with recorded(made.pool) as statements:
        for _ in range(10):
            await roll.turn()
    assert statements == []


async def test_a_beat_is_one_row_however_many_are_here(made: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    roll = _roll(made)
    for _ in range(100):
        roll.arrive(new_id())
    await roll.turn()
    monkeypatch.setattr(roll_module, "BEAT_SECONDS", 0)
    async with recorded(made.pool) as statements:
        await roll.turn()
    assert [statement.split()[0] for statement in statements if statement.split()[0] not in ("BEGIN", "COMMIT")] == [
        "UPDATE",
        "SELECT",
    ]


async def test_a_process_that_died_is_not_believed_and_then_forgotten(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    await _age(made.pool, LEASE_SECONDS + 1)
    dead = await _state(made.pool, ada)
    assert not dead.online
    assert dead.last_seen_at is not None
    await _age(made.pool, 3600)
    async with made.pool.work() as work:
        await queries.forget_dead(work)
        assert await work.value("SELECT count(*) FROM presence_people") == 0
        seen = await work.value("SELECT seen_at FROM presence_last_seen WHERE person_id = $1", ada)
    # Known from when they came: later than the last beat that the test made so old.
    assert seen > now() - timedelta(minutes=5)


async def test_one_that_was_taken_for_dead_writes_its_people_again(
    made: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    await _age(made.pool, 3600)
    async with made.pool.work() as work:
        await queries.forget_dead(work)
    monkeypatch.setattr(roll_module, "BEAT_SECONDS", 0)
    await roll.turn()
    assert (await _state(made.pool, ada)).online


async def test_a_crash_of_the_database_empties_the_tables_and_they_are_filled_again(
    made: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    async with made.pool.work() as work:
        await work.write("TRUNCATE presence_people, presence_processes")
    monkeypatch.setattr(roll_module, "BEAT_SECONDS", 0)
    await roll.turn()
    assert (await _state(made.pool, ada)).online


async def test_what_could_not_be_written_is_written_later(made: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, ben, roll = new_id(), new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    roll.arrive(ben)
    roll.depart(ada)

    async def fail(*_: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(queries, "add_people", fail)
        broken.setattr(queries, "remove_people", fail)
        with pytest.raises(Unavailable):
            await roll.turn()
        with pytest.raises(Unavailable):
            await roll._write_going()
    await roll.turn()
    assert not (await _state(made.pool, ada)).online
    assert (await _state(made.pool, ben)).online


async def test_the_death_of_another_is_looked_at(made: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_module, "BEAT_SECONDS", 0)
    looks = Looks()
    other, roll = _roll(made), _roll(made, looks)
    await other.turn()
    await roll.turn()
    before = looks.count
    await roll.turn()
    assert looks.count == before
    await _age(made.pool, LEASE_SECONDS + 1)
    await roll.turn()
    assert looks.count == before + 1


async def test_of_who_is_erased_nothing_is_written_when_their_socket_closes(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    roll.arrive(ada)
    await roll.turn()
    async with made.pool.work() as work:
        await queries.forget_person(work, ada)
    roll.depart(ada)
    await roll.turn()
    await roll.stop()
    assert await _state(made.pool, ada) == PresenceState(ada, False, None)


async def test_who_is_here_at_the_end_was_seen_until_then(made: Process) -> None:
    ada, roll = new_id(), _roll(made)
    await roll.start()
    roll.arrive(ada)
    await roll.turn()
    async with made.pool.work() as work:
        await work.write("UPDATE presence_last_seen SET seen_at = now() - interval '1 hour'")
    await roll.stop()
    async with made.pool.work() as work:
        assert await work.value("SELECT seen_at FROM presence_last_seen WHERE person_id = $1", ada) > now() - timedelta(
            minutes=5
        )
