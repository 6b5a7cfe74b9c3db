"""The realtime gateway of one process: reads frames, binds sockets to accounts, and joins them to topics."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from uuid import UUID

import structlog
from msgspec import Struct

from banyan.infra.auth.principal import Principal
from banyan.infra.auth.tokens import FindRole
from banyan.infra.database.work import Work
from banyan.infra.declare import Place, Topic
from banyan.infra.http.addresses import limit_key
from banyan.infra.realtime import metrics
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.errors import InvalidTicket, NotPublishable, TooManyTopics
from banyan.infra.realtime.frames import (
    VERSION,
    Ack,
    AckMany,
    ClientFrame,
    FrameId,
    HelloFrame,
    Limits,
    PingFrame,
    Pong,
    PublishFrame,
    SubscribeFrame,
    UnsubscribeFrame,
    Welcome,
    error_frame,
    find_id,
    read_frame,
    split_topic,
)
from banyan.infra.realtime.gathering import Gathering
from banyan.infra.realtime.hub import Channel, Hub
from banyan.infra.realtime.joining import Joining
from banyan.infra.realtime.limits import Counts
from banyan.infra.realtime.log_reader import LogReader
from banyan.infra.realtime.pulse import Pulse
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.tickets import Bearer, redeem_ticket
from banyan.infra.realtime.wire import GOING_AWAY, INTERNAL, SocketProtocol, Wire
from banyan.kernel.errors import BanyanError, Invalid, NotFound, Unauthorized

log = structlog.get_logger("banyan.realtime")

VerifyToken = Callable[[Work, str], Awaitable[Principal]]

# Frames of one client that wait for the one before them, beyond a burst that it may send.
_MOST_WAITING = 64
# Frames at work in the database at once, over all clients: a crowd that comes back must leave room for requests.
_AT_ONCE = 4
_CHUNK = 128
_FAREWELL_SECONDS = 2.0


class Realtime:
    """Opened once per process; `admit` and `protocol` are what the HTTP server needs of it."""

    def __init__(
        self,
        settings: RealtimeSettings,
        topics: Sequence[Topic],
        new_work: Callable[[], Work],
        verify_token: VerifyToken,
        find_role: FindRole,
    ) -> None:
        self.settings = settings
        self.hub = Hub()
        self.reader = LogReader(new_work)
        self.topics = _by_name(topics)
        self._new_work = new_work
        self._verify_token = verify_token
        self._find_role = find_role
        self.gathering = Gathering(self.hub, new_work)
        self._joining = Joining(self.hub, self.reader, self.gathering, new_work)
        self._counts = Counts(settings)
        self._pulse = Pulse(settings)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        # Grows with every announcement of ended sessions: a session that was looked up before may be one of them.
        self._ended = 0
        # Something was missed, and everybody has to be looked at anew; that is done by one at a time.
        self._unsure = False
        self._checking = asyncio.Lock()
        self._draining = False
        self.hub.on_gap = self.reader.prompt
        metrics.CONNECTIONS.set_function(lambda: self._counts.total)
        metrics.SUBSCRIPTIONS.set_function(lambda: sum(len(one.members) for one in self.hub.channels.values()))

    # What the HTTP server asks.

    def admit(self, address: str) -> None:
        """Whether one more socket may come from there. Raises TooManySockets."""
        try:
            self._counts.admit(limit_key(address))
        except BanyanError as error:
            metrics.REFUSED_SOCKETS.labels(error.code).inc()
            raise

    def protocol(self, address: str) -> SocketProtocol:
        """What takes over a connection that has asked for a socket."""
        return SocketProtocol(self._open, limit_key(address), self.settings.max_message_bytes)

    # The life of the process.

    async def start(self) -> None:
        await self.reader.start()
        await self.gathering.start()
        await self._pulse.start()

    async def stop(self) -> None:
        """Says goodbye to whoever is left."""
        await self.drain(0)
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while self._connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.wire.abort()
        for task in list(self._tasks):
            task.cancel()
        await self._pulse.stop()
        await self.gathering.stop()
        await self.reader.stop()

    def begin_drain(self, seconds: float) -> None:
        """The process is about to stop: tells clients over the next `seconds` to come back elsewhere."""
        self._spawn(self.drain(seconds))

    async def drain(self, seconds: float) -> None:
        """Each is told to come back at another random moment: all at once would hit the next process like a wave."""
        self._draining = True
        leaving = list(self._connections)
        random.shuffle(leaving)
        pause = seconds * _CHUNK / max(len(leaving), 1)
        for start in range(0, len(leaving), _CHUNK):
            for connection in leaving[start : start + _CHUNK]:
                self._send_away(connection)
            await asyncio.sleep(pause)

    def _send_away(self, connection: Connection) -> None:
        wait_seconds = random.uniform(0, self.settings.reconnect_seconds)
        connection.cut("restarting", reconnect=True, after_seconds=wait_seconds, code=GOING_AWAY)

    # What the bus and the outbox tell.

    def publish(self, topic: str, data: Struct | bytes, seq: int | None, committed_at: float) -> None:
        """An event of a topic, or its JSON, for the sockets of this process."""
        self.hub.publish(topic, data, seq, committed_at)

    def look(self, topic: str) -> None:
        """Something may have been logged on a durable topic."""
        channel = self.hub.channels.get(topic)
        if channel is not None and channel.topic.durable:
            self.reader.prompt(channel)

    def look_for_people(self, person_ids: Iterable[UUID]) -> None:
        """Something of these people's own streams may have changed."""
        for person_id in person_ids:
            self.look(f"me:{person_id}")

    def hear_changed(self, keys: tuple[str, ...]) -> None:
        """As `look_for_people`, as the bus says it."""
        for key in keys:
            self.look(f"me:{key}")

    def hear_cuts(self, keys: tuple[str, ...]) -> None:
        """Topics that people have lost, as `Work.cut` announces them."""
        self.hub.cuts += 1
        for key in keys:
            topic, _, person_id = key.partition(" ")
            if person_id:
                for connection, channel in self.hub.joined_by([UUID(person_id)], topic):
                    self._cut_topic(connection, channel)
            elif topic in self.hub.channels:
                self._spawn(self._ask_again(list(self.hub.channels[topic].members), topic))

    def hear_relations(self, keys: tuple[str, ...]) -> None:
        """What people are to each other has changed: whatever they have joined is asked for again."""
        self.hub.cuts += 1
        for key in keys:
            person_id = UUID(key)
            self.look_for_people([person_id])
            connections = list(self.hub.people.get(person_id, ()))
            if connections:
                self._spawn(self._ask_again(connections, None))

    def hear_sessions(self, keys: tuple[str, ...]) -> None:
        """Sessions that have ended, or whose account has another role now."""
        self._ended += 1
        for key in keys:
            connections = list(self.hub.sessions.get(UUID(key), ()))
            if connections:
                self._spawn(self._check_sessions(connections))

    def reset(self) -> None:
        """Announcements may be missing: everything they could have said is looked up."""
        self.hub.cuts += 1
        self._ended += 1
        self._unsure = True
        self._spawn(self._check_everything())

    # Connections.

    def _open(self, wire: Wire, address: str) -> Connection:
        connection = Connection(self, wire, address)
        self._connections.add(connection)
        self._counts.add(connection)
        self._pulse.add(connection)
        if self._draining:
            self._send_away(connection)
        return connection

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._counts.remove(connection)
            self._pulse.remove(connection)
            self.hub.remove(connection)

    def expect_end(self, connection: Connection) -> None:
        """It was told to go: from now on nothing is sent to it."""
        self._pulse.expect_end(connection)
        self.hub.remove(connection)

    def catch_up(self, connection: Connection) -> None:
        """It reads again: what was not sent of its logs is."""
        for channel in self.hub.joined(connection).values():
            if channel.topic.durable:
                self.reader.prompt(channel)

    def handle(self, connection: Connection, text: str) -> None:
        """One message; those of one client are done in their order."""
        if connection.inbox is None:
            connection.inbox = deque((text,))
            self._spawn(self._work_off(connection, connection.inbox))
        elif len(connection.inbox) < self.settings.frames_at_once + _MOST_WAITING:
            connection.inbox.append(text)
        else:
            connection.flood()

    async def _work_off(self, connection: Connection, inbox: deque[str]) -> None:
        try:
            while inbox and not connection.closed:
                await self._answer(connection, inbox[0])
                inbox.popleft()
        except Exception:
            log.exception("a frame could not be answered")
            connection.cut("internal", reconnect=True, after_seconds=_FAREWELL_SECONDS, code=INTERNAL)
        finally:
            connection.inbox = None

    async def _answer(self, connection: Connection, text: str) -> None:
        frame: ClientFrame | None = None
        try:
            frame = read_frame(text)
            await self._do(connection, frame)
        except BanyanError as error:
            metrics.REFUSED.labels(error.code).inc()
            topic = getattr(frame, "topic", None)
            connection.tell(error_frame(error, topic, find_id(text) if frame is None else frame.id))
            if isinstance(error, Unauthorized) and not connection.greeted:
                connection.cut(error.code, reconnect=False)

    async def _do(self, connection: Connection, frame: ClientFrame) -> None:
        if isinstance(frame, PingFrame):
            connection.tell(Pong(frame.id))
        elif isinstance(frame, HelloFrame):
            async with self._turns:
                await self._greet(connection, frame)
        elif not connection.greeted:
            raise Unauthorized("Say hello first, with a ticket or an access token.")
        elif isinstance(frame, SubscribeFrame):
            async with self._turns:
                await self._subscribe(connection, frame)
        elif isinstance(frame, UnsubscribeFrame):
            self._unsubscribe(connection, frame)
        elif isinstance(frame, PublishFrame):
            async with self._turns:
                await self._publish(connection, frame)

    async def _greet(self, connection: Connection, frame: HelloFrame) -> None:
        if connection.greeted:
            raise Invalid.field("type", "repeated", "One hello per socket.")
        if frame.version != VERSION:
            raise Invalid.field("version", "unknown_version", f"This server speaks version {VERSION}.")
        bearer = await self._identify(frame)
        if connection.closed:
            return
        account_id = bearer.account_id
        if account_id is not None:
            if len(self.hub.people.get(account_id, ())) >= self.settings.sockets_per_account:
                connection.cut("too_many_sockets", reconnect=False)
                return
            connection.account_id, connection.session_id = account_id, bearer.session_id
            self._counts.sign_in(connection)
        connection.greeted = True
        self.hub.add(connection)
        self._pulse.greet(connection)
        connection.tell(self._welcome(connection, frame.id))

    async def _identify(self, frame: HelloFrame) -> Bearer:
        """Whose socket it is, by a session that lives at this moment. Raises Unauthorized."""
        bearer: Bearer | None = None
        while True:
            ended = self._ended
            async with self._new_work() as work:
                if frame.token is not None:
                    principal = await self._verify_token(work, frame.token)
                    bearer = Bearer(principal.account_id, principal.session_id)
                elif bearer is None and frame.ticket is not None:
                    bearer = await redeem_ticket(work, frame.ticket)
                if bearer is None:
                    raise Unauthorized("Send a ticket of GET /v1/realtime, or an access token.")
                if not await self._lives(work, bearer):
                    raise InvalidTicket("Its session has ended: sign in again.")
            # Announcements that came in between may have been about this very session.
            if ended == self._ended:
                return bearer

    async def _lives(self, work: Work, bearer: Bearer) -> bool:
        if bearer.account_id is None:
            return True
        return (
            bearer.session_id is not None
            and await self._find_role(work, bearer.account_id, bearer.session_id) is not None
        )

    def _welcome(self, connection: Connection, id: FrameId | None) -> Welcome:
        settings = self.settings
        limits = Limits(settings.max_message_bytes, settings.frames_per_second, settings.topics_per_socket)
        person_id = None if connection.account_id is None else str(connection.account_id)
        return Welcome(VERSION, person_id, settings.heartbeat_seconds, limits, id)

    # Topics.

    async def _subscribe(self, connection: Connection, frame: SubscribeFrame) -> None:
        if frame.topics:
            await self._subscribe_many(connection, frame)
            return
        name = frame.topic or ""
        topic, key = self._find_topic(connection, name)
        joined = self.hub.joined(connection)
        if len(joined) >= self.settings.topics_per_socket and name not in joined:
            raise TooManyTopics(f"At most {self.settings.topics_per_socket} on one socket.")
        place = None
        if frame.epoch is not None and frame.offset is not None:
            place = Place(frame.epoch, frame.offset)
        await self._joining.join(connection, topic, key, place, frame.id)

    def _find_topic(self, connection: Connection, name: str) -> tuple[Topic, str]:
        """Raises NotFound, for a topic of the kind that this client may never join as well."""
        parts = split_topic(name)
        topic = self.topics.get(parts[0]) if parts else None
        if topic is None or parts is None:
            raise NotFound("There is no such topic.")
        if connection.account_id is None and (topic.durable or not topic.anonymous):
            raise NotFound("There is no such topic.")
        return topic, parts[1]

    async def _subscribe_many(self, connection: Connection, frame: SubscribeFrame) -> None:
        found = [self._find_topic(connection, name) for name in dict.fromkeys(frame.topics)]
        topic = found[0][0]
        if topic.states is None or any(other is not topic for other, _ in found):
            raise Invalid.field("topics", "not_together", "Topics of this kind are joined one by one.")
        joined = self.hub.joined(connection)
        added = sum(name not in joined for name in dict.fromkeys(frame.topics))
        if len(joined) + added > self.settings.topics_per_socket:
            raise TooManyTopics(f"At most {self.settings.topics_per_socket} on one socket.")
        await self._joining.join_many(connection, topic, topic.states, [key for _, key in found], frame.id)

    def _unsubscribe(self, connection: Connection, frame: UnsubscribeFrame) -> None:
        names = frame.topics or (frame.topic or "",)
        for name in names:
            channel = self.hub.joined(connection).get(name)
            if channel is not None:
                self.hub.leave(connection, channel)
        connection.tell(AckMany(list(frame.topics), frame.id) if frame.topics else Ack(names[0], frame.id))

    async def _publish(self, connection: Connection, frame: PublishFrame) -> None:
        topic, key = self._find_topic(connection, frame.topic)
        account_id = connection.account_id
        if topic.publish is None or account_id is None:
            raise NotPublishable("Use the API.")
        if frame.topic not in self.hub.joined(connection):
            raise NotFound("Join the topic first.")
        async with self._new_work() as work:
            await topic.publish(work, account_id, key, frame.data)
        connection.tell(Ack(frame.topic, frame.id))

    def _cut_topic(self, connection: Connection, channel: Channel) -> None:
        # Several announcements of one change are looked into side by side: who has left is told nothing again.
        if self.hub.joined(connection).get(channel.name) is not channel:
            return
        self.hub.leave(connection, channel)
        connection.tell(error_frame(NotFound("It is gone, or no longer yours to see."), channel.name))

    # Looking again.

    async def _ask_again(self, connections: Sequence[Connection], name: str | None) -> None:
        """Whether they may still be where they are: under one name, or everywhere."""
        for connection in connections:
            joined = self.hub.joined(connection)
            channels = list(joined.values()) if name is None else [joined.get(name)]
            for channel in channels:
                if channel is not None and not connection.closed and not await self._may_stay(connection, channel):
                    self._cut_topic(connection, channel)

    async def _may_stay(self, connection: Connection, channel: Channel) -> bool:
        """Without an answer of the database the topic is cut: the client joins again."""
        with suppress(BanyanError):
            async with self._turns, self._new_work() as work:
                return await channel.topic.may_join(work, connection.account_id, channel.key)
        return False

    async def _check_sessions(self, connections: Sequence[Connection]) -> None:
        """Closes those whose session has ended; without an answer of the database they have to come back."""
        for connection in connections:
            bearer = Bearer(connection.account_id, connection.session_id)
            try:
                async with self._turns, self._new_work() as work:
                    lives = await self._lives(work, bearer)
            except BanyanError:
                connection.cut("unavailable", reconnect=True, after_seconds=_FAREWELL_SECONDS)
            else:
                if not lives:
                    connection.cut("session_ended", reconnect=False)

    async def _check_everything(self) -> None:
        """Takes a while where there are many sockets: however often it is asked for meanwhile, it is done once more."""
        async with self._checking:
            if not self._unsure:
                return
            self._unsure = False
            for channel in list(self.hub.channels.values()):
                if channel.topic.durable:
                    self.reader.prompt(channel)
                elif channel.topic.states is not None:
                    self.gathering.touch(channel)
            connections = [one for one in self._connections if one.account_id is not None]
            await self._check_sessions(connections)
            await self._ask_again(connections, None)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _by_name(topics: Sequence[Topic]) -> dict[str, Topic]:
    names = [topic.name for topic in topics]
    if len(set(names)) < len(names):
        raise ValueError(f"topics are declared twice: {sorted(names)}")
    return dict(zip(names, topics, strict=True))
