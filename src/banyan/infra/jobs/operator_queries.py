"""SQL for what an operator sees of the queue and may do about it: `banyan jobs`, and routes for admins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record
from msgspec import UNSET, Struct, UnsetType

from banyan.infra.database.work import Work
from banyan.infra.jobs.lanes import stored_priority
from banyan.kernel.ids import id_time

State = Literal["waiting", "running", "dead"]

_COLUMNS = "id, kind, state, priority, key, attempts, run_at, lease_until, last_error"
# Links in mails open accounts: whoever reads one before its owner has the account.
_PAYLOAD = """
    CASE kind WHEN 'mail.SendMail' THEN jsonb_build_object(
        'id', payload->'id',
        'message', jsonb_build_object('to', payload#>'{message,to}', 'subject', payload#>'{message,subject}'))
    ELSE payload END AS payload"""


class JobView(Struct, frozen=True):
    """One job. A list leaves the payload unset, because it may hold what people wrote; of a mail it has no text."""

    id: UUID
    kind: str
    state: State
    # high, normal or low
    priority: str
    key: str | None
    attempts: int
    created_at: datetime
    run_at: datetime
    lease_until: datetime | None
    last_error: str | None
    payload: msgspec.Raw | UnsetType = UNSET


async def list_jobs(
    work: Work, *, state: State | None, kind: str | None, before: UUID | None = None, limit: int
) -> list[JobView]:
    """Newest first, those with ids below `before`; None does not filter."""
    rows = await work.rows(
        f"""
        SELECT {_COLUMNS} FROM jobs
        WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
            AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        """,
        state,
        kind,
        before,
        limit,
    )
    return [_view(row) for row in rows]


async def count_by_state(work: Work) -> dict[str, int]:
    rows = await work.rows("SELECT state, count(*) FROM jobs GROUP BY state")
    return {"waiting": 0, "running": 0, "dead": 0} | {row[0]: row[1] for row in rows}


async def find_job(work: Work, id: UUID) -> JobView | None:
    row = await work.row(f"SELECT {_COLUMNS}, {_PAYLOAD} FROM jobs WHERE id = $1", id)
    return None if row is None else _view(row, msgspec.Raw(row["payload"].encode()))


async def retry(work: Work, ids: Sequence[UUID]) -> list[UUID]:
    """Lets dead and waiting jobs run now, with all their tries again; the ids of those found come back.

    A row is replaced, not changed, because a newer job may wait with the same key: that one does the work of both.
    """
    return await _retry(work, "id = ANY ($1) AND state <> 'running'", list(ids))


async def retry_all_dead(work: Work) -> list[UUID]:
    return await _retry(work, "state = 'dead'")


async def _retry(work: Work, which: str, *args: object) -> list[UUID]:
    rows = await work.write(
        f"""
        WITH gone AS (DELETE FROM jobs WHERE {which} RETURNING id, kind, payload, key, priority, last_error),
        again AS (
            INSERT INTO jobs (id, kind, payload, key, priority, run_at, last_error)
            SELECT id, kind, payload, key, priority, clock_timestamp(), last_error FROM gone ORDER BY kind, key
            ON CONFLICT (kind, key) WHERE state = 'waiting' AND key IS NOT NULL DO NOTHING)
        SELECT id FROM gone
        """,
        *args,
    )
    return [row["id"] for row in rows]


async def drop(work: Work, ids: Sequence[UUID]) -> list[UUID]:
    """Deletes dead and waiting jobs for good; the ids of those found come back."""
    rows = await work.write("DELETE FROM jobs WHERE id = ANY ($1) AND state <> 'running' RETURNING id", list(ids))
    return [row["id"] for row in rows]


async def drop_all_dead(work: Work) -> list[UUID]:
    rows = await work.write("DELETE FROM jobs WHERE state = 'dead' RETURNING id")
    return [row["id"] for row in rows]


def _view(row: Record, payload: msgspec.Raw | UnsetType = UNSET) -> JobView:
    return JobView(
        row["id"],
        row["kind"],
        row["state"],
        stored_priority(row["priority"]).name.lower(),
        row["key"],
        row["attempts"],
        id_time(row["id"]),
        row["run_at"],
        row["lease_until"],
        row["last_error"],
        payload,
    )
