"""All SQL of lost and found, over its own tables."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.kernel.ids import LAST_ID
from lost_and_found.models import HelperRow, ItemKind, ItemRow, ItemState

_ITEM = "id, person_id, kind, state, title, description, place, created_at"


async def lock_open(work: Work, person_id: UUID) -> int:
    """How many open items a person has; of two at once by one person the second waits for the first."""
    await work.write("SELECT pg_advisory_xact_lock(hashtextextended('lost_and_found' || $1::uuid::text, 0))", person_id)
    count: int = await work.write_value(
        "SELECT count(*) FROM lost_and_found_items WHERE person_id = $1 AND state = 'open'", person_id
    )
    return count


async def insert_item(work: Work, row: ItemRow) -> None:
    await work.write(
        """INSERT INTO lost_and_found_items
               (id, person_id, kind, state, title, description, place, created_at, touched_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)""",
        row.id,
        row.person_id,
        row.kind,
        row.state,
        row.title,
        row.description,
        row.place,
        row.created_at,
    )


async def find_item(work: Work, item_id: UUID) -> ItemRow | None:
    row = await work.row(f"SELECT {_ITEM} FROM lost_and_found_items WHERE id = $1", item_id)
    return None if row is None else ItemRow(**row)


async def list_visible(work: Work, item_ids: Sequence[UUID], hidden: Sequence[UUID]) -> list[UUID]:
    """Without those of `hidden` people."""
    rows = await work.rows(
        "SELECT id FROM lost_and_found_items WHERE id = ANY ($1) AND person_id <> ALL ($2)", item_ids, hidden
    )
    return [row[0] for row in rows]


async def list_items(
    work: Work, kind: ItemKind | None, state: ItemState, hidden: Sequence[UUID], before: UUID | None, limit: int
) -> list[ItemRow]:
    """Newest first, without those of `hidden` people."""
    rows = await work.rows(
        f"""SELECT {_ITEM} FROM lost_and_found_items
            WHERE state = $1 AND ($2::text IS NULL OR kind = $2) AND id < $4 AND person_id <> ALL ($3)
            ORDER BY id DESC LIMIT $5""",
        state,
        kind,
        list(hidden),
        before or LAST_ID,
        limit,
    )
    return [ItemRow(**row) for row in rows]


async def update_item(
    work: Work, item_id: UUID, title: str | None, description: str | None, place: str | None, at: datetime
) -> ItemRow | None:
    """None when it is not open."""
    row = await work.write_row(
        f"""UPDATE lost_and_found_items SET title = coalesce($2, title), description = coalesce($3, description),
                place = coalesce($4, place), touched_at = $5
            WHERE id = $1 AND state = 'open' RETURNING {_ITEM}""",
        item_id,
        title,
        description,
        place,
        at,
    )
    return None if row is None else ItemRow(**row)


async def set_state(work: Work, item_id: UUID, state: ItemState, at: datetime) -> ItemRow | None:
    """None when it is not open: of two at once one comes too late."""
    row = await work.write_row(
        f"""UPDATE lost_and_found_items SET state = $2, touched_at = $3
            WHERE id = $1 AND state = 'open' RETURNING {_ITEM}""",
        item_id,
        state,
        at,
    )
    return None if row is None else ItemRow(**row)


async def delete_item(work: Work, item_id: UUID) -> None:
    await work.write("DELETE FROM lost_and_found_items WHERE id = $1", item_id)


async def close_untouched(work: Work, before: datetime, at: datetime) -> None:
    await work.write(
        "UPDATE lost_and_found_items SET state = 'closed', touched_at = $2 WHERE state = 'open' AND touched_at < $1",
        before,
        at,
    )


async def count_return(work: Work, row_id: UUID, person_id: UUID) -> None:
    """One more; the person moves to the head of the list."""
    await work.write(
        """INSERT INTO lost_and_found_helpers (person_id, id, returned_count) VALUES ($1, $2, 1)
           ON CONFLICT (person_id) DO UPDATE SET id = EXCLUDED.id,
               returned_count = lost_and_found_helpers.returned_count + 1""",
        person_id,
        row_id,
    )


async def list_helpers(work: Work, hidden: Sequence[UUID], before: UUID | None, limit: int) -> list[HelperRow]:
    """The latest to help first."""
    rows = await work.rows(
        """SELECT id, person_id, returned_count FROM lost_and_found_helpers
           WHERE id < $2 AND person_id <> ALL ($1) ORDER BY id DESC LIMIT $3""",
        list(hidden),
        before or LAST_ID,
        limit,
    )
    return [HelperRow(**row) for row in rows]


async def list_own(work: Work, person_id: UUID, before: UUID | None, limit: int) -> list[ItemRow]:
    """A person's items in every state, newest first."""
    rows = await work.rows(
        f"SELECT {_ITEM} FROM lost_and_found_items WHERE person_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        person_id,
        before or LAST_ID,
        limit,
    )
    return [ItemRow(**row) for row in rows]


async def delete_of(work: Work, person_id: UUID, limit: int) -> int:
    """How many of a person's items were removed; with the last of them goes what they have helped."""
    deleted: int = await work.write_value(
        """WITH gone AS (
               DELETE FROM lost_and_found_items WHERE id = ANY (ARRAY(
                   SELECT id FROM lost_and_found_items WHERE person_id = $1 ORDER BY id LIMIT $2)) RETURNING 1)
           SELECT count(*) FROM gone""",
        person_id,
        limit,
    )
    if deleted < limit:
        await work.write("DELETE FROM lost_and_found_helpers WHERE person_id = $1", person_id)
    return deleted
