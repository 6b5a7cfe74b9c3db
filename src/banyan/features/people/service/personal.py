"""Parts of a person's own data that no list of the API has."""

from uuid import UUID

from banyan.features.people.models import Dismissal, EarlierHandle, OwnListMember
from banyan.features.people.queries import personal as queries
from banyan.infra.database.work import Work
from banyan.kernel.pages import Page, cut_page, decode_cursor

_PAGE = 200
_FIRST_ID = UUID(int=0)


async def list_earlier_handles(work: Work, person_id: UUID, cursor: str | None) -> Page[EarlierHandle]:
    """Handles given up, as long as they are reserved."""
    rows = await queries.list_earlier_handles(work, person_id, decode_cursor(cursor) or _FIRST_ID, _PAGE + 1)
    return cut_page(rows, _PAGE, lambda row: row.id)


async def list_memberships(work: Work, owner_id: UUID, cursor: str | None) -> Page[OwnListMember]:
    """Who is on the lists of one owner."""
    rows = await queries.list_own_members(work, owner_id, decode_cursor(cursor) or _FIRST_ID, _PAGE + 1)
    return cut_page(rows, _PAGE, lambda row: row.id)


async def list_dismissals(work: Work, person_id: UUID, cursor: str | None) -> Page[Dismissal]:
    """Whom one does not want to be suggested."""
    rows = await queries.list_dismissals(work, person_id, decode_cursor(cursor) or _FIRST_ID, _PAGE + 1)
    return cut_page(rows, _PAGE, lambda row: row.person_id)
