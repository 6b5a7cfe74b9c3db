"""Suggestions: whom one may know, because several of one's connections do."""

from uuid import UUID

from banyan.features.people.errors import NotWithOneself, PersonNotFound
from banyan.features.people.models import Suggestion
from banyan.features.people.queries import suggestions as queries
from banyan.features.people.queries.ties import find_tie
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.pages import Page, cut_ranked_page, decode_ranked_cursor


class Suggestions:
    """Every method works inside the caller's unit of work."""

    async def list_suggestions(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[Suggestion]:
        """Most mutual connections first; nobody whom one is connected with, has asked, was asked by, has muted or
        dismissed, and nobody whom a block hides.
        """
        rows = await queries.list_suggestions(work, person_id, decode_ranked_cursor(cursor), limit + 1)
        return cut_ranked_page(rows, limit, lambda one: (one.mutual_count, one.person.id))

    async def dismiss_person(self, work: Work, person_id: UUID, dismissed_id: UUID) -> None:
        """This person is suggested no more; again changes nothing. Raises NotWithOneself, PersonNotFound."""
        if person_id == dismissed_id:
            raise NotWithOneself("Nobody is suggested to themselves.")
        if await find_tie(work, person_id, dismissed_id) is None:
            raise PersonNotFound
        await queries.insert_dismissal(work, person_id, dismissed_id, now())
