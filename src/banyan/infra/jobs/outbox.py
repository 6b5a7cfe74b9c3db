"""Writes signals, jobs and announcements with the commit of the transaction that collected them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from banyan.infra.bus import TableBus
from banyan.infra.database.work import Announcement, Enqueued, Pending
from banyan.infra.declare import Priority
from banyan.infra.jobs.queries import INSERT_JOBS, INSERT_KEYED_JOBS
from banyan.infra.jobs.registry import Kind, Registry
from banyan.infra.jobs.relay import BUS_CHANNEL, JOBS_CHANNEL, OUTGOING_CHANNEL, Relay
from banyan.kernel.ids import new_id

# A null key is an announcement without keys.
_ANNOUNCE = """
INSERT INTO bus_messages (position, topic, keys, origin)
SELECT position, topic, array_remove(array_agg(key), NULL), ${origin}
FROM unnest(${positions}::integer[], ${topics}::text[], ${keys}::text[]) AS new(position, topic, key)
GROUP BY position, topic
"""
_BUS = _ANNOUNCE.format(positions=1, topics=2, keys=3, origin=4)
_BOTH = f"WITH announced AS ({_ANNOUNCE.format(positions=7, topics=8, keys=9, origin=10)})"
# By (jobs have keys, there are announcements).
_JOBS = {
    (False, False): INSERT_JOBS,
    (True, False): INSERT_KEYED_JOBS,
    (False, True): _BOTH + INSERT_JOBS,
    (True, True): _BOTH + INSERT_KEYED_JOBS,
}

_encode = msgspec.json.Encoder().encode


class _Row(Struct):
    id: UUID
    kind: Kind
    key: str | None
    payload: str
    run_at: datetime | None


class JobOutbox:
    """The pool's outbox for the queue and the bus: one statement per transaction, however much it collected."""

    def __init__(self, registry: Registry, bus: TableBus, relay: Relay) -> None:
        self._registry = registry
        self._bus = bus
        self._relay = relay
        self._wakes: list[Callable[[], None]] = []
        self._outgoing_wakes: list[Callable[[], None]] = []

    def on_jobs(self, wake: Callable[[], None]) -> None:
        """Calls back after a commit that wrote jobs: this process' own worker need not wait for a notification."""
        self._wakes.append(wake)

    def on_outgoing_jobs(self, wake: Callable[[], None]) -> None:
        """As `on_jobs`, for those that the outgoing worker runs."""
        self._outgoing_wakes.append(wake)

    async def write(self, connection: asyncpg.Connection, pending: Pending) -> None:
        """Raises BadDeclaration for a job that no feature runs."""
        rows = [*await self._followed(connection, pending), *self._enqueued(pending.jobs)]
        pending.outgoing_jobs = any(row.kind.priority is Priority.OUTGOING for row in rows)
        pending.inner_jobs = any(row.kind.priority is not Priority.OUTGOING for row in rows)
        announced = _columns(pending.announcements)
        if rows:
            has_keys = any(row.key is not None for row in rows)
            sql = _JOBS[has_keys, bool(pending.announcements)]
            columns = _job_columns(rows)
            if pending.announcements:
                columns += (*announced, self._bus.origin)
            await connection.execute(sql, *columns)
        elif pending.announcements:
            await connection.execute(_BUS, *announced, self._bus.origin)

    def committed(self, pending: Pending) -> None:
        if pending.announcements:
            if not pending.outcome_known:
                self._bus.distrust()
            self._bus.deliver(pending.announcements)
            self._relay.ring(BUS_CHANNEL)
        if pending.inner_jobs:
            self._wake(self._wakes, JOBS_CHANNEL)
        if pending.outgoing_jobs:
            self._wake(self._outgoing_wakes, OUTGOING_CHANNEL)

    def _wake(self, wakes: list[Callable[[], None]], channel: str) -> None:
        for wake in wakes:
            wake()
        self._relay.ring(channel)

    async def _followed(self, connection: asyncpg.Connection, pending: Pending) -> list[_Row]:
        """A row for each subscriber of each signal; what nobody wants costs no statement."""
        rows: list[_Row] = []
        for signal in pending.signals:
            kinds = [
                kind
                for kind in self._registry.subscribers_of(type(signal))
                if kind.wanted is None or await kind.wanted(connection)
            ]
            if kinds:
                payload = _encode(signal).decode()
                rows += [_row(kind, payload, None, None) for kind in kinds]
        return rows

    def _enqueued(self, jobs: Iterable[Enqueued]) -> Iterator[_Row]:
        keyed: dict[tuple[str, str], _Row] = {}
        for enqueued in jobs:
            kind = self._registry.kind_of_job(type(enqueued.job))
            row = _row(kind, _encode(enqueued.job).decode(), enqueued.key, enqueued.run_at)
            if enqueued.key is None:
                yield row
            else:
                _keep_earlier(keyed.setdefault((kind.name, enqueued.key), row), row)
        # Two transactions that lock the same keys in another order would wait for each other.
        yield from (keyed[place] for place in sorted(keyed))


def _row(kind: Kind, payload: str, key: str | None, run_at: datetime | None) -> _Row:
    return _Row(new_id(), kind, key, payload, run_at)


def _keep_earlier(kept: _Row, other: _Row) -> None:
    """None is now, the earliest time of all."""
    if kept.run_at is not None and (other.run_at is None or other.run_at < kept.run_at):
        kept.run_at = other.run_at


def _job_columns(rows: list[_Row]) -> tuple[object, ...]:
    return (
        [row.id for row in rows],
        [row.kind.name for row in rows],
        [row.key for row in rows],
        [row.kind.stored_class for row in rows],
        [row.payload for row in rows],
        [row.run_at for row in rows],
    )


def _columns(announcements: list[Announcement]) -> tuple[list[int], list[str], list[str | None]]:
    """One element per key; `position` tells the announcements of a transaction apart."""
    positions: list[int] = []
    topics: list[str] = []
    keys: list[str | None] = []
    for position, announcement in enumerate(announcements):
        for key in announcement.keys or (None,):
            positions.append(position)
            topics.append(announcement.topic)
            keys.append(key)
    return positions, topics, keys
