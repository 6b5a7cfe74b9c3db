"""What a transaction published leaves for the sockets once it is committed: here at once, elsewhere over a bus."""

import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from banyan.infra.bus.ephemeral import EphemeralBus
from banyan.infra.database.pending import Announcement, Part, Pending, Publication
from banyan.infra.database.work import Connection
from banyan.infra.realtime.frames import encode
from banyan.kernel.ids import new_id

# Announced with what was published, for the other processes: a key is the topic and what `_written` makes.
EVENTS_TOPIC = "realtime.events"

# (topic, event or its JSON, its offset in a durable topic, when it was committed by the monotonic clock).
Publish = Callable[[str, Struct | bytes, int | None, float], None]


class RealtimeOutbox:
    """Attached before the outbox of jobs and bus, which writes the announcements that this one makes.

    Without an ephemeral bus events are announced with their transaction, so that none is lost with a process that dies
    after its commit. Of a durable topic the others only hear that there is something: they read it in the log, where it
    is once and in order. Over an ephemeral bus events go after the commit, whole: who misses one of a durable topic
    finds the gap.
    """

    def __init__(self, publish: Publish, look: Callable[[str], None], bus: EphemeralBus | None = None) -> None:
        self._publish = publish
        self._look = look
        self._bus = bus
        # Stands in our own messages, which we hear as well.
        self._origin = new_id().hex

    async def parts(self, connection: Connection, pending: Pending) -> Iterable[Part]:
        """None of its own: announcements are the other outbox's."""
        if pending.publications and self._bus is None:
            keys = tuple(
                f"{publication.topic} {self._written(publication, whole=publication.seq is None)}"
                for publication in pending.publications
            )
            pending.announcements.append(Announcement(EVENTS_TOPIC, keys))
        return ()

    def committed(self, pending: Pending) -> None:
        now = time.monotonic()
        for publication in pending.publications:
            # Of a durable event that may not have happened only the log can say.
            whole = publication.seq is None or pending.outcome_known
            if whole:
                self._publish(publication.topic, publication.event, publication.seq, now)
            else:
                self._look(publication.topic)
            if self._bus is not None:
                self._bus.publish(publication.topic, self._written(publication, whole=whole).encode())

    def hear(self, keys: tuple[str, ...]) -> None:
        """What other processes announced: subscribe it to `EVENTS_TOPIC`."""
        for key in keys:
            topic, _, written = key.partition(" ")
            self.take(topic, written)

    def take(self, topic: str, written: str) -> None:
        """One message of any process."""
        origin, seq, data = written.split(" ", 2)
        if origin == self._origin:
            return
        if data:
            self._publish(topic, data.encode(), int(seq) if seq else None, time.monotonic())
        else:
            self._look(topic)

    def _written(self, publication: Publication, *, whole: bool) -> str:
        seq = "" if publication.seq is None else publication.seq
        data = encode(publication.event).decode() if whole else ""
        return f"{self._origin} {seq} {data}"
