"""The ephemeral bus: messages for processes that listen at this moment, lost for all others."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from prometheus_client import Counter, Gauge, Histogram

SENT = Counter("banyan_ephemeral_sent_total", "Messages handed to Redis.")
HEARD = Counter("banyan_ephemeral_heard_total", "Messages of other processes that Redis brought.")
DIVERTED = Counter("banyan_ephemeral_diverted_total", "Messages that went over PostgreSQL because Redis was away.")
DROPPED = Counter("banyan_ephemeral_dropped_total", "Messages given up because too many waited.")
CONNECTS = Counter("banyan_ephemeral_connects_total", "Times that all connections to Redis stood.")
FAILURES = Counter("banyan_ephemeral_failures_total", "Times that Redis was lost or could not be reached.")
# With a label, since without one it would stand in the metrics where no Redis is configured.
CONNECTED = Gauge("banyan_ephemeral_connected", "1 while Redis carries messages, 0 while it is away.", ["by"])
LAG_SECONDS = Histogram(
    "banyan_ephemeral_lag_seconds",
    "Time that what is sent to Redis takes to come back, behind everything that waits there, measured each second.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


class Message(NamedTuple):
    """`payload` is JSON, or text of which nothing is NUL: it may have to go through PostgreSQL."""

    channel: str
    payload: bytes


Listener = Callable[[bytes], None]
# Takes messages that the bus cannot carry now.
Divert = Callable[[Sequence[Message]], None]


class EphemeralBus(Protocol):
    """Channels come and go as somebody listens. No method waits or raises."""

    @property
    def sure(self) -> bool:
        """False while messages may be missing: who has another source looks there now and then."""

    def publish(self, channel: str, payload: bytes) -> None:
        """For whoever listens, this process included."""

    def subscribe(self, channel: str, listener: Listener) -> None:
        """From the call of `on_heard` on, nothing is missed while the bus is sure."""

    def unsubscribe(self, channel: str) -> None:
        """The listener is not called any more."""

    def on_heard(self, callback: Callable[[Sequence[str]], None]) -> None:
        """Calls back with channels that are heard from now on; what was said before may be missing."""
