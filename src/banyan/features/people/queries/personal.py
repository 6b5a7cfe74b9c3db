"""What only the export of a person's own data asks for."""

from uuid import UUID

from banyan.features.people.models import Dismissal, EarlierHandle, OwnListMember
from banyan.infra.database.work import Work


async def list_earlier_handles(work: Work, person_id: UUID, after: UUID, limit: int) -> list[EarlierHandle]:
    """Those given up that are still reserved, oldest first."""
    rows = await work.rows(
        """SELECT id, handle, changed_at FROM people_handle_changes
           WHERE person_id = $1 AND id > $2 ORDER BY id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [EarlierHandle(*row) for row in rows]


async def list_own_members(work: Work, owner_id: UUID, after: UUID, limit: int) -> list[OwnListMember]:
    """The members of all lists of one owner."""
    rows = await work.rows(
        """SELECT m.id, m.list_id, m.person_id, m.created_at
           FROM people_lists l JOIN people_list_members m ON m.list_id = l.id
           WHERE l.owner_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3""",
        owner_id,
        after,
        limit,
    )
    return [OwnListMember(*row) for row in rows]


async def list_dismissals(work: Work, person_id: UUID, after: UUID, limit: int) -> list[Dismissal]:
    """In the order of those who were dismissed."""
    rows = await work.rows(
        """SELECT dismissed_id, created_at FROM people_dismissals
           WHERE person_id = $1 AND dismissed_id > $2 ORDER BY dismissed_id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [Dismissal(*row) for row in rows]
