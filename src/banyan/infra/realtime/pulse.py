"""One clock for all sockets: heartbeats, greetings that do not come, clients that do not go or do not read.

A timer per socket would cost more than the socket's own memory allows, so a turn each second looks at one part of them.
"""

import asyncio
import time

from banyan.infra.background import Background
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.wire import GOING_AWAY, POLICY

_TURN_SECONDS = 1.0
# So long a client has to read its goodbye.
_FAREWELL_SECONDS = 2.0
_RETRY_SECONDS = 5.0
# A line that takes longer than a turn for less is none.
_MUCH_BYTES = 16 * 1024


class Pulse(Background):
    """Knows every open connection."""

    def __init__(self, settings: RealtimeSettings) -> None:
        self._settings = settings
        self._parts: list[set[Connection]] = [set() for _ in range(settings.heartbeat_seconds)]
        self._next_part = 0
        # Connections by the moment until which something has to happen.
        self._greeting: dict[Connection, float] = {}
        self._leaving: dict[Connection, float] = {}
        # What the silent ones had read at their last turn.
        self._reading: dict[Connection, int] = {}

    def add(self, connection: Connection) -> None:
        """A new one, which has not said hello yet."""
        self._greeting[connection] = time.monotonic() + self._settings.hello_seconds

    def greet(self, connection: Connection) -> None:
        """It has said hello."""
        self._greeting.pop(connection, None)
        min(self._parts, key=len).add(connection)

    def expect_end(self, connection: Connection) -> None:
        """It was told to go."""
        self._leaving[connection] = time.monotonic() + _FAREWELL_SECONDS

    def remove(self, connection: Connection) -> None:
        self._greeting.pop(connection, None)
        self._leaving.pop(connection, None)
        self._reading.pop(connection, None)
        for part in self._parts:
            part.discard(connection)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """One second's share of the work."""
        for connection in [one for one, until in self._leaving.items() if until < now]:
            del self._leaving[connection]
            connection.wire.abort()
        for connection in [one for one, until in self._greeting.items() if until < now]:
            del self._greeting[connection]
            connection.cut("no_hello", reconnect=True, after_seconds=_RETRY_SECONDS)
        self._next_part = (self._next_part + 1) % len(self._parts)
        for connection in list(self._parts[self._next_part]):
            self._feel(connection, now)

    def _feel(self, connection: Connection, now: float) -> None:
        if connection.closed:
            return
        if connection.paused_at and now - connection.paused_at > self._settings.unread_seconds:
            connection.cut("slow_consumer", reconnect=True, code=POLICY)
        elif connection.heard:
            self._reading.pop(connection, None)
            connection.heard = False
            connection.wire.ping()
        elif not self._still_reads(connection):
            connection.cut("idle_timeout", reconnect=True, code=GOING_AWAY)

    def _still_reads(self, connection: Connection) -> bool:
        """On a thin line the answer to a ping waits behind all that was sent before it: whoever still has much to read,
        and has read on since the last turn, is there.
        """
        acknowledged, waiting = connection.wire.read_so_far()
        before = self._reading.get(connection, -1)
        self._reading[connection] = acknowledged
        return waiting > _MUCH_BYTES and acknowledged > before
