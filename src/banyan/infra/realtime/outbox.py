"""What a transaction published leaves for the sockets once it is committed."""

import time
from collections.abc import Callable

from banyan.infra.database.work import Connection, Pending
from banyan.infra.realtime.frames import encode

# (topic, encoded event, its offset in a durable topic, when it was committed by the monotonic clock).
Publish = Callable[[str, bytes, int | None, float], None]


class RealtimeOutbox:
    """Nothing of it is written: who is not there to hear of a live event never does, and durable ones have a log."""

    def __init__(self, publish: Publish, look: Callable[[str], None]) -> None:
        self._publish = publish
        self._look = look

    async def write(self, connection: Connection, pending: Pending) -> None:
        """Nothing: see above."""

    def committed(self, pending: Pending) -> None:
        now = time.monotonic()
        for publication in pending.publications:
            if publication.seq is not None and not pending.outcome_known:
                # It may not have happened: the log says.
                self._look(publication.topic)
            else:
                self._publish(publication.topic, encode(publication.event), publication.seq, now)
