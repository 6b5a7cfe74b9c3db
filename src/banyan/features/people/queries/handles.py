"""SQL of handles: in use, given up, reserved."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.features.people.queries.parts import BLOCKED
from banyan.infra.database.work import Work


async def find_id_by_handle(work: Work, handle: str) -> UUID | None:
    """The person whom others find under a handle."""
    found: UUID | None = await work.value(
        "SELECT id FROM people_people WHERE handle = $1 AND hidden_at IS NULL", handle
    )
    return found


async def list_ids_by_handle(work: Work, handles: Sequence[str]) -> dict[str, UUID]:
    """As `find_id_by_handle`, of many."""
    rows = await work.rows(
        "SELECT handle, id FROM people_people WHERE handle = ANY($1::text[]) AND hidden_at IS NULL", handles
    )
    return {row[0]: row[1] for row in rows}


async def is_taken(work: Work, handle: str, since: datetime) -> bool:
    """Whether somebody has a handle, or has given it up after `since`."""
    taken: bool = await work.value(
        """SELECT EXISTS (SELECT FROM people_people WHERE handle = $1)
               OR EXISTS (SELECT FROM people_handle_changes WHERE handle = $1 AND changed_at > $2)""",
        handle,
        since,
    )
    return taken


async def find_holders(work: Work, handles: Sequence[str], since: datetime) -> dict[str, UUID]:
    """Who has which of these handles, or has given it up after `since`."""
    rows = await work.rows(
        """SELECT handle, person_id FROM people_handle_changes WHERE handle = ANY($1::text[]) AND changed_at > $2
           UNION ALL SELECT handle, id FROM people_people WHERE handle = ANY($1::text[])""",
        handles,
        since,
    )
    # Who has it now comes last.
    return {row[0]: row[1] for row in rows}


async def is_reserved(work: Work, handle: str, owner_id: UUID, since: datetime) -> bool:
    """Whether somebody else than `owner_id` gave a handle up after `since`."""
    reserved: bool = await work.value(
        """SELECT EXISTS (SELECT FROM people_handle_changes
               WHERE handle = $1 AND person_id <> $2 AND changed_at > $3)""",
        handle,
        owner_id,
        since,
    )
    return reserved


async def find_present_handle(work: Work, viewer_id: UUID | None, handle: str, since: datetime) -> str | None:
    """What the person is called now who gave a handle up after `since`, if this reader may see them."""
    found: str | None = await work.value(
        f"""SELECT p.handle FROM people_handle_changes c JOIN people_people p ON p.id = c.person_id
            WHERE c.handle = $1 AND c.changed_at > $3 AND p.hidden_at IS NULL
              AND NOT {BLOCKED.format(viewer="$2::uuid", person="p.id")}
            ORDER BY c.changed_at DESC LIMIT 1""",
        handle,
        viewer_id,
        since,
    )
    return found


async def lock_handle(work: Work, person_id: UUID) -> str | None:
    """A person's handle, which nobody else changes until the transaction ends."""
    handle: str | None = await work.write_value(
        "SELECT handle FROM people_people WHERE id = $1 FOR NO KEY UPDATE", person_id
    )
    return handle


async def list_changes(work: Work, person_id: UUID, since: datetime) -> list[datetime]:
    """When a person changed their handle, oldest first."""
    rows = await work.rows(
        """SELECT changed_at FROM people_handle_changes
           WHERE person_id = $1 AND changed_at > $2 ORDER BY changed_at""",
        person_id,
        since,
    )
    return [row[0] for row in rows]


async def insert_change(work: Work, change_id: UUID, person_id: UUID, handle: str, at: datetime) -> None:
    """`handle` is the one that was given up."""
    await work.write(
        "INSERT INTO people_handle_changes (id, person_id, handle, changed_at) VALUES ($1, $2, $3, $4)",
        change_id,
        person_id,
        handle,
        at,
    )


async def delete_changes(work: Work, before: datetime) -> None:
    """Forgets handles that were given up before then."""
    await work.write("DELETE FROM people_handle_changes WHERE changed_at < $1", before)
