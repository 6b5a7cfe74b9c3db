"""What a transaction published leaves for the sockets once it is committed: here at once, elsewhere over the bus."""

import time
from collections.abc import Callable

from banyan.infra.database.work import Announcement, Connection, Pending, Publication
from banyan.infra.realtime.frames import encode
from banyan.kernel.ids import new_id

# Announced with what was published, for the other processes.
EVENTS_TOPIC = "realtime.events"

# (topic, encoded event, its offset in a durable topic, when it was committed by the monotonic clock).
Publish = Callable[[str, bytes, int | None, float], None]


class RealtimeOutbox:
    """Attached before the outbox of jobs and bus, which writes the announcements that this one makes.

    Of a durable topic the others only hear that there is something: they read it in the log, where it is once and in
    order.
    """

    def __init__(self, publish: Publish, look: Callable[[str], None]) -> None:
        self._publish = publish
        self._look = look
        # Stands in our own announcements, which we hear as well.
        self._origin = new_id().hex

    async def write(self, connection: Connection, pending: Pending) -> None:
        if pending.publications:
            keys = tuple(self._written(publication) for publication in pending.publications)
            pending.announcements.append(Announcement(EVENTS_TOPIC, keys))

    def committed(self, pending: Pending) -> None:
        now = time.monotonic()
        for publication in pending.publications:
            if publication.seq is not None and not pending.outcome_known:
                # It may not have happened: the log says.
                self._look(publication.topic)
            else:
                self._publish(publication.topic, encode(publication.event), publication.seq, now)

    def hear(self, keys: tuple[str, ...]) -> None:
        """What other processes published: subscribe it to `EVENTS_TOPIC`."""
        now = time.monotonic()
        for key in keys:
            origin, topic, data = key.split(" ", 2)
            if origin == self._origin:
                continue
            if data:
                self._publish(topic, data.encode(), None, now)
            else:
                self._look(topic)

    def _written(self, publication: Publication) -> str:
        data = encode(publication.event).decode() if publication.seq is None else ""
        return f"{self._origin} {publication.topic} {data}"
