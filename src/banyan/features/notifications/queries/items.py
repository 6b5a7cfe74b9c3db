"""SQL of notifications and of the events that they are made of.

Whoever changes the events of an item holds its row: counts are made of what is seen under that lock.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.features.notifications.models import ActorsRow, ItemRow, Told
from banyan.infra.database.work import Work
from banyan.infra.declare import Gone, Notice
from banyan.kernel.ids import LAST_ID

ITEM = "id, person_id, kind, subject_id, post_id, place, actor_count, version, read_at"
# So many of an item's newest events are looked through for actors to be shown.
_LOOKED_AT = 30


async def hold_items(
    work: Work, kind: str, notice: Notice, rows: Sequence[tuple[UUID, UUID, bool]]
) -> list[tuple[UUID, UUID]]:
    """Item and person for each (new id, person, in_app) to whom this notice is new: the unread item that there is, or a
    new one without actors. They are locked.
    """
    held = await work.write(
        """INSERT INTO notifications_items (id, person_id, kind, subject_id, post_id, place, in_app)
           SELECT new.id, new.person_id, $1, $2, $3, new.id, new.in_app
           FROM unnest($4::uuid[], $5::uuid[], $6::boolean[]) AS new (id, person_id, in_app)
           WHERE NOT EXISTS (
               SELECT FROM notifications_events e
               WHERE e.person_id = new.person_id AND e.kind = $1 AND e.subject_id = $2 AND e.source_id = $7)
           ORDER BY new.person_id
           ON CONFLICT (person_id, kind, subject_id, in_app) WHERE read_at IS NULL DO UPDATE SET kind = excluded.kind
           RETURNING id, person_id""",
        kind,
        notice.subject_id,
        notice.post_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        notice.source_id,
    )
    return [(row[0], row[1]) for row in held]


async def add_events(
    work: Work, kind: str, notice: Notice, items: Sequence[tuple[UUID, UUID]], places: Sequence[UUID]
) -> list[Told]:
    """One event for each of the held items; those to whom somebody else has told it meanwhile are left out."""
    rows = await work.write(
        """WITH added AS (
               INSERT INTO notifications_events (person_id, kind, subject_id, source_id, item_id, actor_id, place)
               SELECT held.person_id, $1, $2, $3, held.item_id, $4, held.place
               FROM unnest($5::uuid[], $6::uuid[], $7::uuid[]) AS held (item_id, person_id, place)
               ON CONFLICT DO NOTHING RETURNING item_id, place)
           UPDATE notifications_items i SET place = added.place, version = version + 1,
               actor_count = actor_count + CASE WHEN EXISTS (
                   SELECT FROM notifications_events e WHERE e.item_id = i.id AND e.actor_id = $4) THEN 0 ELSE 1 END
           FROM added WHERE i.id = added.item_id
           RETURNING i.id, i.person_id, i.version = 2""",
        kind,
        notice.subject_id,
        notice.source_id,
        notice.actor_id,
        [item[0] for item in items],
        [item[1] for item in items],
        places,
    )
    if len(rows) < len(items):
        await delete_empty(work, [item[0] for item in items])
    return [Told(row[0], row[1], row[2]) for row in rows]


async def delete_empty(work: Work, item_ids: Sequence[UUID]) -> None:
    """Those that nobody stands behind any more."""
    await work.write("DELETE FROM notifications_items WHERE id = ANY ($1) AND actor_count = 0", item_ids)


async def delete_by_subject(work: Work, gone: Gone, limit: int) -> list[UUID]:
    """All that is told of a subject; whose it was, `limit` at most."""
    rows = await work.write(
        """DELETE FROM notifications_items WHERE id = ANY (ARRAY(
               SELECT id FROM notifications_items
               WHERE subject_id = $1 AND ($2::uuid IS NULL OR person_id = $2)
               ORDER BY person_id, id LIMIT $3 FOR UPDATE))
           RETURNING person_id""",
        gone.subject_id,
        gone.person_id,
        limit,
    )
    return [row[0] for row in rows]


async def hold_by_source(work: Work, gone: Gone, limit: int) -> list[UUID]:
    """Locks the items with events of a source; their ids."""
    rows = await work.write(
        """SELECT id FROM notifications_items WHERE id IN (
               SELECT item_id FROM notifications_events
               WHERE source_id = $1 AND ($2::uuid IS NULL OR subject_id = $2) AND ($3::uuid IS NULL OR person_id = $3))
           ORDER BY person_id, id LIMIT $4 FOR UPDATE""",
        gone.source_id,
        gone.subject_id,
        gone.person_id,
        limit,
    )
    return [row[0] for row in rows]


async def delete_events(
    work: Work, item_ids: Sequence[UUID], *, source_id: UUID | None = None, actor_id: UUID | None = None
) -> list[UUID]:
    """Of held items, the events of a source or of an actor. Counts follow, items without actors go; whose they were."""
    deleted = await work.write(
        """DELETE FROM notifications_events
           WHERE item_id = ANY ($1) AND ($2::uuid IS NULL OR source_id = $2) AND ($3::uuid IS NULL OR actor_id = $3)
           RETURNING item_id, actor_id""",
        item_ids,
        source_id,
        actor_id,
    )
    pairs = sorted({(row[0], row[1]) for row in deleted})
    rows = await work.write(
        """UPDATE notifications_items i SET version = version + 1, actor_count = actor_count - lost.number
           FROM (SELECT item_id, count(*) FILTER (WHERE NOT EXISTS (
                     SELECT FROM notifications_events e
                     WHERE e.item_id = gone.item_id AND e.actor_id = gone.actor_id)) AS number
                 FROM unnest($1::uuid[], $2::uuid[]) AS gone (item_id, actor_id) GROUP BY item_id) AS lost
           WHERE i.id = lost.item_id RETURNING i.person_id""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
    )
    await delete_empty(work, item_ids)
    return [row[0] for row in rows]


async def hold_by_actor(work: Work, actor_id: UUID, limit: int) -> list[UUID]:
    """Locks items in which somebody stands; their ids."""
    rows = await work.write(
        """SELECT id FROM notifications_items WHERE id IN (
               SELECT item_id FROM notifications_events WHERE actor_id = $1 LIMIT $2)
           ORDER BY person_id, id FOR UPDATE""",
        actor_id,
        limit,
    )
    return [row[0] for row in rows]


async def list_items(
    work: Work, person_id: UUID, before: UUID | None, limit: int, *, unread: bool = False
) -> list[ItemRow]:
    """Of the inbox, newest first."""
    only = "AND read_at IS NULL" if unread else ""
    rows = await work.rows(
        f"""SELECT {ITEM} FROM notifications_items
            WHERE person_id = $1 AND in_app AND place < $2 {only} ORDER BY place DESC LIMIT $3""",
        person_id,
        before or LAST_ID,
        limit,
    )
    return [ItemRow(*row) for row in rows]


async def list_by_id(work: Work, person_id: UUID, item_ids: Sequence[UUID]) -> list[ItemRow]:
    """Those of a person, whether they stand in the inbox or not."""
    rows = await work.rows(
        f"SELECT {ITEM} FROM notifications_items WHERE id = ANY ($2) AND person_id = $1", person_id, item_ids
    )
    return [ItemRow(*row) for row in rows]


async def list_in_inbox(work: Work, person_id: UUID, item_ids: Sequence[UUID | str]) -> list[ItemRow]:
    """Those of a person's inbox."""
    rows = await work.rows(
        f"SELECT {ITEM} FROM notifications_items WHERE id = ANY ($2) AND person_id = $1 AND in_app",
        person_id,
        item_ids,
    )
    return [ItemRow(*row) for row in rows]


async def find_in_inbox(work: Work, person_id: UUID, item_id: UUID) -> ItemRow | None:
    rows = await list_in_inbox(work, person_id, [item_id])
    return rows[0] if rows else None


async def list_actors(
    work: Work, item_ids: Sequence[UUID], unwanted: Sequence[UUID], shown: int
) -> dict[UUID, ActorsRow]:
    """The newest actors who are not `unwanted`, and the number of all such."""
    rows = await work.rows(
        """SELECT i.id,
               ARRAY(
                   SELECT actor_id FROM (
                       SELECT DISTINCT ON (actor_id) actor_id, place FROM (
                           SELECT actor_id, place FROM notifications_events
                           WHERE item_id = i.id AND actor_id <> ALL ($2::uuid[]) ORDER BY place DESC LIMIT $4) AS newest
                       ORDER BY actor_id, place DESC) AS actors
                   ORDER BY place DESC LIMIT $3),
               i.actor_count - CASE WHEN $2 = '{}' THEN 0 ELSE (
                   SELECT count(DISTINCT actor_id) FROM notifications_events
                   WHERE item_id = i.id AND actor_id = ANY ($2)) END
           FROM notifications_items i WHERE i.id = ANY ($1)""",
        item_ids,
        unwanted,
        shown,
        _LOOKED_AT,
    )
    return {row[0]: ActorsRow(row[1], row[2]) for row in rows}


async def count_unwanted(work: Work, item_ids: Sequence[UUID], unwanted: Sequence[UUID]) -> dict[UUID, int]:
    """How many `unwanted` actors stand in each item."""
    rows = await work.rows(
        """SELECT item_id, count(DISTINCT actor_id) FROM notifications_events
           WHERE item_id = ANY ($1) AND actor_id = ANY ($2) GROUP BY item_id""",
        item_ids,
        unwanted,
    )
    return {row[0]: row[1] for row in rows}


async def mark_read(work: Work, person_id: UUID, item_id: UUID, at: datetime) -> bool:
    """False when it was read already."""
    row = await work.write_row(
        """UPDATE notifications_items SET read_at = $3, version = version + 1, digest = false
           WHERE id = $2 AND person_id = $1 AND read_at IS NULL RETURNING id""",
        person_id,
        item_id,
        at,
    )
    return row is not None


async def mark_all_read(work: Work, person_id: UUID, last_place: UUID, at: datetime) -> bool:
    """All up to a place in the inbox, that one too; whether there were any."""
    rows = await work.write(
        """UPDATE notifications_items SET read_at = $3, version = version + 1, digest = false
           WHERE id = ANY (ARRAY(
               SELECT id FROM notifications_items
               WHERE person_id = $1 AND in_app AND read_at IS NULL AND place <= $2 ORDER BY id FOR UPDATE))
             AND read_at IS NULL AND place <= $2
           RETURNING id""",
        person_id,
        last_place,
        at,
    )
    return bool(rows)


async def lock_unmailed(work: Work, item_id: UUID) -> ItemRow | None:
    """An unread notification that no mail has told of."""
    row = await work.write_row(
        f"SELECT {ITEM} FROM notifications_items WHERE id = $1 AND read_at IS NULL AND mailed_at IS NULL FOR UPDATE",
        item_id,
    )
    return None if row is None else ItemRow(*row)


async def mark_for_digest(work: Work, item_ids: Sequence[UUID]) -> None:
    """They wait for the next digest."""
    await work.write("UPDATE notifications_items SET digest = true WHERE id = ANY ($1)", item_ids)


async def take_for_digest(work: Work, person_id: UUID) -> list[ItemRow]:
    """What waits for the digest, newest first; it waits no longer."""
    rows = await work.write(
        f"UPDATE notifications_items SET digest = false WHERE person_id = $1 AND digest RETURNING {ITEM}", person_id
    )
    return sorted((ItemRow(*row) for row in rows), key=lambda row: row.place, reverse=True)


async def mark_mailed(work: Work, item_ids: Sequence[UUID], at: datetime) -> None:
    """What only mail tells of is read with it: what happens from then on is told anew."""
    await work.write(
        """UPDATE notifications_items SET mailed_at = $2, read_at = CASE WHEN in_app THEN read_at ELSE $2 END
           WHERE id = ANY ($1)""",
        item_ids,
        at,
    )


async def delete_old(work: Work, below: UUID, limit: int) -> int:
    """Those that nothing has happened to since the moment of the id `below`, the oldest first; how many."""
    deleted: int = await work.write_value(
        """WITH gone AS (DELETE FROM notifications_items WHERE id = ANY (ARRAY(
               SELECT id FROM notifications_items WHERE place < $1 ORDER BY place LIMIT $2 FOR UPDATE SKIP LOCKED))
               RETURNING 1)
           SELECT count(*) FROM gone""",
        below,
        limit,
    )
    return deleted


async def delete_of_person(work: Work, person_id: UUID, limit: int) -> int:
    """What a person was told; how many, `limit` at most."""
    rows = await work.write(
        """DELETE FROM notifications_items WHERE id = ANY (ARRAY(
               SELECT id FROM notifications_items WHERE person_id = $1 ORDER BY id LIMIT $2 FOR UPDATE))
           RETURNING id""",
        person_id,
        limit,
    )
    return len(rows)
