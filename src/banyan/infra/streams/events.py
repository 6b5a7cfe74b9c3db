"""Logs of events: what happened in one place, told once and in one order to all who may read it.

An event gets its number under the lock of the log's row, in the transaction of what it tells of. The newest events are
kept; who was away for longer, or comes with another epoch, begins anew.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.infra.database.work import Work

KEPT_EVENTS = 1000
# Looking for what is too old costs a statement: it is done once in so many events.
_PRUNED_EVERY = 100

_encode = msgspec.json.Encoder().encode

_LOG = "UPDATE streams_logs SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq"
_EVENT = "INSERT INTO streams_events (log_id, seq, subject_id, body) SELECT $1, last_seq, $2, $3 FROM log"
_APPEND = f"WITH log AS ({_LOG}), event AS ({_EVENT}) SELECT last_seq FROM log"
# Streams are locked in the order of their ids, and after the log. People without a stream have none to be told in:
# their first look finds everything.
_POINT = """stream AS (
        SELECT s.id, s.last_seq, told.version
        FROM streams_streams s JOIN unnest({people}::uuid[], {versions}::bigint[]) AS told (id, version) USING (id)
        {after} ORDER BY s.id FOR NO KEY UPDATE OF s),
    entry AS (
        INSERT INTO streams_entries (stream_id, kind, id, version, seq)
        SELECT id, {kind}, {thing}, version, last_seq + 1 FROM stream
        ON CONFLICT (stream_id, kind, id) DO UPDATE SET version = excluded.version, seq = excluded.seq),
    head AS (
        UPDATE streams_streams s SET last_seq = s.last_seq + 1, digest = NULL, changed_at = now()
        FROM stream WHERE s.id = stream.id)"""
_APPEND_AND_POINT = f"""WITH log AS ({_LOG}), event AS ({_EVENT}),
    {_POINT.format(people="$4", versions="$5", kind="$6", thing="$7", after="CROSS JOIN log")}
    SELECT last_seq FROM log"""
_POINT_ONLY = f"""WITH {_POINT.format(people="$1", versions="$2", kind="$3", thing="$4", after="")} SELECT 1"""
_PRUNE = """WITH floor AS (
        UPDATE streams_logs SET floor_seq = $2 WHERE id = $1 AND floor_seq < $2)
    DELETE FROM streams_events WHERE log_id = $1 AND seq <= $2"""
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


async def append_event(
    work: Work, log_id: UUID, event: Struct, *, subject_id: UUID | None = None, pointers: Pointers | None = None
) -> int:
    """The offset of the event, which nobody reads before the caller's transaction is committed.

    `pointers` are logged by the same statement. The log has to exist.
    """
    if pointers is not None and pointers.person_ids:
        people = (pointers.person_ids, pointers.versions, pointers.kind, pointers.id)
        seq = await work.write_value(_APPEND_AND_POINT, log_id, subject_id, _encode(event), *people)
    else:
        seq = await work.write_value(_APPEND, log_id, subject_id, _encode(event))
    if seq is None:
        raise RuntimeError(f"there is no log {log_id}")
    if seq % _PRUNED_EVERY == 0 and seq > KEPT_EVENTS:
        await work.write(_PRUNE, log_id, seq - KEPT_EVENTS)
    return int(seq)


async def append_pointers(work: Work, pointers: Pointers) -> None:
    """As with `append_event`, where nothing happened that others hear of."""
    if pointers.person_ids:
        await work.write(_POINT_ONLY, pointers.person_ids, pointers.versions, pointers.kind, pointers.id)


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
