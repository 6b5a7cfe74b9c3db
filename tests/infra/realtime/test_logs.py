"""A durable topic whose events are numbered: whatever the way there does to them, each member gets all, in order."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from banyan.infra.database.handoff import Handoff
from banyan.infra.database.work import Work
from banyan.infra.declare import Logged, Place, Topic
from banyan.infra.realtime import hub, log_reader
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import SubscribeFrame
from banyan.infra.realtime.gateway import Realtime
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.wire import NO_FILE, Wire
from banyan.kernel.ids import new_id


class Number(Struct):
    """An event."""

    number: int


class MemoryLog:
    """A log of numbers that forgets its beginning, or everything, when it is told to."""

    def __init__(self) -> None:
        self.epoch = "first"
        self.last = 0
        self.floor = 0
        # From these people every third number is hidden.
        self.blind: set[UUID] = set()

    async def head(self, work: Work, viewer_id: UUID, key: str) -> Place:
        return Place(self.epoch, self.last)

    async def read(
        self, work: Work, viewer_ids: Sequence[UUID], key: str, place: Place, limit: int
    ) -> Sequence[Logged] | None:
        offset = place.offset
        if place.epoch != self.epoch or not isinstance(offset, int) or not self.floor <= offset <= self.last:
            return None
        blind = frozenset(self.blind.intersection(viewer_ids))
        return [
            Logged(n, Number(n), Number(0), blind) if n % 3 == 0 else Logged(n, Number(n))
            for n in range(offset + 1, min(self.last, offset + limit) + 1)
        ]


class Paper:
    """In place of a socket: what was sent."""

    unread_bytes = 0
    direct = NO_FILE

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.writes = 0
        # After so many more writes it is full, and says so.
        self.room = 1_000_000
        self.on_full: Callable[[], None] = lambda: None

    def write(self, frames: bytes) -> None:
        self.writes += 1
        self.room -= 1
        if self.room == 0:
            self.on_full()
        while frames:
            short = frames[1] < 126
            size, begin = (frames[1], 2) if short else (int.from_bytes(frames[2:4]), 4)
            self.frames.append(msgspec.json.decode(frames[begin : begin + size]))
            frames = frames[begin + size :]

    def close(self, code: object, reason: str) -> None:
        """Nothing."""

    def abort(self) -> None:
        """Nothing."""


class Member:
    """A client: `seen` are the numbers since it last had to begin anew, at `base`."""

    def __init__(self, realtime: Realtime) -> None:
        self.realtime = realtime
        self.place: tuple[str, int] | None = None
        self.base = 0
        self.seen: list[int] = []
        self.open()

    def open(self) -> None:
        self.paper = Paper()
        self.connection: Connection = self.realtime._open(cast(Wire, self.paper), "192.0.2.1")
        self.connection.account_id = new_id()
        self.connection.greeted = True
        self.realtime.hub.add(self.connection)
        self.paper.on_full = self.connection.pause

    def read_on(self) -> None:
        """Makes room on the paper again."""
        self.paper.room = 1_000_000
        self.connection.resume()

    async def join(self) -> None:
        epoch, offset = self.place or (None, None)
        await self.realtime._do(self.connection, SubscribeFrame("log:1", epoch, offset))

    def take(self) -> None:
        for frame in self.paper.frames:
            if frame["type"] == "subscribed":
                self.place = (frame["epoch"], frame["offset"])
                if not frame["recovered"]:
                    self.base, self.seen = frame["offset"], []
            else:
                assert frame["offset"] == frame["data"]["number"]
                self.place = (self.place[0] if self.place else "", frame["offset"])
                self.seen.append(frame["offset"])
        self.paper.frames.clear()

    def numbers(self) -> list[int]:
        return [frame["data"]["number"] for frame in self.paper.frames if frame["type"] == "event"]

    def drop(self) -> None:
        self.take()
        self.connection.lose()


async def _always(work: Work, viewer_id: UUID | None, key: str) -> bool:
    return True


def _gateway(log: MemoryLog) -> Realtime:
    topic = Topic("log", _always, log=log)
    return Realtime(RealtimeSettings(), [topic], lambda: Work(cast(Handoff, None)), cast(Any, None), cast(Any, None))


async def test_who_stands_at_the_same_place_is_sent_what_each_may_see() -> None:
    log = MemoryLog()
    realtime = _gateway(log)
    blind, seeing = Member(realtime), Member(realtime)
    for member in (blind, seeing):
        await member.join()
    log.blind = {cast(UUID, blind.connection.account_id)}
    log.last = 4
    await _catch_up(realtime)
    assert blind.numbers() == [1, 2, 0, 4]
    assert seeing.numbers() == [1, 2, 3, 4]
    late = Member(realtime)
    log.blind.add(cast(UUID, late.connection.account_id))
    late.place = (log.epoch, 1)
    await late.join()
    assert late.numbers() == [2, 0, 4]


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
async def test_events_may_be_lost_doubled_and_out_of_order(seed: int) -> None:
    await _live(random.Random(seed))


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
async def test_so_they_may_while_a_large_topic_is_served_member_by_member(seed: int) -> None:
    """Events wait meanwhile and go out together, members come and go between two of them."""
    with patch.multiple(hub, _SMALL=0, _CHUNK_SECONDS=0.0, _CLOCK_EVERY=1):
        await _live(random.Random(seed))


async def _live(draw: random.Random) -> None:
    """A random life of a log and its members, at the end of which each has everything since they began anew."""
    log = MemoryLog()
    realtime = _gateway(log)
    members = [Member(realtime) for _ in range(3)]
    for member in members:
        await member.join()
    late: list[int] = []
    for _ in range(draw.randrange(1, 60)):
        action = draw.random()
        if action < 0.7:
            log.last += 1
            late.append(log.last)
            if draw.random() < 0.7:
                draw.shuffle(late)
                for seq in late + late[:1]:
                    if draw.random() < 0.9:
                        realtime.publish("log:1", msgspec.json.encode(Number(seq)), seq, 0.0)
                late.clear()
        elif action < 0.9:
            member = draw.choice(members)
            member.drop()
            member.open()
            # What they missed may be more than they read at once.
            member.paper.room = draw.choice((1, 2, 3, 1_000_000))
            await member.join()
            if draw.random() < 0.5:
                await _catch_up(realtime)
                member.read_on()
        elif action < 0.93:
            log.floor = log.last
        elif action < 0.95:
            # A log begins again in another process than the one that served it before.
            await _pumped(realtime)
            log.epoch, log.last, log.floor = f"epoch {draw.random()}", draw.randrange(5), 0
            await _catch_up(realtime)
        else:
            await _catch_up(realtime)
        if draw.random() < 0.3:
            await asyncio.sleep(0)
    await _pumped(realtime)
    for member in members:
        member.read_on()
    await _catch_up(realtime)
    for member in members:
        member.take()
        assert member.seen == list(range(member.base + 1, log.last + 1))
        assert member.place == (log.epoch, log.last)


async def _pumped(realtime: Realtime) -> None:
    """Everything that waits is handed out."""
    while any(channel.queue is not None for channel in realtime.hub.channels.values()):
        await asyncio.sleep(0)


async def _catch_up(realtime: Realtime) -> None:
    for channel in list(realtime.hub.channels.values()):
        await realtime.reader.read(channel)


async def test_events_that_wait_go_out_together_and_in_order() -> None:
    log = MemoryLog()
    realtime = _gateway(log)
    member, late = Member(realtime), Member(realtime)
    await member.join()
    with patch.multiple(hub, _SMALL=0):
        for number in range(1, 6):
            log.last = number
            realtime.publish("log:1", msgspec.json.encode(Number(number)), number, 0.0)
        # Who joins before they go has those already that were in the log.
        await late.join()
        assert member.numbers() == []
        await _pumped(realtime)
    assert member.numbers() == [1, 2, 3, 4, 5]
    assert (late.numbers(), late.paper.frames[0]["offset"]) == ([], 5)
    # The answer to joining, and one write for all five.
    assert member.paper.writes == 2


async def test_what_was_missed_comes_as_fast_as_it_is_read() -> None:
    log = MemoryLog()
    realtime = _gateway(log)
    member, other = Member(realtime), Member(realtime)
    log.last = 150
    member.place = (log.epoch, 0)
    # The answer to joining, and five events.
    member.paper.room = 6
    await member.join()
    await other.join()
    assert member.numbers() == [1, 2, 3, 4, 5]
    # Events that come now are for those who stand before them.
    log.last = 151
    realtime.publish("log:1", msgspec.json.encode(Number(151)), 151, 0.0)
    await _catch_up(realtime)
    assert (member.numbers(), other.numbers()) == ([1, 2, 3, 4, 5], [151])
    # In parts of 32: two of them fill the paper again.
    member.read_on()
    member.paper.room = 2
    await _catch_up(realtime)
    assert member.numbers() == list(range(1, 70))
    member.read_on()
    assert realtime.hub.channels["log:1"].state != 0
    await _catch_up(realtime)
    assert member.numbers() == list(range(1, 152))
    assert not member.connection.closed


async def test_large_events_go_out_one_by_one() -> None:
    log = MemoryLog()
    realtime = _gateway(log)
    member = Member(realtime)
    await member.join()
    log.last = 4
    with patch.multiple(log_reader, _BYTES_TOGETHER=1):
        await _catch_up(realtime)
    # The answer to joining, and each of the events.
    assert (member.numbers(), member.paper.writes) == ([1, 2, 3, 4], 5)


async def test_however_much_is_in_doubt_everybody_is_looked_at_once_more() -> None:
    looked: list[UUID] = []

    async def find_role(work: Work, account_id: UUID, session_id: UUID) -> str:
        looked.append(session_id)
        await asyncio.sleep(0)
        return "member"

    realtime = _gateway(MemoryLog())
    realtime._find_role = find_role
    members = [Member(realtime) for _ in range(3)]
    for member in members:
        member.connection.session_id = new_id()
    realtime.reset()
    while not looked:
        await asyncio.sleep(0)
    # What comes while that is under way is looked at afterwards, all together.
    for _ in range(50):
        realtime.reset()
    while realtime._tasks:
        await asyncio.sleep(0)
    assert len(looked) == 2 * len(members)
