"""Logs of events: what happened in one place, told once and in one order to all who may read it.

An event gets its number under the lock of the log's row, in the transaction of what it tells of. The newest events are
kept; who was away for longer, or comes with another epoch, begins anew.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.infra.database.pending import Part, one_statement
from banyan.infra.database.work import Work

KEPT_EVENTS = 1000
# Looking for what is too old costs as much as an event: it is done once in so many.
_PRUNED_EVERY = 100

_encode = msgspec.json.Encoder().encode

# What `said` (log_id, subject_id, body) holds, one row at most, is numbered and inserted. Without a log the event has
# no number, which the table refuses, and all of the statement with it.
_APPENDED = f"""log AS (
        UPDATE streams_logs l SET last_seq = last_seq + 1, floor_seq = CASE
            WHEN (last_seq + 1) % {_PRUNED_EVERY} = 0 THEN greatest(floor_seq, last_seq + 1 - {KEPT_EVENTS})
            ELSE floor_seq END
        FROM said WHERE l.id = said.log_id RETURNING l.id, last_seq),
    event AS (
        INSERT INTO streams_events (log_id, seq, subject_id, body)
        SELECT log_id, last_seq, subject_id, body FROM said LEFT JOIN log ON true),
    forgotten AS (
        DELETE FROM streams_events e USING log
        WHERE last_seq % {_PRUNED_EVERY} = 0 AND e.log_id = log.id AND e.seq <= last_seq - {KEPT_EVENTS})"""
# What `told` (person_id, version) holds is logged for those people. Streams are locked in the order of their ids, and
# after the log. People without a stream have none to be told in: their first look finds everything.
_POINTED = """stream AS (
        SELECT s.id, s.last_seq, told.version FROM streams_streams s JOIN told ON told.person_id = s.id
        {after} ORDER BY s.id FOR NO KEY UPDATE OF s),
    entry AS (
        INSERT INTO streams_entries (stream_id, kind, id, version, seq)
        SELECT id, $1, $2, version, last_seq + 1 FROM stream
        ON CONFLICT (stream_id, kind, id) DO UPDATE SET version = excluded.version, seq = excluded.seq),
    head AS (
        UPDATE streams_streams s SET last_seq = s.last_seq + 1, digest = NULL, changed_at = now()
        FROM stream WHERE s.id = stream.id)"""
_POINTED_AFTER_LOG = _POINTED.format(after="CROSS JOIN log")
_POINTED_ALONE = _POINTED.format(after="")
_SAID = "said AS (SELECT $1::uuid AS log_id, $2::uuid AS subject_id, $3::bytea AS body)"
_TOLD = "told AS (SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS told (person_id, version))"
_READ = """SELECT l.epoch, l.last_seq, l.floor_seq, e.seq, e.body
    FROM streams_logs l LEFT JOIN LATERAL (
        SELECT seq, body FROM streams_events WHERE log_id = l.id AND seq > $2 ORDER BY seq LIMIT $3) e ON true
    WHERE l.id = $1 ORDER BY e.seq"""


class Pointers(NamedTuple):
    """That something changed for people, to be logged in their own streams: one thing of a synced kind, with the
    version that the kind would give each of them; None for who no longer has it.
    """

    kind: str
    id: UUID
    person_ids: Sequence[UUID]
    versions: Sequence[int | None]


class LogHead(NamedTuple):
    """Where a log ends; events up to `floor_seq` are forgotten."""

    epoch: UUID
    last_seq: int
    floor_seq: int


class EventRow(NamedTuple):
    """One event as it is stored; `body` is its JSON."""

    seq: int
    body: bytes


async def make_log(work: Work, log_id: UUID) -> None:
    """An empty log, where there is none."""
    await work.write("INSERT INTO streams_logs (id) VALUES ($1) ON CONFLICT DO NOTHING", log_id)


def event_text(event: Struct) -> str:
    """An event as a log holds it."""
    return _encode(event).decode()


def appended(pointers_kind: str, pointers_id: UUID) -> tuple[Part, ...]:
    """As `append_event`, of what CTEs before them have: `said` (log_id, subject_id, body), no row or one, and `told`
    (person_id, version). The event's offset is `last_seq` of the CTE `log`.
    """
    return Part(_APPENDED, ()), Part(_POINTED_AFTER_LOG, (pointers_kind, pointers_id))


async def append_event(
    work: Work, log_id: UUID, event: Struct, *, subject_id: UUID | None = None, pointers: Pointers | None = None
) -> int:
    """The offset of the event, which nobody reads before the caller's transaction is committed.

    `pointers` are logged by the same statement. The log has to exist.
    """
    parts = [Part(_SAID, (log_id, subject_id, _encode(event))), Part(_APPENDED, ())]
    if pointers is not None and pointers.person_ids:
        parts.append(Part(_TOLD, (pointers.person_ids, pointers.versions)))
        parts.append(Part(_POINTED_AFTER_LOG, (pointers.kind, pointers.id)))
    parts.append(Part("written AS (SELECT last_seq FROM log)", ()))
    sql, args = one_statement(parts, concluding=True)
    return int(await work.write_value(sql, *args))


async def append_pointers(work: Work, pointers: Pointers) -> None:
    """As with `append_event`, where nothing happened that others hear of."""
    if pointers.person_ids:
        told = Part(_TOLD, (pointers.person_ids, pointers.versions))
        sql, args = one_statement([told, Part(_POINTED_ALONE, (pointers.kind, pointers.id))])
        await work.write(sql, *args)


async def read_events(work: Work, log_id: UUID, after: int, limit: int) -> tuple[LogHead, list[EventRow]] | None:
    """Where the log ends and what follows `after`, as of one moment; None where there is no such log."""
    rows = await work.rows(_READ, log_id, after, limit)
    if not rows:
        return None
    head = LogHead(rows[0]["epoch"], rows[0]["last_seq"], rows[0]["floor_seq"])
    return head, [EventRow(row["seq"], row["body"]) for row in rows if row["seq"] is not None]


async def find_head(work: Work, log_id: UUID) -> LogHead | None:
    row = await work.row("SELECT epoch, last_seq, floor_seq FROM streams_logs WHERE id = $1", log_id)
    return None if row is None else LogHead(*row)


async def find_heads(work: Work, log_ids: Sequence[UUID]) -> dict[UUID, LogHead]:
    """Of those that there are."""
    rows = await work.rows("SELECT id, epoch, last_seq, floor_seq FROM streams_logs WHERE id = ANY ($1)", list(log_ids))
    return {row["id"]: LogHead(row["epoch"], row["last_seq"], row["floor_seq"]) for row in rows}


async def rewrite_events(work: Work, log_id: UUID, subject_id: UUID, event: Struct, *, but_seq: int) -> None:
    """Puts `event` in the place of every event about that subject, but for one: their content has to go, their
    numbers stay. The caller has appended to the log, and so holds its lock.
    """
    await work.write(
        "UPDATE streams_events SET body = $3 WHERE log_id = $1 AND subject_id = $2 AND seq <> $4",
        log_id,
        subject_id,
        _encode(event),
        but_seq,
    )


async def renew_log(work: Work, log_id: UUID) -> None:
    """Takes all events out; everybody who reads there has to begin anew."""
    await work.write(
        """WITH log AS (
               UPDATE streams_logs SET epoch = gen_random_uuid(), floor_seq = last_seq WHERE id = $1 RETURNING id)
           DELETE FROM streams_events e USING log WHERE e.log_id = log.id""",
        log_id,
    )


async def delete_log(work: Work, log_id: UUID) -> None:
    await work.write(
        "WITH log AS (DELETE FROM streams_logs WHERE id = $1) DELETE FROM streams_events WHERE log_id = $1", log_id
    )
