"""SQL of devices that are told by push."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from banyan.features.notifications.models import DeviceRow
from banyan.infra.database.work import Work
from banyan.kernel.ids import LAST_ID

_COLUMNS = """id, person_id, session_id, service, address, p256dh, auth, user_agent, created_at, seen_at, pushed_at,
    failing_since"""


async def put_device(work: Work, row: DeviceRow, digest: bytes) -> DeviceRow:
    """A new one, or the one with this address anew. Whose it was before hears nothing by it any more."""
    await work.write(
        "DELETE FROM notifications_devices WHERE service = $1 AND address_digest = $2 AND person_id <> $3",
        row.service,
        digest,
        row.person_id,
    )
    stored = await work.write_row(
        f"""INSERT INTO notifications_devices AS d (id, person_id, session_id, service, address, address_digest, p256dh,
                auth, user_agent, created_at, seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
            ON CONFLICT (service, address_digest) DO UPDATE SET person_id = excluded.person_id,
                session_id = excluded.session_id, p256dh = excluded.p256dh, auth = excluded.auth,
                user_agent = excluded.user_agent, seen_at = excluded.seen_at, failing_since = NULL
            RETURNING {_COLUMNS}""",
        row.id,
        row.person_id,
        row.session_id,
        row.service,
        row.address,
        digest,
        row.p256dh,
        row.auth,
        row.user_agent,
        row.created_at,
    )
    assert stored is not None
    return _device(stored)


async def delete_surplus(work: Work, person_id: UUID, kept: int) -> None:
    """Only those seen last stay."""
    await work.write(
        """DELETE FROM notifications_devices WHERE id IN (
               SELECT id FROM notifications_devices WHERE person_id = $1 ORDER BY seen_at DESC, id DESC OFFSET $2)""",
        person_id,
        kept,
    )


async def list_devices(
    work: Work, person_id: UUID, services: Sequence[str], before: UUID | None, limit: int
) -> list[DeviceRow]:
    """Newest first."""
    rows = await work.rows(
        f"""SELECT {_COLUMNS} FROM notifications_devices
            WHERE person_id = $1 AND service = ANY ($2) AND id < $3 ORDER BY id DESC LIMIT $4""",
        person_id,
        services,
        before or LAST_ID,
        limit,
    )
    return [_device(row) for row in rows]


async def list_by_id(work: Work, device_ids: Sequence[UUID]) -> dict[UUID, DeviceRow]:
    rows = await work.rows(f"SELECT {_COLUMNS} FROM notifications_devices WHERE id = ANY ($1)", device_ids)
    return {row["id"]: _device(row) for row in rows}


async def delete_device(work: Work, person_id: UUID, services: Sequence[str], device_id: UUID) -> bool:
    """False when there is none of theirs."""
    return bool(
        await work.write(
            "DELETE FROM notifications_devices WHERE id = $1 AND person_id = $2 AND service = ANY ($3) RETURNING id",
            device_id,
            person_id,
            services,
        )
    )


async def delete_address(work: Work, person_id: UUID, service: str, digest: bytes) -> bool:
    """As `delete_device`, by the address."""
    return bool(
        await work.write(
            """DELETE FROM notifications_devices
               WHERE service = $1 AND address_digest = $2 AND person_id = $3 RETURNING id""",
            service,
            digest,
            person_id,
        )
    )


async def delete_gone(work: Work, gone: Sequence[tuple[UUID, datetime]]) -> int:
    """Those whose address has been gone since, unless they have told it again after that; how many."""
    rows = await work.write(
        """DELETE FROM notifications_devices d USING unnest($1::uuid[], $2::timestamptz[]) AS gone (id, since)
           WHERE d.id = gone.id AND d.seen_at <= gone.since RETURNING d.id""",
        [one[0] for one in gone],
        [one[1] for one in gone],
    )
    return len(rows)


async def mark_pushed(work: Work, device_ids: Sequence[UUID], at: datetime, unless_since: datetime) -> None:
    """A push has arrived. Written once an hour, or after failures."""
    await work.write(
        """UPDATE notifications_devices SET pushed_at = $2, failing_since = NULL
           WHERE id = ANY ($1) AND (failing_since IS NOT NULL OR pushed_at IS NULL OR pushed_at < $3)""",
        device_ids,
        at,
        unless_since,
    )


async def mark_failing(work: Work, device_ids: Sequence[UUID], at: datetime) -> None:
    """A push has failed; the first such moment counts."""
    await work.write(
        "UPDATE notifications_devices SET failing_since = $2 WHERE id = ANY ($1) AND failing_since IS NULL",
        device_ids,
        at,
    )


async def delete_failing(work: Work, since: datetime, limit: int) -> int:
    """Those that nothing has reached since then; how many."""
    rows = await work.write(
        """DELETE FROM notifications_devices WHERE id = ANY (ARRAY(
               SELECT id FROM notifications_devices WHERE failing_since < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
           RETURNING id""",
        since,
        limit,
    )
    return len(rows)


async def delete_of_person(work: Work, person_id: UUID) -> None:
    await work.write("DELETE FROM notifications_devices WHERE person_id = $1", person_id)


def _device(row: asyncpg.Record) -> DeviceRow:
    return DeviceRow(**dict(row))
