"""SQL of what waits to be pushed.

Locks are taken in one order: items, then devices, then pushes.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.features.notifications.models import ItemRow, PushDue
from banyan.features.notifications.queries.items import ITEM
from banyan.infra.database.work import Work

# A notification that goes on changing is pushed again after 10 s, then 20, 40 and so on up to an hour.
_FIRST_PAUSE_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 3600
# When an item `i` may be pushed again; null for one that never was.
_NEXT = f"""i.pushed_at + make_interval(secs => least(
    {_LONGEST_PAUSE_SECONDS}, {_FIRST_PAUSE_SECONDS} * power(2, least(i.pushes, 12) - 1)))"""


async def plan(work: Work, told: Sequence[tuple[UUID, UUID, datetime]], services: Sequence[str]) -> dict[str, datetime]:
    """Puts (item, person, earliest time) in line for each device of the person that one of `services` reaches. The
    lanes on which something waits then, and when the first of it is due.
    """
    rows = await work.write(
        f"""WITH put AS (
               INSERT INTO notifications_pushes AS p (item_id, device_id, lane, due_at)
               SELECT i.id, d.id, d.service || CASE WHEN d.failing_since IS NULL THEN '' ELSE '.troubled' END,
                   greatest(told.due_at, {_NEXT})
               FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS told (item_id, person_id, due_at)
               JOIN notifications_devices d ON d.person_id = told.person_id AND d.service = ANY ($4)
               JOIN notifications_items i ON i.id = told.item_id
               ORDER BY i.id, d.id
               ON CONFLICT (item_id, device_id) DO UPDATE SET asked = p.asked + 1
               RETURNING p.lane, p.due_at)
           SELECT lane, min(due_at) FROM put GROUP BY lane""",
        [one[0] for one in told],
        [one[1] for one in told],
        [one[2] for one in told],
        services,
    )
    return {row[0]: row[1] for row in rows}


async def hold(work: Work, lane: str, held: datetime | None, seconds: float) -> datetime | None:
    """Makes this worker the one that sends on a lane, for so long; `held` is what it got the last time. None when
    another one is.
    """
    until: datetime | None = await work.write_value(
        """UPDATE notifications_push_lanes SET busy_until = clock_timestamp() + make_interval(secs => $3)
           WHERE lane = $1 AND (busy_until IS NULL OR busy_until <= clock_timestamp() OR busy_until = $2)
           RETURNING busy_until""",
        lane,
        held,
        seconds,
    )
    return until


async def release(work: Work, lane: str, held: datetime) -> None:
    """Lets others send. Whoever asks to hold it waits from here on for the transaction's end."""
    await work.write(
        "UPDATE notifications_push_lanes SET busy_until = NULL WHERE lane = $1 AND busy_until = $2", lane, held
    )


async def find_busy(work: Work, lane: str) -> datetime | None:
    """How long another worker holds it."""
    until: datetime | None = await work.value("SELECT busy_until FROM notifications_push_lanes WHERE lane = $1", lane)
    return until


async def claim_due(work: Work, lane: str, limit: int, at: datetime, until: datetime) -> list[PushDue]:
    """Takes what is due, the longest due first; whatever happens to this worker, it is due again at `until`."""
    rows = await work.write(
        """WITH due AS MATERIALIZED (
               SELECT item_id, device_id FROM notifications_pushes
               WHERE lane = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
           UPDATE notifications_pushes p SET attempts = attempts + 1, due_at = $4
           FROM due WHERE p.item_id = due.item_id AND p.device_id = due.device_id
           RETURNING p.item_id, p.device_id, p.attempts, p.asked""",
        lane,
        at,
        limit,
        until,
    )
    return [PushDue(*row) for row in rows]


async def find_next_due(work: Work, lane: str) -> datetime | None:
    due_at: datetime | None = await work.write_value(
        "SELECT min(due_at) FROM notifications_pushes WHERE lane = $1", lane
    )
    return due_at


async def list_lanes(work: Work) -> dict[str, datetime]:
    """The lanes on which something waits, and when the first of it is due."""
    rows = await work.rows("SELECT lane, min(due_at) FROM notifications_pushes GROUP BY lane")
    return {row[0]: row[1] for row in rows}


async def list_unread(work: Work, item_ids: Sequence[UUID]) -> dict[UUID, ItemRow]:
    """Notifications that nobody has read meanwhile."""
    rows = await work.rows(f"SELECT {ITEM} FROM notifications_items WHERE id = ANY ($1) AND read_at IS NULL", item_ids)
    return {row[0]: ItemRow(*row) for row in rows}


async def mark_pushed(work: Work, item_ids: Sequence[UUID], at: datetime) -> None:
    """Counts a push of each."""
    await work.write(
        """UPDATE notifications_items SET pushed_at = $2, pushes = least(pushes + 1, 30)
           WHERE id IN (SELECT id FROM notifications_items WHERE id = ANY ($1) ORDER BY person_id, id FOR UPDATE)""",
        item_ids,
        at,
    )


async def close_unlisted(work: Work, item_id: UUID, at: datetime) -> None:
    """What no inbox shows is read: what happens from then on is told anew."""
    await work.write(
        "UPDATE notifications_items SET read_at = $2 WHERE id = $1 AND NOT in_app AND NOT digest AND read_at IS NULL",
        item_id,
        at,
    )


async def finish(work: Work, done: Sequence[PushDue], at: datetime) -> None:
    """Takes them out of line, but for what has to be told once more: that is due as if it came now."""
    await work.write(
        f"""WITH done AS (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS done (item_id, device_id, asked)),
           told AS (
               DELETE FROM notifications_pushes p USING done
               WHERE p.item_id = done.item_id AND p.device_id = done.device_id AND p.asked = done.asked)
           UPDATE notifications_pushes p SET attempts = 0, due_at = greatest($4, {_NEXT})
           FROM done JOIN notifications_items i ON i.id = done.item_id
           WHERE p.item_id = done.item_id AND p.device_id = done.device_id AND p.asked > done.asked""",
        [one.item_id for one in done],
        [one.device_id for one in done],
        [one.asked for one in done],
        at,
    )


async def put_off(work: Work, later: Sequence[tuple[PushDue, str, datetime, int]]) -> None:
    """(push, lane, next time, attempts that count) of each."""
    await work.write(
        """UPDATE notifications_pushes p SET lane = later.lane, due_at = later.due_at, attempts = later.attempts
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::integer[])
               AS later (item_id, device_id, lane, due_at, attempts)
           WHERE p.item_id = later.item_id AND p.device_id = later.device_id""",
        [one[0].item_id for one in later],
        [one[0].device_id for one in later],
        [one[1] for one in later],
        [one[2] for one in later],
        [one[3] for one in later],
    )
