"""How a socket joins a topic: allowed, caught up, and then a member, without a moment in which something is missed."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from banyan.infra.database.work import Work
from banyan.infra.declare import Logged, Place, StateSource, Topic
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import FrameId, Subscribed, SubscribedMany, encode, event_text
from banyan.infra.realtime.gathering import Gathering
from banyan.infra.realtime.hub import Channel, Hub
from banyan.infra.realtime.log_reader import PAGE, LogReader, begin_anew
from banyan.infra.realtime.metrics import FRAMES_OUT
from banyan.kernel.errors import NotFound, Unavailable

# Cuts come seldom; one between every two looks would be a fault.
_MOST_LOOKS = 20


class _Start(NamedTuple):
    """Where a member begins: at `place`, with `logged` to be sent first."""

    place: Place
    logged: Sequence[Logged]
    recovered: bool


class Joining:
    """Joins sockets of one process to channels of one hub."""

    def __init__(self, hub: Hub, reader: LogReader, gathering: Gathering, new_work: Callable[[], Work]) -> None:
        self._hub = hub
        self._reader = reader
        self._gathering = gathering
        self._new_work = new_work

    async def join(
        self, connection: Connection, topic: Topic, key: str, place: Place | None, id: FrameId | None
    ) -> None:
        """Raises NotFound for who may not, as for a topic that does not exist."""
        # The channel is there before the log is read: what is committed after that is heard of.
        channel = self._hub.open(topic, key, connection.account_id)
        try:
            touched = channel.touched
            start = await self._look(connection, channel, place)
            if connection.closed:
                return
            if start is None:
                self._hub.join(connection, channel, None)
                connection.tell(Subscribed(channel.name, durable=False, recovered=False, id=id))
                if topic.states is not None:
                    self._gathering.welcome(connection, [channel])
                return
            self._begin(connection, channel, start, id)
            if touched != channel.touched or len(start.logged) >= PAGE:
                self._reader.prompt(channel)
        finally:
            self._hub.settle(channel)

    async def join_many(
        self, connection: Connection, topic: Topic, source: StateSource, keys: Sequence[str], id: FrameId | None
    ) -> None:
        """Several keys of a topic of states at once; those refused are named in the answer."""
        channels = {key: self._hub.open(topic, key, connection.account_id) for key in dict.fromkeys(keys)}
        try:
            allowed = await self._find_allowed(connection, source, list(channels))
            if connection.closed:
                return
            joined = [channel for key, channel in channels.items() if key in allowed]
            refused = [channel.name for key, channel in channels.items() if key not in allowed]
            for channel in joined:
                self._hub.join(connection, channel, None)
            connection.tell(SubscribedMany([channel.name for channel in joined], refused, id=id))
            self._gathering.welcome(connection, joined)
        finally:
            for channel in channels.values():
                self._hub.settle(channel)

    async def _find_allowed(self, connection: Connection, source: StateSource, keys: Sequence[str]) -> Collection[str]:
        """Again where something was cut meanwhile."""
        viewer_id = connection.account_id
        if viewer_id is None:
            return ()
        for _ in range(_MOST_LOOKS):
            cuts = self._hub.cuts
            async with self._new_work() as work:
                allowed = await source.may_join(work, viewer_id, keys)
            if cuts == self._hub.cuts:
                return allowed
        raise Unavailable("Try again.", retry_after_seconds=1)

    async def _look(self, connection: Connection, channel: Channel, place: Place | None) -> _Start | None:
        """Whether they may, and from where on; None of a live topic. Again where something was cut meanwhile."""
        for _ in range(_MOST_LOOKS):
            cuts = self._hub.cuts
            async with self._new_work() as work:
                if not await channel.topic.may_join(work, connection.account_id, channel.key):
                    raise NotFound("There is no such topic.")
                start = await self._find_start(work, connection, channel, place)
            if cuts == self._hub.cuts:
                return start
        raise Unavailable("Try again.", retry_after_seconds=1)

    async def _find_start(
        self, work: Work, connection: Connection, channel: Channel, place: Place | None
    ) -> _Start | None:
        topic_log, viewer_id = channel.topic.log, connection.account_id
        if topic_log is None or viewer_id is None:
            return None
        if place is not None:
            logged = await topic_log.read(work, [viewer_id], channel.key, place, PAGE)
            if logged is not None:
                return _Start(place, logged, recovered=True)
        return _Start(await topic_log.head(work, viewer_id, channel.key), (), recovered=False)

    def _begin(self, connection: Connection, channel: Channel, start: _Start, id: FrameId | None) -> None:
        place = start.place
        if channel.epoch is not None and channel.epoch != place.epoch:
            begin_anew(channel, place)
        channel.epoch = place.epoch
        connection.tell(
            Subscribed(
                channel.name,
                durable=True,
                recovered=start.recovered,
                epoch=place.epoch,
                offset=place.offset,
                id=id,
            )
        )
        offset = place.offset
        for one in start.logged:
            if not connection.takes_more():
                break
            connection.send(event_text(channel.name, encode(one.seen_by(connection.account_id)), one.offset))
            FRAMES_OUT.inc()
            offset = one.offset
        if not connection.closed:
            self._hub.join(connection, channel, offset)
