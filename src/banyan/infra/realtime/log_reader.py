"""Reads the logs of durable topics for those who have joined them: on a hint that something may have come, on a gap.

Hints are coalesced: a channel is read once for any number of them, and then rests for a moment. Who was away long gets
what they missed as fast as they read it: on a thin line it must not pile up here until they are cut for it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import structlog

from banyan.infra.background import Background
from banyan.infra.database.work import Work
from banyan.infra.declare import Logged, Place, TopicLog
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import Subscribed, encode, event_text
from banyan.infra.realtime.hub import Channel, Offset
from banyan.infra.realtime.metrics import DELIVERY_SECONDS, FRAMES_OUT, READ_FAILURES
from banyan.infra.realtime.wire import framed
from banyan.kernel.errors import Unavailable

log = structlog.get_logger("banyan.realtime")

_REST_SECONDS = 0.25
_AFTER_FAILURE_SECONDS = 1.0
PAGE = 200
_CHUNK = 128
# Events of a page that go to a member by one system call.
_TOGETHER = 32
_BYTES_TOGETHER = 32 * 1024

# What a channel is in, as its `state`.
_IDLE, _QUEUED, _READING, _STALE, _RESTING, _RESTING_STALE = range(6)


class LogReader(Background):
    """Brings every member of a durable channel up to the end of its log."""

    # So many channels are read at once: the pool serves requests as well.
    _at_once = 2

    def __init__(self, new_work: Callable[[], Work]) -> None:
        self._new_work = new_work
        self._queue: asyncio.Queue[Channel] = asyncio.Queue()

    def prompt(self, channel: Channel) -> None:
        """Something may have been logged."""
        channel.touched += 1
        channel.prompted_at = channel.prompted_at or time.monotonic()
        if channel.state == _IDLE:
            channel.state = _QUEUED
            self._queue.put_nowait(channel)
        elif channel.state == _READING:
            channel.state = _STALE
        elif channel.state == _RESTING:
            channel.state = _RESTING_STALE

    async def _run(self) -> None:
        while True:
            channel = await self._queue.get()
            channel.state = _READING
            rest_seconds = _REST_SECONDS
            prompted_at, channel.prompted_at = channel.prompted_at, 0.0
            try:
                if await self.read(channel):
                    DELIVERY_SECONDS.observe(time.monotonic() - prompted_at)
            except Exception as error:
                READ_FAILURES.inc()
                channel.state = _STALE
                rest_seconds = _AFTER_FAILURE_SECONDS
                if not isinstance(error, Unavailable):
                    log.exception("the log of a topic cannot be read", topic=channel.name)
            channel.state = _RESTING_STALE if channel.state == _STALE else _RESTING
            asyncio.get_running_loop().call_later(rest_seconds, self._wake, channel)

    def _wake(self, channel: Channel) -> None:
        stale = channel.state == _RESTING_STALE
        channel.state = _IDLE
        if stale and channel.members:
            self.prompt(channel)

    async def read(self, channel: Channel) -> int:
        """Sends everybody what they have not got yet: how many events there were. Raises for the database's sake."""
        topic_log = channel.topic.log
        found = 0
        # Each turn brings those who stand together one page on.
        while topic_log is not None and (groups := _groups(channel)):
            pages = [await self._read_on(channel, topic_log, offset, members) for offset, members in groups]
            found += sum(pages)
            if max(pages) < PAGE:
                break
        return found

    async def _read_on(
        self, channel: Channel, topic_log: TopicLog, offset: int | str, members: Sequence[Connection]
    ) -> int:
        """One page for those who stand at `offset`: how many events it has."""
        viewer_ids = list({member.account_id for member in members if member.account_id is not None})
        if not viewer_ids or channel.epoch is None:
            return 0
        async with self._new_work() as work:
            place = Place(channel.epoch, offset)
            logged = await topic_log.read(work, viewer_ids, channel.key, place, PAGE)
            head = await topic_log.head(work, viewer_ids[0], channel.key) if logged is None else None
        if head is not None:
            begin_anew(channel, head)
            return 0
        await _send_page(channel, offset, logged or (), members)
        return len(logged or ())


def _groups(channel: Channel) -> list[tuple[int | str, list[Connection]]]:
    """The members by where they stand; without those who do not read what they have been sent."""
    groups: dict[int | str, list[Connection]] = {}
    for connection, offset in channel.members.items():
        if offset is not None and connection.takes_more():
            groups.setdefault(offset, []).append(connection)
    return list(groups.items())


def begin_anew(channel: Channel, head: Place) -> None:
    """The log no longer reaches back to somebody: nobody there can be sure, so all are told."""
    channel.epoch = head.epoch
    for connection in list(channel.members):
        channel.members[connection] = head.offset
        connection.tell(Subscribed(channel.name, durable=True, recovered=False, epoch=head.epoch, offset=head.offset))


async def _send_page(channel: Channel, offset: Offset, logged: Sequence[Logged], members: Sequence[Connection]) -> None:
    """Each gets what follows where they stand by now: of some events others told them meanwhile."""
    for part in _parts(channel.name, offset, logged):
        for place in range(0, len(members), _CHUNK):
            for connection in members[place : place + _CHUNK]:
                part.send(channel, connection)
            if len(members) > _CHUNK:
                await asyncio.sleep(0)


def _parts(topic: str, before: Offset, logged: Sequence[Logged]) -> Iterator["_Part"]:
    """A page in parts, each of one event at least."""
    frames = [framed(event_text(topic, encode(one.event), one.offset)) for one in logged]
    start = size = 0
    for end, frame in enumerate(frames, 1):
        size += len(frame)
        full = end - start == _TOGETHER or end == len(frames) or size + len(frames[end]) > _BYTES_TOGETHER
        if full:
            yield _Part(topic, before, logged[start:end], frames[start:end])
            before, start, size = logged[end - 1].offset, end, 0


class _Part:
    """Events of a log that are sent together, encoded once however many members there are."""

    def __init__(self, topic: str, before: Offset, logged: Sequence[Logged], frames: Sequence[bytes]) -> None:
        self._logged = logged
        self._frames = frames
        self._others = [
            frame if one.instead is None else framed(event_text(topic, encode(one.instead), one.offset))
            for one, frame in zip(logged, self._frames, strict=True)
        ]
        self._hidden_from = frozenset[UUID]().union(*(one.hidden_from for one in logged))
        self._all = b"".join(self._frames)
        # How many of them somebody has who stands there.
        self._known: dict[Offset, int] = {before: 0} | {one.offset: n for n, one in enumerate(logged, 1)}
        self.end = logged[-1].offset

    def send(self, channel: Channel, connection: Connection) -> None:
        """What of it this member has not got; nothing to who is no member any more, or stands elsewhere."""
        known = self._known.get(channel.members.get(connection))
        if known is None or known == len(self._logged) or not connection.takes_more():
            return
        channel.members[connection] = self.end
        FRAMES_OUT.inc(len(self._logged) - known)
        account_id = connection.account_id
        if account_id in self._hidden_from:
            rest = zip(self._logged[known:], self._frames[known:], self._others[known:], strict=True)
            connection.write(b"".join(other if account_id in one.hidden_from else frame for one, frame, other in rest))
        else:
            connection.write(b"".join(self._frames[known:]) if known else self._all)
