"""A closed-loop HTTP client: `connections` keep-alive connections, each with one request at a time."""

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import cast

import msgspec

_PATIENCE_SECONDS = 30.0


class Outcome(msgspec.Struct, frozen=True):
    """One run of load. Latencies in seconds, sorted."""

    requests: int
    seconds: float
    statuses: dict[int, int]
    latencies_seconds: list[float]

    def percentile(self, share: float) -> float:
        """The latency that `share` of the requests did not exceed, in seconds."""
        place = min(len(self.latencies_seconds) - 1, int(share * len(self.latencies_seconds)))
        return self.latencies_seconds[place]


async def load(
    port: int,
    connections: int,
    seconds: float,
    make: Callable[[int], bytes],
    per_second: float | None = None,
    tls: ssl.SSLContext | None = None,
) -> Outcome:
    """Asks for `seconds`; `make(n)` gives the bytes of the n-th request. With `per_second` each is sent when it is due
    and its latency counts from then, whatever held it up; without, as soon as the one before is answered.

    Raises OSError when the server goes away, TimeoutError when it stops answering.
    """
    started = time.perf_counter()
    pace = None if per_second is None else _Pace(started, 1 / per_second)
    clients = [_Client(index, connections, make, started + seconds, pace) for index in range(connections)]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port, ssl=tls)
    async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
        await asyncio.gather(*(client.done for client in clients))
    took = time.perf_counter() - started
    statuses: dict[int, int] = {}
    for client in clients:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return Outcome(len(latencies), took, statuses, latencies)


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer. Raises SystemExit when it is an error."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    if head.split(b" ", 2)[1] not in (b"200", b"201"):
        raise SystemExit(f"the server answered {head[:200]!r}")
    return body


def _itself(client: "_Client") -> "_Client":
    return client


class _Pace(msgspec.Struct, frozen=True):
    """When the n-th request is due."""

    started: float
    seconds_between: float

    def due(self, number: int) -> float:
        return self.started + number * self.seconds_between


class _Client(asyncio.Protocol):
    def __init__(self, index: int, step: int, make: Callable[[int], bytes], until: float, pace: _Pace | None) -> None:
        self._pace = pace
        self._number = index
        self._step = step
        self._make = make
        self._until = until
        self._received = b""
        self._sent_at = 0.0
        self.statuses: dict[int, int] = {}
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        place = head.find(b"content-length: ")
        length = int(head[place + 16 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._received) < head_end + 4 + length:
            return
        if b"\r\ntransfer-encoding: chunked" in head and not self._received.endswith(b"\r\n0\r\n\r\n"):
            return
        now = time.perf_counter()
        status = int(head[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(now - self._sent_at)
        self._received = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        now = time.perf_counter()
        due = now if self._pace is None else self._pace.due(self._number)
        if max(now, due) >= self._until:
            self.done.set_result(None)
            self._transport.close()
        elif due > now:
            asyncio.get_running_loop().call_later(due - now, self._send, due)
        else:
            self._send(due)

    def _send(self, due: float) -> None:
        if self._transport.is_closing():
            return
        request = self._make(self._number)
        self._number += self._step
        self._sent_at = due
        self._transport.write(request)
