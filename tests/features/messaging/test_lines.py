"""What other processes say over an ephemeral bus reaches sockets, and what they could not say is found in the logs."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from banyan.features.messaging.happenings import Happening
from banyan.features.messaging.service.log import tell
from banyan.infra.bus.ephemeral import Listener
from banyan.infra.database.pending import Announcement, Part, Pending
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Connection
from banyan.infra.realtime import lines as lines_module
from banyan.infra.realtime.lines import Lines
from banyan.infra.realtime.outbox import RealtimeOutbox
from tests.features.messaging.steps import direct, say
from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.sockets import Socket, greeted


class Exchange:
    """An ephemeral bus whose messages the test may lose."""

    def __init__(self) -> None:
        self.sure = True
        self.loses = False
        self.listeners: dict[str, Listener] = {}
        self.heard: list[Callable[[Sequence[str]], None]] = []

    def publish(self, channel: str, payload: bytes) -> None:
        if not self.loses and channel in self.listeners:
            self.listeners[channel](payload)

    def subscribe(self, channel: str, listener: Listener) -> None:
        self.listeners[channel] = listener

    def unsubscribe(self, channel: str) -> None:
        del self.listeners[channel]

    def on_heard(self, callback: Callable[[Sequence[str]], None]) -> None:
        self.heard.append(callback)


class _Silent:
    """The outbox of a process that announces nothing."""

    async def parts(self, connection: Connection, pending: Pending) -> list[Part]:
        pending.announcements = list[Announcement]()
        return []

    def committed(self, pending: Pending) -> None:
        """Nothing."""


class Elsewhere:
    """Another process, which publishes over the exchange alone."""

    def __init__(self, pool: Pool, exchange: Exchange) -> None:
        self._pool = pool
        pool.attach(RealtimeOutbox(lambda *_: None, lambda _: None, exchange))
        pool.attach(_Silent())

    async def say(self, conversation_id: str, number: int) -> None:
        event = msgspec.convert(
            {"type": "read", "person_id": str(UUID(int=number + 1)), "seq": number}, Happening, strict=False
        )
        async with self._pool.work() as work:
            await tell(work, UUID(conversation_id), event)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
async def elsewhere(database_settings: DatabaseSettings, exchange: Exchange) -> AsyncIterator[Elsewhere]:
    pool = await Pool.open(database_settings)
    yield Elsewhere(pool, exchange)
    await pool.close()


@pytest.fixture
async def lines(api: Api, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lines]:
    monkeypatch.setattr(lines_module, "_TURN_SECONDS", 0.05)
    # Only what a test does makes it look.
    monkeypatch.setattr(lines_module, "_EVERY_SECONDS", 3600)
    realtime, pool = api.platform.realtime, api.platform.pool
    outbox = RealtimeOutbox(realtime.publish, realtime.look, exchange)
    lines = Lines(realtime.hub, exchange, pool.work, outbox.take, realtime.reader.prompt)
    await lines.start()
    yield lines
    await lines.stop()


async def test_channels_come_and_go_with_the_topics(
    api: Api, server_url: str, lines: Lines, exchange: Exchange
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    topic = f"conversation:{await direct(ada, ben)}"
    async with greeted(server_url, ben) as one:
        await one.subscribe(topic)
        await one.subscribe("posts:public")
        await one.subscribe("me")
        assert set(exchange.listeners) == {topic, "posts:public"}
        async with greeted(server_url, ada) as two:
            await two.subscribe(topic)
        assert topic in exchange.listeners
        await one.ask({"type": "unsubscribe", "topic": topic})
        await eventually(lambda: set(exchange.listeners) == {"posts:public"})
    await eventually(lambda: not exchange.listeners)


async def test_what_is_said_elsewhere_arrives_whole_and_in_order(
    api: Api, server_url: str, lines: Lines, elsewhere: Elsewhere
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        for number in range(5):
            await elsewhere.say(place, number)
        assert await _heard(socket, 5) == [0, 1, 2, 3, 4]


async def test_a_lost_message_shows_as_a_gap_at_the_next_one(
    api: Api, server_url: str, lines: Lines, elsewhere: Elsewhere, exchange: Exchange
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        exchange.loses = True
        await elsewhere.say(place, 0)
        exchange.loses = False
        await elsewhere.say(place, 1)
        assert await _heard(socket, 2) == [0, 1]


async def test_lost_messages_are_found_while_the_bus_is_not_sure(
    api: Api, server_url: str, lines: Lines, elsewhere: Elsewhere, exchange: Exchange
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        exchange.loses, exchange.sure = True, False
        await elsewhere.say(place, 0)
        assert await _heard(socket, 1) == [0]


async def test_what_came_before_a_channel_was_heard_is_found(
    api: Api, server_url: str, lines: Lines, elsewhere: Elsewhere, exchange: Exchange
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        exchange.loses = True
        await elsewhere.say(place, 0)
        exchange.loses = False
        exchange.heard[0]([f"conversation:{place}", "conversation:gone"])
        assert await _heard(socket, 1) == [0]


async def test_what_nobody_could_say_is_found_by_the_look_now_and_then(
    api: Api,
    server_url: str,
    lines: Lines,
    elsewhere: Elsewhere,
    exchange: Exchange,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        exchange.loses = True
        await elsewhere.say(place, 0)
        monkeypatch.setattr(lines_module, "_EVERY_SECONDS", 0)
        assert await _heard(socket, 1) == [0]
        # And what is known is not sent again.
        await say(ada, place, "Here")
        assert (await socket.read())["data"]["type"] == "message"
        assert socket.frames.empty()


async def _heard(socket: Socket, count: int) -> list[int]:
    frames: list[dict[str, Any]] = [await socket.read() for _ in range(count)]
    return [frame["data"]["seq"] for frame in frames]
