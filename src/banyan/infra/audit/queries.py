"""SQL of the audit log."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from asyncpg import Record
from msgspec import Struct

from banyan.infra.audit.models import AuditEntry, Filter, Subject
from banyan.infra.database.work import Connection, Work

# An arbitrary number: whoever appends waits here for the one before to commit.
_LOCK = 5_118_270_993_441
_COLUMNS = "seq, at, via, account_id, via_id, ip, request_id, action, subject_kind, subject_id, details, hash"


class Tail(Struct, frozen=True):
    """The newest entry, and the database's time; 0 and no bytes for an empty log."""

    seq: int
    hash: bytes
    at: datetime


async def lock_tail(connection: Connection) -> Tail:
    """The newest entry; nobody else appends before this transaction ends."""
    # Two statements: the second sees what the transaction that held the lock has committed.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    rows = await connection.fetch(
        """
        SELECT coalesce(e.seq, 0), coalesce(e.hash, ''), clock_timestamp()
        FROM (VALUES (1)) AS always LEFT JOIN LATERAL (
            SELECT seq, hash FROM audit_entries ORDER BY seq DESC LIMIT 1) e ON true
        """
    )
    return Tail(*rows[0])


async def insert_entry(connection: Connection, entry: AuditEntry) -> None:
    await connection.execute(
        f"INSERT INTO audit_entries ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        entry.seq,
        entry.at,
        entry.via,
        entry.account_id,
        entry.via_id,
        entry.ip,
        entry.request_id,
        entry.action,
        entry.subject.kind if entry.subject else None,
        entry.subject.id if entry.subject else None,
        bytes(entry.details).decode(),
        bytes.fromhex(entry.hash),
    )


async def list_entries(work: Work, wanted: Filter, before: int | None, limit: int) -> list[AuditEntry]:
    """Newest first, those with a `seq` below `before`."""
    prefix = wanted.action is not None and wanted.action.endswith(".")
    rows = await work.rows(
        f"""
        SELECT {_COLUMNS} FROM audit_entries
        WHERE ($1::bigint IS NULL OR seq < $1)
            AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR starts_with(action, $3))
            AND ($4::uuid IS NULL OR account_id = $4) AND ($5::text IS NULL OR via = $5)
            AND ($6::text IS NULL OR subject_id = $6)
            AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
        ORDER BY seq DESC LIMIT $9
        """,
        before,
        None if prefix else wanted.action,
        wanted.action if prefix else None,
        wanted.account_id,
        wanted.via,
        wanted.subject_id,
        wanted.since,
        wanted.until,
        limit,
    )
    return _entries(rows)


async def list_in_order(work: Work, after: int, limit: int) -> list[AuditEntry]:
    """Oldest first, those with a `seq` above `after`."""
    rows = await work.rows(f"SELECT {_COLUMNS} FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2", after, limit)
    return _entries(rows)


def _entries(rows: Sequence[Record]) -> list[AuditEntry]:
    return [
        AuditEntry(
            seq=row["seq"],
            at=row["at"],
            via=row["via"],
            account_id=row["account_id"],
            via_id=row["via_id"],
            ip=row["ip"],
            request_id=row["request_id"],
            action=row["action"],
            subject=Subject(row["subject_kind"], row["subject_id"]) if row["subject_kind"] else None,
            details=msgspec.Raw(row["details"].encode()),
            hash=row["hash"].hex(),
        )
        for row in rows
    ]
