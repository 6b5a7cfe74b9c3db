"""One client's connection: what it is bound to, how much it may send, how much it may leave unread."""

import os
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from banyan.infra.realtime.frames import Goodbye, ServerFrame, encode
from banyan.infra.realtime.metrics import CUT, FRAMES_IN, FRAMES_OUT
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.wire import POLICY, CloseCode, Wire, framed

# Time for a burst to be paid for; after other mistakes the same frame would come again.
_AFTER_FLOOD_SECONDS = 5.0


class Keeper(Protocol):
    """What a connection needs of the gateway above it."""

    settings: RealtimeSettings

    def handle(self, connection: "Connection", text: str) -> None:
        """A whole message came in."""

    def forget(self, connection: "Connection") -> None:
        """The connection is gone: nothing may refer to it any more."""

    def expect_end(self, connection: "Connection") -> None:
        """It was told to go, and is aborted where it does not."""

    def catch_up(self, connection: "Connection") -> None:
        """It reads again, and some of its logs were not sent to their end."""


class Connection:
    """As little as possible: an idle one, its topics included, takes less than 12 KB of the process."""

    __slots__ = (
        "_budget_at",
        "account_id",
        "address",
        "behind",
        "closed",
        "greeted",
        "heard",
        "inbox",
        "keeper",
        "paused_at",
        "session_id",
        "wire",
    )

    def __init__(self, keeper: Keeper, wire: Wire, address: str) -> None:
        self.keeper = keeper
        self.wire = wire
        self.address = address
        # Whose it is, from hello on; None for an anonymous one.
        self.account_id: UUID | None = None
        self.session_id: UUID | None = None
        self.greeted = False
        self.closed = False
        self.heard = True
        # Since when the client has not read; 0 while it does.
        self.paused_at = 0.0
        # Whether a log was not sent to its end because of that.
        self.behind = False
        # Messages that wait for the one before them; None while nothing is at work.
        self.inbox: deque[str] | None = None
        self._budget_at = 0.0

    def send(self, text: bytes) -> None:
        """Sends one message."""
        self.write(framed(text))

    def write(self, frames: bytes) -> None:
        """Hands what is framed already to the socket. A client that leaves too much unread is cut."""
        if self.closed:
            return
        self.wire.write(frames)
        if self.paused_at and self.wire.unread_bytes > self.keeper.settings.max_unread_bytes:
            self.cut("slow_consumer", reconnect=True)

    def tell(self, frame: ServerFrame) -> None:
        """Sends one frame, and counts it; whoever sends many counts them together."""
        if not self.closed:
            FRAMES_OUT.inc()
            self.send(encode(frame))

    def cut(self, reason: str, *, reconnect: bool, after_seconds: float = 0, code: CloseCode = POLICY) -> None:
        """Says why and ends the connection."""
        if self.closed:
            return
        self.closed = True
        CUT.labels(reason).inc()
        FRAMES_OUT.inc()
        self.wire.write(framed(encode(Goodbye(reason, reconnect, round(after_seconds, 1)))))
        self.wire.close(code, reason)
        self.keeper.expect_end(self)

    def take_frame(self) -> bool:
        """One more frame of any kind, by the generic cell rate algorithm; a flood is cut."""
        FRAMES_IN.inc()
        settings = self.keeper.settings
        cost = 1 / settings.frames_per_second
        now = time.monotonic()
        budget_at = max(self._budget_at, now) + cost
        if budget_at - now > settings.frames_at_once * cost:
            self.flood()
            return False
        self._budget_at = budget_at
        return True

    def flood(self) -> None:
        """More came in than a client may send."""
        self.cut("too_many_frames", reconnect=True, after_seconds=_AFTER_FLOOD_SECONDS)

    def receive(self, text: str) -> None:
        self.keeper.handle(self, text)

    def fail(self, reason: str, code: CloseCode) -> None:
        self.cut(reason, reconnect=True, after_seconds=_AFTER_FLOOD_SECONDS, code=code)

    def lose(self) -> None:
        self.closed = True
        self.keeper.forget(self)

    def pause(self) -> None:
        self.paused_at = time.monotonic()

    def resume(self) -> None:
        self.paused_at = 0.0
        if self.behind:
            self.behind = False
            self.keeper.catch_up(self)

    def takes_more(self) -> bool:
        """Whether more of a log may be sent to it now; if not, its keeper is told as soon as it may."""
        self.behind = self.behind or bool(self.paused_at)
        return not self.paused_at


def write_to_each(connections: Iterable[Connection], frames: bytes) -> None:
    """As `Connection.write`, without its calls where the system takes all at once: a broadcast does little else."""
    size = len(frames)
    for connection in connections:
        file = connection.wire.direct
        written = 0
        if file >= 0:
            try:
                written = os.write(file, frames)
            except OSError:
                written = 0
        if written < size:
            connection.write(frames[written:])
