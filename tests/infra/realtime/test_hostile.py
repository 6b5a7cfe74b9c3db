"""Clients that send what they should not, or do not read: each is answered or cut, and nobody else notices."""

import asyncio
import base64
import os
import random
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.app.wiring import Platform
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import read_frame, split_topic
from banyan.infra.realtime.pulse import Pulse
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.wire import Wire
from banyan.kernel.errors import BanyanError
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, serving, settings_for
from tests.support.sockets import connected, greeted

TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
_PATIENCE_SECONDS = 300


class Raw:
    """A socket byte by byte: what a client library would refuse to send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> None:
        first = (0x80 if fin else 0) | reserved | opcode
        size = len(payload)
        bit = 0x80 if masked else 0
        if size < 126:
            head = bytes([first, bit | size])
        elif size < 1 << 16:
            head = bytes([first, bit | 126]) + struct.pack(">H", size)
        else:
            head = bytes([first, bit | 127]) + struct.pack(">Q", size)
        self.writer.write(head + (b"\0\0\0\0" if masked else b"") + payload)

    async def read(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload. Raises IncompleteReadError at the end."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(size)

    async def read_close(self) -> int:
        """The code of the close frame that comes; text before it is skipped."""
        while True:
            opcode, payload = await self.read()
            if opcode == CLOSE:
                return int(struct.unpack(">H", payload[:2])[0])


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Raw]:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET /v1/socket HTTP/1.1\r\nHost: banyan\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
    )
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


async def test_a_frame_in_the_packet_of_the_handshake_is_not_lost(server_url: str) -> None:
    address = urlsplit(server_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    payload = b'{"type":"ping","id":1}'
    writer.write(
        b"GET /v1/socket HTTP/1.1\r\nHost: banyan\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + base64.b64encode(os.urandom(16))
        + b"\r\n\r\n"
        + bytes([0x81, 0x80 | len(payload)])
        + b"\0\0\0\0"
        + payload
    )
    await reader.readuntil(b"\r\n\r\n")
    assert await Raw(reader, writer).read() == (TEXT, b'{"type":"pong","id":1}')
    writer.transport.abort()


async def test_what_breaks_the_protocol_is_closed_with_its_code(server_url: str) -> None:
    cases = {
        "binary": ((BINARY, b"x", {}), 1003),
        "wrong UTF-8": ((TEXT, b'"\xff\xfe"', {}), 1007),
        "huge": ((TEXT, b"x" * 20_000, {}), 1009),
        "reserved bits": ((TEXT, b"{}", {"reserved": 0x40}), 1002),
        "unmasked": ((TEXT, b"{}", {"masked": False}), 1002),
        "continuation of nothing": ((CONTINUATION, b"x", {}), 1002),
        "unknown opcode": ((5, b"x", {}), 1002),
        "fragmented control": ((PING, b"x", {"fin": False}), 1002),
    }
    for name, ((opcode, payload, more), code) in cases.items():
        async with raw(server_url) as client:
            client.send(opcode, payload, **more)  # type: ignore[arg-type]
            assert await client.read_close() == code, name
    async with raw(server_url) as client:
        for _ in range(4):
            client.send(TEXT if _ == 0 else CONTINUATION, b"x" * 6_000, fin=False)
        assert await client.read_close() == 1009
    async with raw(server_url) as client:
        client.send(TEXT, b"{", fin=False)
        client.send(TEXT, b"{}")
        assert await client.read_close() == 1002


async def test_fragments_make_one_message_with_pings_between(server_url: str) -> None:
    async with raw(server_url) as client:
        client.send(TEXT, b'{"type":"pi', fin=False)
        client.send(PING, b"beat")
        client.send(CONTINUATION, b'ng","id"', fin=False)
        client.send(CONTINUATION, b":5}")
        assert await client.read() == (0xA, b"beat")
        assert await client.read() == (TEXT, b'{"type":"pong","id":5}')


async def test_what_is_no_frame_is_answered_and_the_socket_stays(server_url: str) -> None:
    cases = [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[" * 5_000, "invalid"),
        (b'{"type":"publish","topic":"me","data":' + b"[" * 5_000, "malformed"),
        (b"[]", "invalid"),
        (b"null", "invalid"),
        (b"{}", "invalid"),
        (b'{"type":"shout"}', "invalid"),
        (b'{"type":"subscribe"}', "invalid"),
        (b'{"type":"subscribe","topic":"me","offset":1}', "invalid"),
        (b'{"type":"subscribe","topic":"me","epoch":"e","offset":-1}', "invalid"),
        (b'{"type":"subscribe","topic":"me","epoch":"e","offset":' + b"9" * 30 + b"}", "invalid"),
        (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "invalid"),
        (b'{"type":"hello","version":2,"ticket":"x"}', "invalid"),
        (b'{"type":"ping","id":"\\ud800"}', "malformed"),
    ]
    async with raw(server_url) as client:
        for text, code in cases:
            client.send(TEXT, text)
            opcode, answer = await client.read()
            assert (opcode, msgspec.json.decode(answer)["code"]) == (TEXT, code), text
        client.send(TEXT, b'{"type":"subscribe","topic":"me"}')
        opcode, answer = await client.read()
        assert msgspec.json.decode(answer)["code"] == "unauthorized"
        assert await client.read_close() == 1008


async def test_a_refused_frame_names_its_field_and_comes_back_with_its_id(server_url: str) -> None:
    cases = [
        (b'{"type":"shout","id":7}', "type", "invalid", 7),
        (b'{"id":"a"}', "type", "missing_field", "a"),
        (b'{"type":"publish","id":8}', "topic", "missing_field", 8),
        (b'{"type":"subscribe","topic":5,"id":9}', "topic", "invalid", 9),
        (b'{"type":"subscribe","topics":["me",5],"id":10}', "topics", "invalid", 10),
        (b'{"type":"subscribe","id":11}', "topic", "required", 11),
        (b'{"type":"ping","id":1.5}', "id", "invalid", None),
        (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "id", "too_long", None),
        (b"[]", "frame", "invalid", None),
    ]
    async with raw(server_url) as client:
        for text, field, code, id in cases:
            client.send(TEXT, text)
            _, answer = await client.read()
            refusal = msgspec.json.decode(answer)
            assert [(one["field"], one["code"]) for one in refusal["errors"]] == [(field, code)], text
            assert refusal.get("id") == id, text


async def test_a_burst_that_is_allowed_is_answered_whole(server_url: str) -> None:
    async with raw(server_url) as client:
        for number in range(100):
            client.send(TEXT, b'{"type":"ping","id":%d}' % number)
        for number in range(100):
            assert await client.read() == (TEXT, b'{"type":"pong","id":%d}' % number)


async def test_a_flood_is_cut(server_url: str) -> None:
    for opcode, payload in ((TEXT, b"{}"), (PING, b""), (0xA, b"")):
        async with raw(server_url) as client:
            # Much of it is still on its way when the goodbye is: that has to arrive nevertheless.
            for _ in range(20_000):
                client.send(opcode, payload)
            assert await client.read_close() == 1008


@pytest.mark.parametrize("seed", range(8))
async def test_noise_never_breaks_the_server(api: Api, server_url: str, seed: int) -> None:
    """Random frames, and random bytes where frames should be; another client is served all the while."""
    draw = random.Random(seed)
    async with greeted(server_url, api) as watcher:
        for _ in range(20):
            async with raw(server_url) as client:
                for _ in range(draw.randrange(1, 12)):
                    size = draw.choice((0, 1, 125, 126, 300, 70_000))
                    if draw.random() < 0.3:
                        client.writer.write(draw.randbytes(size))
                    else:
                        flags = {"fin": draw.random() < 0.8, "masked": draw.random() < 0.9}
                        client.send(draw.randrange(16), draw.randbytes(size), reserved=0, **flags)
                if draw.random() < 0.5:
                    client.writer.write_eof()
            assert await watcher.ask({"type": "ping", "id": seed}) == {"type": "pong", "id": seed}
    await eventually(lambda: len(api.platform.realtime._connections) == 0)


@given(
    st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10).map(str)
)
def test_any_text_is_a_frame_or_a_refusal(text: str) -> None:
    split_topic(text)
    try:
        read_frame(text)
    except BanyanError:
        return


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Platform]:
    """Few sockets, and little that may wait unread."""
    realtime = {
        "max_unread_bytes": 65536,
        "sockets_per_account": 2,
        "anonymous_sockets_per_address": 4,
        "topics_per_socket": 2,
    }
    async with running_platform(settings_for(database_url, realtime=realtime)) as platform:
        yield platform


@asynccontextmanager
async def impatient(database_url: str, **realtime: float) -> AsyncIterator[Platform]:
    """Soon tired of those who say nothing."""
    async with running_platform(settings_for(database_url, realtime=realtime)) as platform:
        yield platform


async def test_a_client_that_never_reads_is_cut_and_hurts_nobody(narrow: Platform) -> None:
    async with serving(narrow) as url, api_of(narrow) as anybody, greeted(url, anybody) as reader:
        assert (await reader.subscribe("posts:public"))["type"] == "subscribed"
        access = (await anybody.get("/v1/realtime")).json()
        async with raw(url) as deaf:
            deaf.send(TEXT, msgspec.json.encode({"type": "hello", "ticket": access["ticket"]}))
            deaf.send(TEXT, b'{"type":"subscribe","topic":"posts:public"}')
            await eventually(lambda: len(narrow.realtime.hub.channels["posts:public"].members) == 2)
            deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
            data = b'"' + b"x" * 50_000 + b'"'
            sent = 0
            while len(narrow.realtime.hub.channels["posts:public"].members) == 2:
                assert sent < 1_000
                narrow.realtime.publish("posts:public", data, None, 0.0)
                assert len((await reader.read())["data"]) == 50_000
                sent += 1
            await eventually(lambda: len(narrow.realtime._connections) == 1)


async def test_each_has_as_many_sockets_and_topics_as_it_may(narrow: Platform) -> None:
    async with serving(narrow) as url, api_of(narrow) as anybody:
        ada = await anybody.sign_up("ada")
        async with greeted(url, ada) as first, greeted(url, ada), connected(url) as third:
            hello = {"type": "hello", "token": ada.signed_in["access_token"]}
            assert (await third.ask(hello))["reason"] == "too_many_sockets"
            for topic in ("me", "posts:public"):
                assert (await first.subscribe(topic))["type"] == "subscribed"
            assert (await first.subscribe("me"))["type"] == "subscribed"
            post = (await ada.post("/v1/posts", {"body": "Hello", "audience": "public"})).json()
            first.send({"type": "subscribe", "topic": f"post:{post['id']}"})
            assert (await first.read_until("error"))["code"] == "too_many_topics"


async def test_who_says_nothing_is_cut(database_url: str) -> None:
    async with impatient(database_url, hello_seconds=0.1) as hasty, serving(hasty) as url, connected(url) as silent:
        assert (await silent.read())["reason"] == "no_hello"
        await silent.wait_closed()


async def test_an_address_has_as_many_anonymous_sockets_as_it_may(narrow: Platform) -> None:
    async with serving(narrow) as url, api_of(narrow) as anybody, AsyncExitStack() as sockets:
        for _ in range(4):
            await sockets.enter_async_context(greeted(url, anybody))
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(
            b"GET /v1/socket HTTP/1.1\r\nHost: banyan\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"too_many_sockets" in answer
        writer.close()


async def test_a_silent_client_is_pinged_and_then_cut(database_url: str) -> None:
    async with (
        impatient(database_url, heartbeat_seconds=2) as hasty,
        serving(hasty) as url,
        api_of(hasty) as anybody,
        greeted(url, anybody) as alive,
    ):
        access = (await anybody.get("/v1/realtime")).json()
        async with raw(url) as silent:
            silent.send(TEXT, msgspec.json.encode({"type": "hello", "ticket": access["ticket"]}))
            frames: list[tuple[int, bytes]] = []
            while not frames or frames[-1][0] != CLOSE:
                frames.append(await silent.read())
            assert (PING, b"") in frames
            assert b"idle_timeout" in frames[-2][1]
        assert alive.pings > 0
        assert (await alive.ask({"type": "ping"}))["type"] == "pong"


async def test_how_much_a_client_has_read_is_known(platform: Platform, server_url: str) -> None:
    async with api_of(platform) as anybody, raw(server_url) as thin:
        access = (await anybody.get("/v1/realtime")).json()
        thin.send(TEXT, msgspec.json.encode({"type": "hello", "ticket": access["ticket"]}))
        thin.send(TEXT, b'{"type":"subscribe","topic":"posts:public"}')
        for _ in range(2):
            await thin.read()
        [connection] = platform.realtime.hub.channels["posts:public"].members
        sent = 0
        while connection.wire.read_so_far()[1] < 200_000:
            platform.realtime.publish("posts:public", b'"' + b"x" * 50_000 + b'"', None, 0.0)
            sent += 1
        before = connection.wire.read_so_far()[0]
        for _ in range(sent):
            await thin.read()
        await eventually(lambda: connection.wire.read_so_far()[1] == 0)
        assert connection.wire.read_so_far()[0] >= before + 200_000


async def test_what_comes_while_something_waits_goes_behind_it(platform: Platform, server_url: str) -> None:
    async with api_of(platform) as anybody, raw(server_url) as client:
        access = (await anybody.get("/v1/realtime")).json()
        client.send(TEXT, msgspec.json.encode({"type": "hello", "ticket": access["ticket"]}))
        client.send(TEXT, b'{"type":"subscribe","topic":"posts:public"}')
        for _ in range(2):
            await client.read()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        file, heard = client.writer.get_extra_info("socket").fileno(), asyncio.StreamReader()
        [connection] = platform.realtime.hub.channels["posts:public"].members
        published = 0
        for _ in range(3):
            while not connection.wire.unread_bytes:
                _publish_number(platform, published)
                published += 1
            # The system has room again, and the event loop has had no turn to send what waits.
            _take_all(file, heard)
            assert connection.wire.unread_bytes
            _publish_number(platform, published)
            published += 1
            while connection.wire.read_so_far()[1]:
                await asyncio.sleep(0)
                _take_all(file, heard)
        _take_all(file, heard)
        for number in range(published):
            opcode, payload = await Raw(heard, client.writer).read()
            assert (opcode, msgspec.json.decode(payload)["data"][0]) == (TEXT, number)


def _publish_number(platform: Platform, number: int) -> None:
    platform.realtime.publish("posts:public", msgspec.json.encode([number, "x" * 20_000]), None, 0.0)


def _take_all(file: int, heard: asyncio.StreamReader) -> None:
    with suppress(BlockingIOError):
        while True:
            heard.feed_data(os.read(file, 1 << 20))


class Line:
    """A wire on which nothing is heard; `read` says what was acknowledged and what waits, turn by turn."""

    def __init__(self, read: list[tuple[int, int]]) -> None:
        self.read = read
        self.pings = 0
        self.said = b""

    def ping(self) -> None:
        self.pings += 1

    def read_so_far(self) -> tuple[int, int]:
        return self.read.pop(0)

    def write(self, frames: bytes) -> None:
        self.said += frames

    def close(self, code: object, reason: str) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("read", "turns"),
    [
        # Nothing waits but the ping itself.
        ([(10, 2)], 2),
        # Much waits, and nothing of it is read any more.
        ([(10, 90_000), (10, 90_000)], 3),
        # It is read, until all is, and there still is no answer.
        ([(10, 90_000), (30_010, 60_000), (60_010, 30_000), (90_000, 10)], 5),
    ],
)
async def test_who_reads_on_over_a_thin_line_is_not_silent(
    platform: Platform, read: list[tuple[int, int]], turns: int
) -> None:
    pulse, line = Pulse(RealtimeSettings(heartbeat_seconds=1)), Line(read)
    connection = Connection(platform.realtime, cast(Wire, line), "192.0.2.1")
    pulse.greet(connection)
    taken = 0
    while not connection.closed:
        pulse.turn(0.0)
        taken += 1
    assert (taken, line.pings, line.read) == (turns, 1, [])
    assert b"idle_timeout" in line.said
    connection.lose()
