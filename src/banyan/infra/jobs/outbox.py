"""Writes signals, jobs and announcements with the commit of the transaction that collected them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from banyan.infra.bus import TableBus
from banyan.infra.database.pending import Announcement, Enqueued, Part, Pending
from banyan.infra.declare import Priority
from banyan.infra.jobs.queries import INSERT_JOB, INSERT_JOBS, INSERT_KEYED_JOB, INSERT_KEYED_JOBS
from banyan.infra.jobs.registry import Kind, Registry
from banyan.infra.jobs.relay import BUS_CHANNEL, JOBS_CHANNEL, OUTGOING_CHANNEL, Relay
from banyan.kernel.ids import new_id

# A null key is an announcement without keys.
_ANNOUNCED = """announced AS (
    INSERT INTO bus_messages (position, topic, keys, origin)
    SELECT position, topic, array_remove(array_agg(key), NULL), $4
    FROM unnest($1::integer[], $2::text[], $3::text[]) AS new(position, topic, key)
    WHERE EXISTS (SELECT FROM written)
    GROUP BY position, topic)"""
# The same of one alone with one key, as most transactions have it: of each element of an array the driver asks whether
# it is an array itself.
_ANNOUNCED_KEY = """announced AS (
    INSERT INTO bus_messages (position, topic, keys, origin)
    SELECT $1, $2, ARRAY[$3::text], $4 WHERE EXISTS (SELECT FROM written))"""
# One alone with several or none: no arrays are taken apart and put together.
_ANNOUNCED_ONE = """announced AS (
    INSERT INTO bus_messages (position, topic, keys, origin)
    SELECT $1, $2, $3::text[], $4 WHERE EXISTS (SELECT FROM written))"""
_ANNOUNCED_FOUND = """announced_{found} AS (
    INSERT INTO bus_messages (position, topic, keys, origin)
    SELECT $1, $2, array_agg(key), $3 FROM {found} HAVING count(*) > 0)"""
_ENQUEUED_ONE = f"enqueued AS ({INSERT_JOB})"
_ENQUEUED_ONE_KEYED = f"enqueued AS ({INSERT_KEYED_JOB})"
_ENQUEUED = f"enqueued AS ({INSERT_JOBS})"
_ENQUEUED_KEYED = f"enqueued AS ({INSERT_KEYED_JOBS})"

_encode = msgspec.json.Encoder().encode


class _Row(Struct):
    id: UUID
    kind: Kind
    key: str | None
    payload: str
    run_at: datetime | None


class JobOutbox:
    """The pool's outbox for the queue and the bus: two parts of one statement, however much was collected."""

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

    async def parts(self, connection: asyncpg.Connection, pending: Pending) -> list[Part]:
        """Raises BadDeclaration for a job that no feature runs."""
        rows = [*await self._followed(connection, pending), *self._enqueued(pending.jobs)]
        parts = []
        if rows:
            outgoing = [row.kind.priority is Priority.OUTGOING for row in rows]
            pending.outgoing_jobs, pending.inner_jobs = True in outgoing, False in outgoing
            parts.append(_enqueued_part(rows))
        if pending.announcements:
            parts += _announced(pending.announcements, self._bus.origin)
        return parts

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


def _enqueued_part(rows: list[_Row]) -> Part:
    keyed = any(row.key is not None for row in rows)
    if len(rows) == 1:
        row = rows[0]
        values = (row.id, row.kind.name, row.key, row.kind.stored_class, row.payload, row.run_at)
        return Part(_ENQUEUED_ONE_KEYED if keyed else _ENQUEUED_ONE, values)
    columns = (
        [row.id for row in rows],
        [row.kind.name for row in rows],
        [row.key for row in rows],
        [row.kind.stored_class for row in rows],
        [row.payload for row in rows],
        [row.run_at for row in rows],
    )
    return Part(_ENQUEUED_KEYED if keyed else _ENQUEUED, columns)


@cache
def _announced_found(found: str) -> str:
    """Of the few CTEs that have keys. The same text each time: its hash is taken once."""
    return _ANNOUNCED_FOUND.format(found=found)


def _announced(announcements: list[Announcement], origin: UUID) -> Iterator[Part]:
    """`position` tells the announcements of a transaction apart."""
    known: list[tuple[int, Announcement]] = []
    for position, announcement in enumerate(announcements):
        if announcement.found_in is not None:
            yield Part(_announced_found(announcement.found_in), (position, announcement.topic, origin))
        else:
            known.append((position, announcement))
    if len(known) == 1:
        position, announcement = known[0]
        keys = announcement.keys
        if len(keys) == 1:
            yield Part(_ANNOUNCED_KEY, (position, announcement.topic, keys[0], origin))
        else:
            yield Part(_ANNOUNCED_ONE, (position, announcement.topic, keys, origin))
    elif known:
        # One element per key.
        rows = [(position, one.topic, key) for position, one in known for key in one.keys or (None,)]
        positions, topics, keys = zip(*rows, strict=True)
        yield Part(_ANNOUNCED, (positions, topics, keys, origin))
