"""Who has joined what in this process, and the hand-out of events to them.

A large topic is served in chunks of a millisecond with a turn of the event loop between them, so that a broadcast
delays what is meant for one client by no more than a chunk. Events of one topic stay in order; of several topics each
gets its turn.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from banyan.infra.declare import Topic
from banyan.infra.realtime.connection import Connection, write_to_each
from banyan.infra.realtime.frames import encode, event_text
from banyan.infra.realtime.metrics import DELIVERY_SECONDS, FAN_OUT_SECONDS, FRAMES_OUT
from banyan.infra.realtime.wire import framed

# So many are served on the spot; beyond, in chunks.
_SMALL = 128
# A chunk ends after so long: what is meant for one client waits no longer than that behind a broadcast.
_CHUNK_SECONDS = 0.001
_CLOCK_EVERY = 32
# Events that wait for one topic go out together, one system call for all of them: the more comes, the cheaper.
_MOST_TOGETHER = 32
_MOST_BYTES_TOGETHER = 32 * 1024

_NOTHING: Mapping[str, "Channel"] = {}

Offset = int | str | None


class Event(NamedTuple):
    """One event on its way to the members of a channel, ready for the wire."""

    frame: bytes
    seq: int | None
    committed_at: float
    published_at: float


class Batch:
    """Events that go out together: all live, or all numbered without a gap between them."""

    __slots__ = ("events", "frames", "members", "place")

    def __init__(self, events: list[Event], members: list[Connection]) -> None:
        self.events = events
        self.frames = events[0].frame if len(events) == 1 else b"".join(event.frame for event in events)
        # Whoever comes later is not among them: they are told where they begin.
        self.members = members
        self.place = 0


class Channel:
    """One topic that sockets of this process have joined, with where each of them stands in its log."""

    __slots__ = (
        "epoch",
        "id",
        "joining",
        "key",
        "members",
        "name",
        "owner_id",
        "prompted_at",
        "queue",
        "sending",
        "state",
        "told",
        "topic",
        "touched",
    )

    def __init__(self, id: str, name: str, topic: Topic, key: str, owner_id: UUID | None) -> None:
        self.id = id
        # As clients call it.
        self.name = name
        self.topic = topic
        self.key = key
        # Whose it is where everybody has their own under the same name.
        self.owner_id = owner_id
        self.members: dict[Connection, Offset] = {}
        self.epoch: str | None = None
        # What waits, and what is on its way; None while nothing is.
        self.queue: deque[Event] | None = None
        self.sending: Batch | None = None
        self.joining = 0
        # Grows with everything that is heard of it: who joins sees whether something came meanwhile.
        self.touched = 0
        # The first hint since its log was last read; 0 while there is none.
        self.prompted_at = 0.0
        self.state = 0
        # Of a topic of states: what all members know, or are about to be told.
        self.told: bytes | None = None


class Hub:
    """Channels and connections of one process. `on_gap` is called with a channel whose log has to be read."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        # Tuples: nearly everybody has one, for which a list takes twice as much.
        self.people: dict[UUID, tuple[Connection, ...]] = {}
        self.sessions: dict[UUID, tuple[Connection, ...]] = {}
        self.on_gap: Callable[[Channel], None] = _ignore
        self.on_open: Callable[[Channel], None] = _ignore
        self.on_close: Callable[[Channel], None] = _ignore
        self.on_touch: Callable[[Channel], None] = _ignore
        # The first socket of a person in this process, and the end of the last one.
        self.on_arrival: Callable[[UUID], None] = _ignore
        self.on_departure: Callable[[UUID], None] = _ignore
        # Grows with every cut: who asks whether somebody may join sees whether the answer still holds.
        self.cuts = 0
        # By connection and name; nothing of one that has joined nothing.
        self._joined: dict[Connection, dict[str, Channel]] = {}
        self._busy: deque[Channel] = deque()
        self._pumping = False

    def add(self, connection: Connection) -> None:
        """A connection of a person."""
        if connection.account_id is not None:
            if connection.account_id not in self.people:
                self.on_arrival(connection.account_id)
            self.people[connection.account_id] = (*self.people.get(connection.account_id, ()), connection)
        if connection.session_id is not None:
            self.sessions[connection.session_id] = (*self.sessions.get(connection.session_id, ()), connection)

    def remove(self, connection: Connection) -> None:
        """Forgets a connection and all that it has joined."""
        for channel in list(self.joined(connection).values()):
            self.leave(connection, channel)
        was_here = connection.account_id in self.people
        _drop(self.people, connection.account_id, connection)
        if was_here and connection.account_id is not None and connection.account_id not in self.people:
            self.on_departure(connection.account_id)
        _drop(self.sessions, connection.session_id, connection)

    def open(self, topic: Topic, key: str, account_id: UUID | None) -> Channel:
        """The channel that somebody is about to join; `settle` it afterwards, whatever happened."""
        name = f"{topic.name}:{key}" if key else topic.name
        owner_id = account_id if topic.durable and not key else None
        id = name if owner_id is None else f"{name}:{owner_id}"
        channel = self.channels.get(id)
        if channel is None:
            channel = self.channels[id] = Channel(id, name, topic, key, owner_id)
            self.on_open(channel)
        channel.joining += 1
        return channel

    def settle(self, channel: Channel) -> None:
        """The other half of `open`."""
        channel.joining -= 1
        self._close_if_empty(channel)

    def join(self, connection: Connection, channel: Channel, offset: Offset) -> None:
        channel.members[connection] = offset
        self._joined.setdefault(connection, {})[channel.name] = channel

    def leave(self, connection: Connection, channel: Channel) -> None:
        channel.members.pop(connection, None)
        joined = self._joined.get(connection, {})
        if joined.get(channel.name) is channel:
            del joined[channel.name]
            if not joined:
                del self._joined[connection]
        self._close_if_empty(channel)

    def publish(self, id: str, data: Struct | bytes, seq: int | None, committed_at: float) -> None:
        """Hands an event to everybody who has joined that channel; it is encoded where there is somebody."""
        channel = self.channels.get(id)
        if channel is None:
            return
        channel.touched += 1
        if channel.topic.states is not None:
            self.on_touch(channel)
            return
        content = data if isinstance(data, bytes) else encode(data)
        event = Event(framed(event_text(channel.name, content, seq)), seq, committed_at, time.monotonic())
        if channel.queue is not None:
            channel.queue.append(event)
        elif len(channel.members) <= _SMALL:
            self._hand_out(channel, Batch([event], list(channel.members)), math.inf)
        else:
            channel.queue = deque((event,))
            self._busy.append(channel)
            if not self._pumping:
                self._pumping = True
                asyncio.get_running_loop().call_soon(self._pump)

    def joined(self, connection: Connection) -> Mapping[str, Channel]:
        """What a connection has joined, by name."""
        return self._joined.get(connection, _NOTHING)

    def joined_by(self, person_ids: Iterable[UUID], name: str) -> list[tuple[Connection, Channel]]:
        """What these people have joined under one name."""
        return [
            (connection, self.joined(connection)[name])
            for person_id in person_ids
            for connection in self.people.get(person_id, ())
            if name in self.joined(connection)
        ]

    def _close_if_empty(self, channel: Channel) -> None:
        if not channel.members and not channel.joining and self.channels.get(channel.id) is channel:
            del self.channels[channel.id]
            self.on_close(channel)

    def _pump(self) -> None:
        """One chunk of one channel, then a turn of the loop."""
        channel = self._busy.popleft()
        if channel.sending is None and channel.queue:
            channel.sending = Batch(_take_together(channel.queue), list(channel.members))
        if channel.sending is not None and self._hand_out(channel, channel.sending, time.monotonic() + _CHUNK_SECONDS):
            channel.sending = None
        if channel.sending is None and not channel.queue:
            channel.queue = None
        else:
            self._busy.append(channel)
        self._pumping = bool(self._busy)
        if self._pumping:
            asyncio.get_running_loop().call_soon(self._pump)

    def _hand_out(self, channel: Channel, batch: Batch, until: float) -> bool:
        """Goes on with a batch until that moment; True when it is through."""
        hand_out = _hand_out_live if batch.events[0].seq is None else _hand_out_numbered
        complete = True
        while batch.place < len(batch.members):
            few = batch.members[batch.place : batch.place + _CLOCK_EVERY]
            batch.place += len(few)
            if not hand_out(channel, batch, few):
                complete = False
            if time.monotonic() >= until:
                break
        if not complete:
            self.on_gap(channel)
        if batch.place < len(batch.members):
            return False
        FRAMES_OUT.inc(len(batch.members) * len(batch.events))
        now = time.monotonic()
        for event in batch.events:
            FAN_OUT_SECONDS.observe(now - event.published_at)
            DELIVERY_SECONDS.observe(now - event.committed_at)
        return True


def _take_together(queue: deque[Event]) -> list[Event]:
    """The next events that may go out in one batch, out of the queue."""
    events = [queue.popleft()]
    size = len(events[0].frame)
    while queue and len(events) < _MOST_TOGETHER:
        last, following = events[-1], queue[0]
        size += len(following.frame)
        follows = following.seq is None if last.seq is None else following.seq == last.seq + 1
        if size > _MOST_BYTES_TOGETHER or not follows:
            break
        events.append(queue.popleft())
    return events


def _hand_out_live(channel: Channel, batch: Batch, few: Iterable[Connection]) -> bool:
    members = channel.members
    write_to_each([connection for connection in few if connection in members], batch.frames)
    return True


def _hand_out_numbered(channel: Channel, batch: Batch, few: Iterable[Connection]) -> bool:
    """To those who have everything before it; False when somebody has not."""
    members = channel.members
    first, last = batch.events[0].seq or 0, batch.events[-1].seq or 0
    complete = True
    ready: list[Connection] = []
    for connection in few:
        stands_at = members.get(connection)
        if not isinstance(stands_at, int) or stands_at >= last:
            continue
        if stands_at < first - 1:
            complete = False
            continue
        members[connection] = last
        if stands_at == first - 1:
            ready.append(connection)
        else:
            connection.write(b"".join(event.frame for event in batch.events[stands_at - first + 1 :]))
    write_to_each(ready, batch.frames)
    return complete


def _drop(index: dict[UUID, tuple[Connection, ...]], key: UUID | None, connection: Connection) -> None:
    if key is None or key not in index:
        return
    others = tuple(other for other in index[key] if other is not connection)
    if others:
        index[key] = others
    else:
        del index[key]


def _ignore(channel_or_person: object) -> None:
    """Nobody has asked to be told."""
