"""Named lists of connections: audiences that only their owner knows of.

Who is on a list is a connection of its owner now: members are added under the pair's lock, under which a connection
also ends and takes its two people off each other's lists.
"""

from uuid import UUID

from msgspec import UNSET

from banyan.features.people.api import RELATIONS_TOPIC
from banyan.features.people.errors import ListNotFound, NotConnected, PersonNotFound, TooManyLists
from banyan.features.people.models import ConnectionList, ListChanges, ListMember
from banyan.features.people.queries import lists as queries
from banyan.features.people.queries.ties import find_tie, lock_pair
from banyan.features.people.signals import ListDeleted, ListMemberAdded, ListMemberRemoved
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line

LIST_NAME_MAX_CHARS = 80
LISTS_PER_PERSON = 100


class Lists:
    """Reads and changes of lists; every method works inside the caller's unit of work."""

    async def create_list(self, work: Work, owner_id: UUID, name: str) -> ConnectionList:
        """Raises Invalid, TooManyLists."""
        name = _check_name(name)
        list_id, at = new_id(), now()
        if not await queries.insert_list(work, list_id, owner_id, name, at, LISTS_PER_PERSON):
            raise TooManyLists(f"At most {LISTS_PER_PERSON} lists: delete one first.")
        work.announce(ME_TOPIC, str(owner_id))
        return ConnectionList(list_id, name, 0, at)

    async def get_list(self, work: Work, owner_id: UUID, list_id: UUID) -> ConnectionList:
        """Raises ListNotFound."""
        found = await queries.find_list(work, owner_id, list_id)
        if found is None:
            raise ListNotFound
        return found

    async def list_lists(self, work: Work, owner_id: UUID, limit: int, cursor: str | None) -> Page[ConnectionList]:
        """Newest first."""
        rows = await queries.list_lists(work, owner_id, decode_cursor(cursor), limit + 1)
        return cut_page(rows, limit, lambda one: one.id)

    async def change_list(self, work: Work, owner_id: UUID, list_id: UUID, changes: ListChanges) -> ConnectionList:
        """Raises ListNotFound, Invalid."""
        if changes.name is not UNSET and not await queries.rename_list(
            work, owner_id, list_id, _check_name(changes.name)
        ):
            raise ListNotFound
        work.announce(ME_TOPIC, str(owner_id))
        return await self.get_list(work, owner_id, list_id)

    async def delete_list(self, work: Work, owner_id: UUID, list_id: UUID) -> None:
        """Raises ListNotFound."""
        members = await queries.delete_list(work, owner_id, list_id)
        if members is None:
            raise ListNotFound
        work.emit(ListDeleted(list_id, owner_id))
        work.announce(ME_TOPIC, str(owner_id))
        if members:
            work.announce(RELATIONS_TOPIC, *map(str, members))

    async def add_member(self, work: Work, owner_id: UUID, list_id: UUID, person_id: UUID) -> None:
        """Puts a connection on a list; again changes nothing. Raises ListNotFound, PersonNotFound, NotConnected."""
        if not await queries.owns_list(work, owner_id, list_id):
            raise ListNotFound
        await lock_pair(work, owner_id, person_id)
        tie = await find_tie(work, owner_id, person_id)
        if tie is None:
            raise PersonNotFound
        if tie.state != "connected":
            raise NotConnected("Only connections can be on a list.")
        added = await queries.insert_member(work, owner_id, list_id, person_id, new_id(), now())
        if added is None:
            raise ListNotFound
        if added:
            work.emit(ListMemberAdded(list_id, owner_id, person_id))
            work.announce(ME_TOPIC, str(owner_id))
            work.announce(RELATIONS_TOPIC, str(person_id))

    async def remove_member(self, work: Work, owner_id: UUID, list_id: UUID, person_id: UUID) -> None:
        """Takes a person off a list; who is not on it stays so. Raises ListNotFound."""
        if not await queries.owns_list(work, owner_id, list_id):
            raise ListNotFound
        if await queries.delete_member(work, owner_id, list_id, person_id):
            work.emit(ListMemberRemoved(list_id, owner_id, person_id))
            work.announce(ME_TOPIC, str(owner_id))
            work.announce(RELATIONS_TOPIC, str(person_id))

    async def list_members(
        self, work: Work, owner_id: UUID, list_id: UUID, limit: int, cursor: str | None
    ) -> Page[ListMember]:
        """Who was added last comes first. Raises ListNotFound."""
        before = decode_cursor(cursor)
        if not await queries.owns_list(work, owner_id, list_id):
            raise ListNotFound
        rows = await queries.list_members(work, list_id, before, limit + 1)
        page = cut_page(rows, limit, lambda row: row[0])
        return Page([member for _, member in page.items], page.next_cursor)


def _check_name(value: str) -> str:
    return check_line(value, "name", max_chars=LIST_NAME_MAX_CHARS)
