"""Writing the audit log, reading it, and showing that nobody tampered with it."""

import hashlib
from uuid import UUID

import msgspec
import structlog
from msgspec import structs

from banyan.infra.audit import queries
from banyan.infra.audit.models import Actor, AuditEntry, ChainState, Filter, Subject
from banyan.infra.database.work import Connection, Work
from banyan.kernel.pages import Page, cut_page, decode_cursor

log = structlog.get_logger("banyan.audit")

_CHECKED_AT_ONCE = 1_000
# `seq` is a bigint; a cursor that somebody made up may hold any 128 bits.
_SEQ_MASK = (1 << 63) - 1
_encode = msgspec.json.Encoder().encode


def record(
    work: Work, actor: Actor, action: str, subject_kind: str | None = None, subject_id: object = None, **details: object
) -> None:
    """Writes one entry with the commit of `work`, or not at all: `people.suspend`, `person`, its id, reason="spam".

    `details` are values that JSON has, and hold no secret. The chain needs a lock; the entry is the transaction's
    last statement, so that nobody holds it for longer than a commit takes and it closes no circle with row locks.
    """
    text = msgspec.Raw(_encode(details))
    subject = Subject(subject_kind, str(subject_id)) if subject_kind is not None else None

    async def append(connection: Connection) -> None:
        tail = await queries.lock_tail(connection)
        entry = AuditEntry(
            seq=tail.seq + 1,
            at=tail.at,
            via=actor.via,
            account_id=actor.account_id,
            via_id=actor.via_id,
            ip=actor.ip,
            request_id=actor.request_id,
            action=action,
            subject=subject,
            details=text,
            hash="",
        )
        entry = structs.replace(entry, hash=_digest(tail.hash, entry).hex())
        await queries.insert_entry(connection, entry)
        # In the log too: whoever ships it elsewhere has what the end of the chain must hold.
        work.after_commit(lambda: log.info("audit", seq=entry.seq, action=action, hash=entry.hash))

    work.last(append)


async def list_entries(work: Work, wanted: Filter, limit: int, cursor: str | None) -> Page[AuditEntry]:
    """The entries that `wanted` lets through, newest first."""
    before = decode_cursor(cursor)
    entries = await queries.list_entries(work, wanted, before.int & _SEQ_MASK if before else None, limit + 1)
    return cut_page(entries, limit, lambda entry: UUID(int=entry.seq))


async def check_chain(work: Work) -> ChainState:
    """Reads the whole log and follows the chain."""
    entries, seq, digest = 0, 0, b""
    while True:
        batch = await queries.list_in_order(work, seq, _CHECKED_AT_ONCE)
        for entry in batch:
            wanted = _digest(digest, entry)
            if entry.seq != seq + 1 or entry.hash != wanted.hex():
                return ChainState(entries, seq, digest.hex(), entry.seq)
            entries, seq, digest = entries + 1, entry.seq, wanted
        if len(batch) < _CHECKED_AT_ONCE:
            return ChainState(entries, seq, digest.hex(), None)


def _digest(previous: bytes, entry: AuditEntry) -> bytes:
    """SHA-256 over the digest before and every field of the entry, as JSON in this order."""
    fields = (
        entry.seq,
        round(entry.at.timestamp() * 1_000_000),
        entry.via,
        entry.account_id,
        entry.via_id,
        entry.ip,
        entry.request_id,
        entry.action,
        entry.subject,
        bytes(entry.details).decode(),
    )
    return hashlib.sha256(previous + _encode(fields)).digest()
