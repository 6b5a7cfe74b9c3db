"""Who is in a group: added by any member, taken out by its owner, leaving by themselves."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.messaging.errors import (
    ConversationNotFound,
    DirectConversation,
    GroupFull,
    MemberNotFound,
    NotTheOwner,
)
from banyan.features.messaging.happenings import MemberRemoved, MembersAdded
from banyan.features.messaging.jobs import EraseConversation
from banyan.features.messaging.models import GROUP_MAX_MEMBERS, POINTED_MEMBERS, Member, Membership
from banyan.features.messaging.queries import conversations as queries
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import cut, tell
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import FIRST_ID
from banyan.kernel.pages import Page, cut_page, decode_cursor


class Members:
    """All that changes who is in a group holds the lock of its conversation."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def list_members(
        self, work: Work, viewer_id: UUID, conversation_id: UUID, limit: int, cursor: str | None
    ) -> Page[Member]:
        """How far each has read too; without those whom a block hides. Raises ConversationNotFound."""
        after = decode_cursor(cursor) or FIRST_ID
        membership = await self._access.get_membership(work, viewer_id, conversation_id)
        hidden = list(await self._access.hidden(work, viewer_id))
        rows = await queries.list_members(work, conversation_id, hidden, after, limit + 1)
        page = cut_page(rows, limit, lambda row: row[0])
        cards = await self._access.show_people(work, [person_id for person_id, _, _ in page.items])
        items = [
            Member(cards[person_id], person_id == membership.owner_id, read_seq, joined_at)
            for person_id, read_seq, joined_at in page.items
        ]
        return Page(items, page.next_cursor)

    async def add_members(self, work: Work, person_id: UUID, conversation_id: UUID, added: Sequence[UUID]) -> None:
        """Who is a member already stays one. Raises ConversationNotFound, DirectConversation, PersonNotFound,
        GroupFull.
        """
        await self._get_group(work, person_id, conversation_id)
        wanted = [one for one in dict.fromkeys(added) if one != person_id]
        await self._access.check_people(work, person_id, wanted)
        seq, count = await _lock(work, conversation_id)
        new = await queries.insert_members(work, conversation_id, wanted, seq, now())
        if not new:
            return
        if count + len(new) > GROUP_MAX_MEMBERS:
            raise GroupFull(f"At most {GROUP_MAX_MEMBERS} members.")
        count = await queries.change_member_count(work, conversation_id, len(new))
        told = new if count <= POINTED_MEMBERS else []
        await tell(work, conversation_id, MembersAdded(new), told=told, versions=[seq] * len(told))

    async def remove_member(self, work: Work, person_id: UUID, conversation_id: UUID, removed_id: UUID) -> None:
        """Oneself, or as the owner anybody. Raises ConversationNotFound, DirectConversation, NotTheOwner,
        MemberNotFound.
        """
        group = await self._get_group(work, person_id, conversation_id)
        if person_id not in (removed_id, group.owner_id):
            raise NotTheOwner
        if not await take_out(work, conversation_id, removed_id):
            raise MemberNotFound

    async def _get_group(self, work: Work, person_id: UUID, conversation_id: UUID) -> Membership:
        membership = await self._access.get_membership(work, person_id, conversation_id)
        if membership.low_id is not None:
            raise DirectConversation
        return membership


async def take_out(work: Work, conversation_id: UUID, person_id: UUID) -> bool:
    """Ends a membership; of a conversation in which nobody is left nothing stays. False where there was none."""
    await _lock(work, conversation_id)
    if not await queries.delete_member(work, conversation_id, person_id):
        return False
    left = await queries.change_member_count(work, conversation_id, -1)
    owner_id = await queries.pass_on_ownership(work, conversation_id, person_id)
    await tell(work, conversation_id, MemberRemoved(person_id, owner_id), told=[person_id], versions=[None])
    cut(work, conversation_id, person_id)
    if left == 0:
        work.enqueue(EraseConversation(conversation_id))
    return True


async def _lock(work: Work, conversation_id: UUID) -> tuple[int, int]:
    locked = await queries.lock_conversation(work, conversation_id)
    if locked is None:
        raise ConversationNotFound
    return locked
