"""Clients of the benches of sockets. They answer nothing but pings where asked and parse nothing that they know before:
they must not be the bottleneck.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import cast

from banyan.infra.realtime.frames import event_text
from banyan.infra.realtime.wire import framed

_HANDSHAKE = (
    b"GET /v1/socket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_PING, _PONG = b"\x89\x00", b"\x8a\x80\0\0\0\0"
_AT_ONCE = 100
_MOST_BYTES = 1 << 18


class Client(asyncio.Protocol):
    """One socket: says hello and joins a topic; `take` gets the bytes that come from then on."""

    def __init__(self, ticket: str, topic: str) -> None:
        self._ticket = ticket
        self._topic = topic
        self._received = b""
        self.take: Callable[[bytes], None] = _ignore
        self.joined = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_HANDSHAKE)
        self.transport.write(_frame({"type": "hello", "ticket": self._ticket}))
        self.transport.write(_frame({"type": "subscribe", "topic": self._topic}))

    def data_received(self, data: bytes) -> None:
        if self.joined.done():
            self.take(data)
            return
        self._received += data
        if b'"subscribed"' in self._received:
            self._received = b""
            self.joined.set_result(None)
        elif b'"error"' in self._received:
            self.joined.set_exception(RuntimeError(self._received.decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(RuntimeError("cut before it had joined"))

    def read_now(self) -> None:
        """Takes what waits in the kernel; of one that has paused reading."""
        try:
            data = os.read(self.transport.get_extra_info("socket").fileno(), _MOST_BYTES)
        except BlockingIOError:
            return
        self.take(data)


class Living(Client):
    """Answers every ping, as browsers do, and counts them."""

    pings = 0

    def data_received(self, data: bytes) -> None:
        if data.endswith(_PING):
            self.pings += 1
            self.transport.write(_PONG)
            data = data.removesuffix(_PING)
        if data:
            super().data_received(data)


class Stream:
    """What every member of a topic has to hear: frames of one size."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self.bytes = b"".join(frames)
        self.frame_bytes = len(frames[0])

    @classmethod
    def of_events(cls, topic: str, events: int, event_bytes: int) -> "Stream":
        """Numbered ones."""
        return cls([framed(event_text(topic, event_data(number, event_bytes))) for number in range(events)])


class Ear:
    """What one member hears of a stream: each byte of it is looked at, heartbeats between aside."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._heard_bytes = 0
        self.wrong = False

    @property
    def frames(self) -> int:
        """That came whole and in order."""
        return self._heard_bytes // self._stream.frame_bytes

    @property
    def complete(self) -> bool:
        return self._heard_bytes == len(self._stream.bytes)

    def take(self, data: bytes) -> None:
        if not self._stream.bytes.startswith(data, self._heard_bytes):
            # Which no event contains.
            data = data.replace(_PING, b"")
            self.wrong = self.wrong or not self._stream.bytes.startswith(data, self._heard_bytes)
        self._heard_bytes += len(data)


class TimingEar(Ear):
    """Notes how late each event came after the moment at which it was due, in seconds."""

    def __init__(self, stream: Stream, delays: list[float], events_per_second: float, first_at: float) -> None:
        super().__init__(stream)
        self._delays = delays
        self._pause_seconds = 1 / events_per_second
        self._first_at = first_at

    def take(self, data: bytes) -> None:
        before = self.frames
        super().take(data)
        now = time.monotonic()
        for number in range(before, self.frames):
            self._delays.append(now - self._first_at - number * self._pause_seconds)


class TargetedEar:
    """Events that hold the moment at which they were published."""

    def __init__(self) -> None:
        self._delays: list[float] = []

    def taken(self) -> list[float]:
        """How late each was, in seconds, since this was last asked."""
        delays, self._delays = self._delays, []
        return delays

    def take(self, data: bytes) -> None:
        now = time.monotonic()
        for part in data.split(b'"data":')[1:]:
            self._delays.append(now - float(part.partition(b"}")[0]))


async def connect(port: int, clients: Sequence[Client]) -> None:
    """Until each has joined its topic, in this order but for those that come together."""
    for start in range(0, len(clients), _AT_ONCE):
        some = clients[start : start + _AT_ONCE]
        await asyncio.gather(*(_open(port, client) for client in some))
        await asyncio.gather(*(client.joined for client in some))


def event_data(number: int, size: int) -> bytes:
    """The JSON of an event that says its number."""
    return b'"%b"' % f"{number:08} ".encode().ljust(size - 2, b"x")


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def _open(port: int, client: Client) -> None:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)


def _frame(value: object) -> bytes:
    payload = json.dumps(value).encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + payload


def _ignore(data: bytes) -> None:
    """Nobody looks."""
