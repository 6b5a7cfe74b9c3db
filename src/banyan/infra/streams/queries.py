"""All SQL of streams."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg

from banyan.infra.database.arrays import array_text
from banyan.infra.database.pending import Part
from banyan.infra.database.work import Work
from banyan.infra.streams.models import Appended, Entries, Head

_HEAD = "epoch, last_seq, floor_seq, digest"

_CHANGES = """unnest({kinds}::text::text[], {ids}::text::uuid[], {versions}::text::bigint[])
    WITH ORDINALITY AS change (kind, id, version, place)"""
# `$2` is where the stream ended; every change gets the next number.
_APPEND = f"""
WITH entry AS (
    INSERT INTO streams_entries (stream_id, kind, id, version, seq)
    SELECT $1, kind, id, version, $2::bigint + place FROM {_CHANGES.format(kinds="$3", ids="$4", versions="$5")}
    ON CONFLICT (stream_id, kind, id) DO UPDATE SET version = excluded.version, seq = excluded.seq)
UPDATE streams_streams SET last_seq = $2::bigint + $6::bigint, digest = $7, changed_at = now()
WHERE id = $1
"""
# The row of a new stream, which nobody else sees before the commit, and all that is in it.
_BEGIN = f"""head AS (
        INSERT INTO streams_streams (id, last_seq, digest) VALUES ($1, $5, $6) ON CONFLICT DO NOTHING
        RETURNING {_HEAD}),
    entry AS (
        INSERT INTO streams_entries (stream_id, kind, id, version, seq)
        SELECT $1, kind, id, version, place FROM {_CHANGES.format(kinds="$2", ids="$3", versions="$4")}
        WHERE EXISTS (SELECT FROM head))"""
# Only what still stands as it was answered: somebody else may have logged something newer meanwhile.
_BURY = """
WITH entry AS (
    UPDATE streams_entries e SET version = NULL, seq = $2::bigint + gone.place
    FROM unnest($3::text[], $4::uuid[], $5::bigint[]) WITH ORDINALITY AS gone (kind, id, seq, place)
    WHERE e.stream_id = $1 AND e.kind = gone.kind AND e.id = gone.id AND e.seq = gone.seq)
UPDATE streams_streams SET last_seq = $2::bigint + cardinality($3::text[]), digest = NULL, changed_at = now()
WHERE id = $1
"""
_PRUNE = """
WITH cut AS (
    SELECT seq FROM streams_entries WHERE stream_id = $1 AND version IS NULL ORDER BY seq DESC OFFSET $2 LIMIT 1),
forgotten AS (
    DELETE FROM streams_entries e USING cut WHERE e.stream_id = $1 AND e.version IS NULL AND e.seq <= cut.seq)
UPDATE streams_streams s SET floor_seq = cut.seq FROM cut WHERE s.id = $1 RETURNING s.floor_seq
"""


async def find_head(work: Work, stream_id: UUID) -> Head | None:
    row = await work.row(f"SELECT {_HEAD} FROM streams_streams WHERE id = $1", stream_id)
    return None if row is None else Head(*row)


async def lock_head(work: Work, stream_id: UUID) -> Head | None:
    """Nobody else appends until the transaction ends; None when nobody has asked for this stream yet."""
    row = await work.write_row(f"SELECT {_HEAD} FROM streams_streams WHERE id = $1 FOR NO KEY UPDATE", stream_id)
    return None if row is None else Head(*row)


async def make_head(work: Work, stream_id: UUID) -> Head:
    """The locked row of a stream, made where there is none."""
    while True:
        head = await lock_head(work, stream_id)
        if head is not None:
            return head
        await work.write("INSERT INTO streams_streams (id) VALUES ($1) ON CONFLICT DO NOTHING", stream_id)


async def begin_stream(work: Work, stream_id: UUID, changes: Appended, digest: bytes) -> Head | None:
    """A new stream with these changes, written at once; None where there is one."""
    count = len(changes.ids)
    part = Part(_BEGIN, (stream_id, *_arrays(changes), count, digest))
    row = await work.conclude(f"SELECT {_HEAD} FROM head", part)
    return None if row is None else Head(*row)


async def list_live(work: Work, stream_id: UUID) -> dict[str, dict[str, int]]:
    """By kind and id the versions of all that the log says the person has."""
    rows = await work.rows(
        """SELECT kind, string_agg(id::text, ','), string_agg(version::text, ',') FROM streams_entries
           WHERE stream_id = $1 AND version IS NOT NULL GROUP BY kind""",
        stream_id,
    )
    return {kind: dict(zip(ids.split(","), map(int, versions.split(",")), strict=True)) for kind, ids, versions in rows}


async def list_entries(work: Work, stream_id: UUID, after: int, last: int, limit: int, *, with_gone: bool) -> Entries:
    """In the order of change, from after `after` up to `last`."""
    rows = await work.rows(
        """SELECT seq, kind, id::text, version IS NULL FROM streams_entries
           WHERE stream_id = $1 AND seq > $2 AND seq <= $3 AND ($5 OR version IS NOT NULL) ORDER BY seq LIMIT $4""",
        stream_id,
        after,
        last,
        limit,
        with_gone,
    )
    return Entries(*zip(*rows, strict=True)) if rows else Entries((), (), (), ())


async def append(work: Work, stream_id: UUID, last_seq: int, changes: Appended, digest: bytes | None) -> None:
    """The caller holds the lock of the head, which ends at `last_seq`."""
    await work.write(_APPEND, stream_id, last_seq, *_arrays(changes), len(changes.ids), digest)


async def bury(
    work: Work, stream_id: UUID, last_seq: int, seqs: Sequence[int], kinds: Sequence[str], ids: Sequence[str]
) -> None:
    """Logs deletions of entries, as far as they stand unchanged. The caller holds the lock of the head."""
    await work.write(_BURY, stream_id, last_seq, kinds, ids, seqs)


async def prune(work: Work, stream_id: UUID, keep: int) -> int | None:
    """Forgets all but the newest `keep` deletions; the new floor if any had to go."""
    floor: int | None = await work.write_value(_PRUNE, stream_id, keep)
    return floor


async def delete_stream(work: Work, stream_id: UUID) -> None:
    await work.write(
        """WITH gone AS (DELETE FROM streams_streams WHERE id = $1)
           DELETE FROM streams_entries WHERE stream_id = $1""",
        stream_id,
    )


async def delete_unused(work: Work, unused: timedelta, limit: int) -> int:
    """Forgets streams in which nothing was logged for so long; how many."""
    rows = await work.write(
        """WITH gone AS (
               DELETE FROM streams_streams WHERE id IN (
                   SELECT id FROM streams_streams WHERE changed_at < now() - $1::interval
                   ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED)
               RETURNING id),
           entries AS (DELETE FROM streams_entries e USING gone WHERE e.stream_id = gone.id)
           SELECT id FROM gone""",
        unused,
        limit,
    )
    return len(rows)


async def renew_epochs(connection: asyncpg.Connection) -> None:
    """After a backup was restored: what clients have may be newer than the database, so each has to begin anew.

    Call it before anybody is served.
    """
    await connection.execute("UPDATE streams_streams SET epoch = gen_random_uuid()")
    await connection.execute("UPDATE streams_logs SET epoch = gen_random_uuid()")


def _arrays(changes: Appended) -> tuple[str, str, str]:
    versions = ["NULL" if version is None else str(version) for version in changes.versions]
    return array_text(changes.kinds), array_text(changes.ids), array_text(versions)
