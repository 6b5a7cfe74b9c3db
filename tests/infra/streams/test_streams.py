"""A client that applies what a stream tells it has exactly what the person may see, from wherever it comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from banyan.infra.database.pending import Part, Pending
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Connection, Work
from banyan.infra.declare import Present, SyncedKind
from banyan.infra.streams import jobs, queries
from banyan.infra.streams.models import Changes
from banyan.infra.streams.streams import Streams
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.support.statements import recorded

ME = UUID(int=7)


class Word(Struct, frozen=True):
    text: str


class Shelf:
    """What a person has of one kind, in memory: the truth that a client must arrive at."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self.kind = SyncedKind(name, self.versions, self.values, self.whole if whole else None)
        self.words: dict[UUID, str] = {}
        # Taken away between the comparison and the reading of values.
        self.vanishing: set[UUID] = set()

    async def versions(self, work: Work, person_id: UUID) -> Present:
        return Present([str(id) for id in self.words], [hash_of(word) for word in self.words.values()])

    async def values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> dict[str, Word]:
        return {str(id): Word(word) for id, word in self.words.items() if str(id) in ids and id not in self.vanishing}

    async def whole(self, work: Work, person_id: UUID, valued: int) -> tuple[Present, dict[str, Word]]:
        present = await self.versions(work, person_id)
        return present, await self.values(work, person_id, present.ids[:valued])


def told(changes: Changes) -> list[tuple[str, UUID, Struct | None]]:
    return [(one.kind, UUID(one.id), one.value) for one in changes.items]


class Client:
    """Keeps what it is told, as docs/api.md says."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.next: str | None = None
        self.kept: dict[tuple[str, UUID], str] = {}
        self.resets = 0

    def apply(self, changes: Changes) -> None:
        if changes.reset:
            self.resets += 1
            self.kept.clear()
        for kind, id, value in told(changes):
            if value is None:
                self.kept.pop((kind, id), None)
            else:
                assert isinstance(value, Word)
                self.kept[kind, id] = value.text
        self.next = changes.next

    def copy(self) -> "Client":
        other = Client(self.limit)
        other.next, other.kept = self.next, dict(self.kept)
        return other


class _Deaf:
    """An outbox for announcements that nobody hears."""

    async def parts(self, connection: Connection, pending: Pending) -> list[Part]:
        """None."""
        return []

    def committed(self, pending: Pending) -> None:
        """Nothing."""


class Place:
    """Two kinds, one stream over them, and what the two hold together."""

    def __init__(self, pool: Pool, kept_deletions: int = 1000) -> None:
        self.pool = pool
        self.shelves = [Shelf("note", whole=True), Shelf("song")]
        self.streams = Streams([shelf.kind for shelf in self.shelves], kept_deletions)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        async with self.pool.work() as work:
            yield work

    def truth(self) -> dict[tuple[str, UUID], str]:
        return {(shelf.kind.name, id): word for shelf in self.shelves for id, word in shelf.words.items()}

    async def ask(self, client: Client) -> Changes:
        async with self.work() as work:
            return await self.streams.read(work, ME, client.next, client.limit)

    async def catch_up(self, client: Client) -> int:
        """Until nothing is left; how many calls it took."""
        for calls in range(1, 200):
            changes = await self.ask(client)
            assert len(changes.items) <= client.limit
            before = client.next
            client.apply(changes)
            if not changes.items:
                assert changes.reset or changes.next == before
                return calls
        raise AssertionError("a client never caught up")


def hash_of(word: str) -> int:
    return int.from_bytes(word.encode()[-8:], "big", signed=True)


@pytest.fixture
def place(pool: Pool) -> Place:
    pool.attach(_Deaf())
    return Place(pool)


async def test_a_new_client_gets_everything_then_what_changes(place: Place) -> None:
    notes, songs = place.shelves
    one, two, three = new_id(), new_id(), new_id()
    notes.words = {one: "one", two: "two"}
    songs.words = {three: "three"}
    client = Client()
    first = await place.ask(client)
    assert first.reset
    client.apply(first)
    assert client.kept == place.truth()
    again = await place.ask(client)
    assert (again.items, again.next, again.reset) == ([], first.next, False)

    notes.words[one] = "uno"
    del songs.words[three]
    changes = await place.ask(client)
    assert told(changes) == [
        ("song", three, None),
        ("note", one, Word("uno")),
    ]
    client.apply(changes)
    assert client.kept == place.truth()


async def test_nothing_at_all_is_an_answer_too(place: Place) -> None:
    client = Client()
    first = await place.ask(client)
    assert (first.items, first.reset) == ([], True)
    client.apply(first)
    second = await place.ask(client)
    assert (second.items, second.next, second.reset) == ([], first.next, False)


async def test_small_pages_arrive_at_the_same(place: Place) -> None:
    for shelf in place.shelves:
        shelf.words = {new_id(): f"{number}" for number in range(10)}
    client = Client(limit=3)
    assert await place.catch_up(client) == 8
    assert client.kept == place.truth()
    assert client.resets == 1


async def test_nothing_changed_costs_one_look_at_the_head(place: Place) -> None:
    place.shelves[0].words = {new_id(): "one"}
    client = Client()
    await place.catch_up(client)
    async with recorded(place.pool) as statements:
        await place.ask(client)
    assert len(statements) == 1
    assert not [statement for statement in statements if "BEGIN" in statement]


async def test_what_was_logged_just_now_is_not_read_back(place: Place) -> None:
    notes = place.shelves[0]
    notes.words = {new_id(): f"{number}" for number in range(5)}
    client = Client()
    async with recorded(place.pool) as statements:
        await place.catch_up(client)
    assert not [statement for statement in statements if "ORDER BY seq LIMIT" in statement]
    notes.words |= {new_id(): "new"}
    del notes.words[next(iter(notes.words))]
    async with recorded(place.pool) as statements:
        await place.catch_up(client)
    assert client.kept == place.truth()
    assert not [statement for statement in statements if "ORDER BY seq LIMIT" in statement]
    # Half a page of what is new: the rest comes from the log.
    slow = Client(2)
    await place.catch_up(slow)
    assert slow.kept == place.truth()


async def test_a_value_that_vanishes_meanwhile_is_a_delete_and_comes_back(place: Place) -> None:
    notes = place.shelves[0]
    one, two = new_id(), new_id()
    notes.words = {one: "one", two: "two"}
    notes.vanishing = {one}
    client, other = Client(), Client()
    changes = await place.ask(client)
    assert {id: value for _, id, value in told(changes)} == {one: None, two: Word("two")}
    client.apply(changes)
    notes.vanishing = set()
    for each in (client, other):
        await place.catch_up(each)
        assert each.kept == place.truth()


async def test_too_many_deletions_begin_anew(pool: Pool) -> None:
    place = Place(pool, kept_deletions=4)
    notes = place.shelves[0]
    ids = [new_id() for _ in range(12)]
    notes.words = {id: "word" for id in ids}
    away, near = Client(), Client()
    for client in (away, near):
        await place.catch_up(client)
    for id in ids[:9]:
        del notes.words[id]
        await place.catch_up(near)
    assert near.resets == 1
    assert (await place.ask(away)).reset
    await place.catch_up(away)
    assert away.kept == near.kept == place.truth()
    async with place.work() as work:
        kept = await work.value("SELECT count(*) FROM streams_entries WHERE version IS NULL")
    assert kept <= 8


async def test_who_begins_anew_is_not_thrown_back_by_old_deletions(pool: Pool) -> None:
    """Old things that never changed lie below the floor: paging through them must come to an end."""
    place = Place(pool, kept_deletions=2)
    notes = place.shelves[0]
    notes.words = {new_id(): f"old {number}" for number in range(6)}
    await place.catch_up(Client())
    for number in range(20):
        notes.words[new_id()] = f"{number}"
        await place.catch_up(Client())
        notes.words.popitem()
        await place.catch_up(Client())
    client = Client(limit=1)
    await place.catch_up(client)
    assert (client.resets, client.kept) == (1, place.truth())


async def test_deletions_forgotten_while_a_client_begins_anew_send_it_back(pool: Pool) -> None:
    place = Place(pool, kept_deletions=2)
    notes = place.shelves[0]
    notes.words = {new_id(): f"{number}" for number in range(10)}
    client = Client(limit=8)
    client.apply(await place.ask(client))
    for id in list(notes.words)[:8]:
        del notes.words[id]
        await place.catch_up(Client())
    await place.catch_up(client)
    assert client.kept == place.truth()
    assert client.resets == 2


async def test_another_epoch_begins_anew(place: Place) -> None:
    place.shelves[0].words = {new_id(): "one"}
    client = Client()
    await place.catch_up(client)
    async with place.pool.connection() as connection:
        await queries.renew_epochs(connection)
    changes = await place.ask(client)
    assert changes.reset
    client.apply(changes)
    assert client.kept == place.truth()


async def test_a_place_beyond_the_end_begins_anew(place: Place) -> None:
    """As after a failover to a server that lags behind."""
    place.shelves[0].words = {new_id(): "one"}
    client = Client()
    await place.catch_up(client)
    async with place.work() as work:
        await work.write("UPDATE streams_streams SET last_seq = 0, digest = NULL")
        await work.write("DELETE FROM streams_entries")
    place.shelves[0].words.clear()
    assert (await place.ask(client)).reset


@pytest.mark.parametrize("since", ["", "x", "AAAA", "A" * 43, "=" * 43, "é", "A" * 44, "a b"])
async def test_nonsense_is_refused_or_begins_anew(place: Place, since: str) -> None:
    async with place.work() as work:
        if since == "A" * 43:
            # A well-formed place in a stream that never was.
            assert (await place.streams.read(work, ME, since, 10)).reset
            return
        with pytest.raises(Invalid):
            await place.streams.read(work, ME, since, 10)


async def test_two_at_once_agree(place: Place) -> None:
    notes = place.shelves[0]
    clients = [Client(limit=50) for _ in range(4)]
    for round in range(15):
        notes.words[new_id()] = f"{round}"
        if round % 3 == 2:
            del notes.words[next(iter(notes.words))]
        answers = await asyncio.gather(*[place.ask(client) for client in clients])
        for client, changes in zip(clients, answers, strict=True):
            client.apply(changes)
    for client in clients:
        await place.catch_up(client)
        assert client.kept == place.truth()
        assert client.resets == 1
    async with place.work() as work:
        doubled = await work.value("SELECT count(*) - count(DISTINCT seq) FROM streams_entries")
    assert doubled == 0


async def test_kinds_that_are_no_longer_declared_go(place: Place) -> None:
    for shelf in place.shelves:
        shelf.words = {new_id(): shelf.kind.name}
    client = Client()
    await place.catch_up(client)
    place.streams = Streams([place.shelves[0].kind])
    place.shelves.pop()
    await place.catch_up(client)
    assert client.kept == place.truth()


async def test_streams_nobody_reads_are_forgotten(place: Place) -> None:
    place.shelves[0].words = {new_id(): "one"}
    client = Client()
    await place.catch_up(client)
    (kind,) = jobs.JOB_KINDS
    async with place.work() as work:
        await kind.handler(work, jobs.ForgetUnusedStreams())
    assert not (await place.ask(client)).reset
    async with place.work() as work:
        await work.write("UPDATE streams_streams SET changed_at = now() - interval '91 days'")
        await kind.handler(work, jobs.ForgetUnusedStreams())
        assert await work.value("SELECT count(*) FROM streams_entries") == 0
    assert (await place.ask(client)).reset
    async with place.work() as work:
        await place.streams.forget(work, ME)
        assert await queries.find_head(work, ME) is None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=st.randoms(use_true_random=False), kept=st.integers(1, 6))
async def test_any_client_arrives_at_the_truth(pool: Pool, random: Random, kept: int) -> None:
    """Several clients with pages of any size come and go while things change; each ends with what there is."""
    async with pool.connection() as connection:
        await connection.execute("TRUNCATE streams_streams, streams_entries")
    place = Place(pool, kept)
    clients = [Client(limit=random.randint(1, 5)) for _ in range(3)]
    for step in range(40):
        words = random.choice(place.shelves).words
        for shelf in place.shelves:
            shelf.vanishing = {id for id in shelf.words if random.random() < 0.1}
        what = random.random()
        if what < 0.4 or not words:
            words[new_id()] = f"{step}"
        elif what < 0.55:
            words[random.choice(list(words))] = f"{step}"
        elif what < 0.75:
            del words[random.choice(list(words))]
        else:
            place_of = random.randrange(len(clients))
            if random.random() < 0.2:
                # A client's storage goes back to an older copy.
                clients.append(clients[place_of].copy())
            changes = await place.ask(clients[place_of])
            if random.random() < 0.9:
                clients[place_of].apply(changes)
    for shelf in place.shelves:
        shelf.vanishing = set()
    for client in clients:
        await place.catch_up(client)
        assert client.kept == place.truth()
