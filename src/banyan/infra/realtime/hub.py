"""Who has joined what in this process, and the hand-out of events to them.

A large topic is served in chunks with a turn of the event loop between them, so that a broadcast delays what is meant
for one client by no more than a chunk. Events of one topic stay in order; of several topics each gets its turn.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from uuid import UUID

from banyan.infra.declare import Topic
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import event_text
from banyan.infra.realtime.metrics import DELIVERY_SECONDS, FAN_OUT_SECONDS, FRAMES_OUT

# About a millisecond of work.
_CHUNK = 128

Offset = int | str | None


class Event:
    """One event on its way to the members of a channel."""

    __slots__ = ("committed_at", "members", "place", "seq", "started_at", "text")

    def __init__(self, text: bytes, seq: int | None, members: list[Connection], committed_at: float) -> None:
        self.text = text
        self.seq = seq
        self.members = members
        self.place = 0
        self.committed_at = committed_at
        self.started_at = time.monotonic()


class Channel:
    """One topic that sockets of this process have joined, with where each of them stands in its log."""

    __slots__ = ("epoch", "id", "joining", "key", "members", "name", "owner_id", "queue", "state", "topic", "touched")

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
        self.queue: deque[Event] | None = None
        self.joining = 0
        # Grows with everything that is heard of it: who joins sees whether something came meanwhile.
        self.touched = 0
        self.state = 0


class Hub:
    """Channels and connections of one process. `on_gap` is called with a channel whose log has to be read."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.people: dict[UUID, list[Connection]] = {}
        self.sessions: dict[UUID, list[Connection]] = {}
        self.on_gap: Callable[[Channel], None] = _ignore
        self.on_open: Callable[[Channel], None] = _ignore
        self.on_close: Callable[[Channel], None] = _ignore
        # Grows with every cut: who asks whether somebody may join sees whether the answer still holds.
        self.cuts = 0
        self._busy: deque[Channel] = deque()
        self._pumping = False

    def add(self, connection: Connection) -> None:
        """A connection of a person."""
        if connection.account_id is not None:
            self.people.setdefault(connection.account_id, []).append(connection)
        if connection.session_id is not None:
            self.sessions.setdefault(connection.session_id, []).append(connection)

    def remove(self, connection: Connection) -> None:
        """Forgets a connection and all that it has joined."""
        for channel in list(connection.channels.values()):
            self.leave(connection, channel)
        _drop(self.people, connection.account_id, connection)
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
        connection.channels[channel.name] = channel

    def leave(self, connection: Connection, channel: Channel) -> None:
        channel.members.pop(connection, None)
        if connection.channels.get(channel.name) is channel:
            del connection.channels[channel.name]
        self._close_if_empty(channel)

    def publish(self, id: str, data: bytes, seq: int | None, committed_at: float) -> None:
        """Hands an event to everybody who has joined that channel."""
        channel = self.channels.get(id)
        if channel is None:
            return
        channel.touched += 1
        text = event_text(channel.name, data, seq)
        event = Event(text, seq, list(channel.members), committed_at)
        if channel.queue is None and len(event.members) <= _CHUNK:
            self._hand_out(channel, event)
            return
        if channel.queue is None:
            channel.queue = deque()
            self._busy.append(channel)
        channel.queue.append(event)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def joined_by(self, person_ids: Iterable[UUID], name: str) -> list[tuple[Connection, Channel]]:
        """What these people have joined under one name."""
        return [
            (connection, connection.channels[name])
            for person_id in person_ids
            for connection in self.people.get(person_id, ())
            if name in connection.channels
        ]

    def _close_if_empty(self, channel: Channel) -> None:
        if not channel.members and not channel.joining and self.channels.get(channel.id) is channel:
            del self.channels[channel.id]
            self.on_close(channel)

    def _pump(self) -> None:
        """One chunk of one channel, then a turn of the loop."""
        channel = self._busy.popleft()
        queue = channel.queue
        if queue:
            if self._hand_out(channel, queue[0]):
                queue.popleft()
            if queue:
                self._busy.append(channel)
            else:
                channel.queue = None
        self._pumping = bool(self._busy)
        if self._pumping:
            asyncio.get_running_loop().call_soon(self._pump)

    def _hand_out(self, channel: Channel, event: Event) -> bool:
        """The next chunk of an event; True when it was the last."""
        chunk = event.members[event.place : event.place + _CHUNK]
        event.place += _CHUNK
        if event.seq is None:
            members = channel.members
            for connection in chunk:
                if connection in members:
                    connection.send(event.text)
        elif not _send_in_order(channel, chunk, event.text, event.seq):
            self.on_gap(channel)
        FRAMES_OUT.inc(len(chunk))
        if event.place < len(event.members):
            return False
        now = time.monotonic()
        FAN_OUT_SECONDS.observe(now - event.started_at)
        DELIVERY_SECONDS.observe(now - event.committed_at)
        return True


def _send_in_order(channel: Channel, chunk: Iterable[Connection], text: bytes, seq: int) -> bool:
    """To those who have everything before it; False when somebody has not."""
    members = channel.members
    complete = True
    for connection in chunk:
        stands_at = members.get(connection)
        if not isinstance(stands_at, int):
            continue
        if stands_at == seq - 1:
            members[connection] = seq
            connection.send(text)
        elif stands_at < seq:
            complete = False
    return complete


def _drop(index: dict[UUID, list[Connection]], key: UUID | None, connection: Connection) -> None:
    if key is None or key not in index:
        return
    others = [other for other in index[key] if other is not connection]
    if others:
        index[key] = others
    else:
        del index[key]


def _ignore(channel: Channel) -> None:
    """Nobody has asked to be told."""
