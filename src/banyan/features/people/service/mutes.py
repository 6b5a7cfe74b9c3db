"""Mutes: whose posts stay out of one's feed and of the public list. The muted are never told."""

from uuid import UUID

from banyan.features.people.api import RELATIONS_TOPIC
from banyan.features.people.errors import NotWithOneself, PersonNotFound
from banyan.features.people.models import Mute
from banyan.features.people.queries import mutes as queries
from banyan.features.people.queries.ties import find_tie
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor


class Mutes:
    """Reads and changes of mutes; every method works inside the caller's unit of work."""

    async def mute_person(self, work: Work, person_id: UUID, muted_id: UUID) -> None:
        """Again changes nothing. Raises NotWithOneself, PersonNotFound."""
        if person_id == muted_id:
            raise NotWithOneself("You cannot mute yourself.")
        if await find_tie(work, person_id, muted_id) is None:
            raise PersonNotFound
        if await queries.insert_mute(work, new_id(), person_id, muted_id, now()):
            work.announce(RELATIONS_TOPIC, str(person_id))

    async def unmute_person(self, work: Work, person_id: UUID, muted_id: UUID) -> None:
        """Lifts a mute; without one nothing changes."""
        if await queries.delete_mute(work, person_id, muted_id):
            work.announce(RELATIONS_TOPIC, str(person_id))

    async def list_mutes(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[Mute]:
        """Newest first, without those whom a block hides."""
        rows = await queries.list_mutes(work, person_id, decode_cursor(cursor), limit + 1)
        page = cut_page(rows, limit, lambda row: row[0])
        return Page([mute for _, mute in page.items], page.next_cursor)
