"""Cache invalidation between processes: whoever writes announces, every process hears it."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from msgspec import Struct
from prometheus_client import Counter, Histogram

from banyan.infra.background import Background
from banyan.infra.database.indexed import Source, indexed
from banyan.infra.database.pending import Announcement, call_safely
from banyan.kernel.errors import Unavailable
from banyan.kernel.ids import new_id

log = structlog.get_logger("banyan.bus")

Callback = Callable[[tuple[str, ...]], None]

_RECEIVED = Counter("banyan_bus_messages_total", "Announcements of other processes that were heard.")
_RESETS = Counter("banyan_bus_resets_total", "Times that everything had to be forgotten: messages may be missing.")
_FAILURES = Counter("banyan_bus_failed_polls_total", "Polls that failed because of the database.")
_LAG = Histogram(
    "banyan_bus_lag_seconds",
    "Time from an announcement of another process, by the database's clock, until it is heard here.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

# Below one second with the time that the statement itself takes: an ended session must not live longer.
_POLL_SECONDS = 0.9
RETENTION_MINUTES = 10
# A reader that was away for longer cannot be sure: the house-keeper's clock and ours may differ a little.
_UNSURE_SECONDS = RETENTION_MINUTES * 60 / 2
# Beyond so many at once, forgetting everything is cheaper than picking.
_MOST_MESSAGES = 10_000

# Statements see what committed before their snapshot. A row is new if its transaction was invisible to the last
# snapshot: begun after it (>= xmax), or still running then (xip). Order of commit does not matter, none is missed
# and none comes twice. The first letters of the WAL file's name are the timeline: another one after a failover.
_POLL = f"""
SELECT pg_current_snapshot()::text AS snapshot, pg_snapshot_xmax(pg_current_snapshot())::text AS newest,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline, clock_timestamp() AS at,
    message.topic, message.keys, message.created_at
FROM (VALUES (1)) AS always LEFT JOIN LATERAL (
    SELECT topic, keys, created_at FROM bus_messages
    WHERE (xid >= pg_snapshot_xmax($1::text::pg_snapshot)
        OR xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))))
        AND origin <> $2
    LIMIT {_MOST_MESSAGES + 1}
) AS message ON true
"""


class Bus(Protocol):
    """What a feature or a cache sees of it."""

    def subscribe(self, topic: str, callback: Callback) -> None:
        """Calls back with the keys that are outdated: in the announcing process before the answer is sent, in
        others at once as a rule and within a second at the latest.
        """

    def on_reset(self, callback: Callable[[], None]) -> None:
        """Calls back when messages may be missing: everything cached must go."""


class _Cursor(Struct, frozen=True):
    snapshot: str
    newest: int
    timeline: str
    at: datetime


class TableBus(Background):
    """The bus over the table `bus_messages`; the relay's notifications make it fast, polling makes it sure.

    It reads by the relay's connection: behind a crowded pool an ended session would live on. From its start every
    announcement is heard; what was cached before is forgotten at the first poll.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        # Stands in our own rows, which we need not hear again.
        self.origin: UUID = new_id()
        self._callbacks: dict[str, list[Callback]] = {}
        self._resets: list[Callable[[], None]] = []
        self._cursor: _Cursor | None = None
        self._stir = asyncio.Event()

    def subscribe(self, topic: str, callback: Callback) -> None:
        self._callbacks.setdefault(topic, []).append(callback)

    def on_reset(self, callback: Callable[[], None]) -> None:
        self._resets.append(callback)

    def deliver(self, announcements: Iterable[Announcement]) -> None:
        """Tells this process' own subscribers. Never raises."""
        for announcement in announcements:
            self._call(announcement.topic, announcement.keys)

    def distrust(self) -> None:
        """The outcome of a commit of ours is unknown: it may become visible after we told ourselves. Under a new
        origin the rows written so far are heard like anybody's.
        """
        self.origin = new_id()

    def wake(self) -> None:
        """Another process announced something."""
        self._stir.set()

    async def poll(self) -> None:
        """Delivers what others committed since the last poll. Raises for the database's sake."""
        cursor = self._cursor
        async with indexed(self._source) as connection:
            # Without a cursor every comparison is null, so no message comes.
            rows = await connection.fetch(_POLL, cursor.snapshot if cursor else None, self.origin)
        head = rows[0]
        self._cursor = _Cursor(head["snapshot"], int(head["newest"]), head["timeline"], head["at"])
        if cursor is None or _is_unsure(cursor, self._cursor) or len(rows) > _MOST_MESSAGES:
            self._reset()
            return
        for row in rows:
            if row["topic"] is not None:
                _RECEIVED.inc()
                _LAG.observe((head["at"] - row["created_at"]).total_seconds())
                self._call(row["topic"], tuple(row["keys"]))

    async def _run(self) -> None:
        while True:
            self._stir.clear()
            try:
                await self.poll()
            except Unavailable as error:
                _FAILURES.inc()
                log.debug("bus waits for the database", error=type(error).__name__)
            except Exception:
                _FAILURES.inc()
                log.exception("bus cannot poll")
            # After an outage the relay wakes us as soon as it has a connection again.
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._stir.wait()

    def _reset(self) -> None:
        # After the new cursor was read: what is cached from now on is no older than it.
        _RESETS.inc()
        log.debug("caches are cleared")
        for callback in self._resets:
            call_safely(callback)

    def _call(self, topic: str, keys: tuple[str, ...]) -> None:
        for callback in self._callbacks.get(topic, ()):
            try:
                callback(keys)
            except Exception:
                log.exception("bus callback failed", topic=topic)


def _is_unsure(last: _Cursor, present: _Cursor) -> bool:
    """True when messages between the two may be gone, or belong to another history of the database."""
    away_seconds = (present.at - last.at).total_seconds()
    return (
        away_seconds > _UNSURE_SECONDS
        or away_seconds < -1
        or present.newest < last.newest
        or present.timeline != last.timeline
    )
