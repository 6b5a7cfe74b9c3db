"""Conversations: made, listed, named, muted, and how far one has read."""

from datetime import timedelta
from uuid import UUID

from banyan.features.messaging.errors import ConversationNotFound, DirectConversation, MessageNotFound, NotTheOwner
from banyan.features.messaging.happenings import ReadUpTo, Renamed
from banyan.features.messaging.models import (
    AWAY_SECONDS,
    GROUP_MAX_MEMBERS,
    POINTED_MEMBERS,
    TITLE_MAX_CHARS,
    Conversation,
    ConversationChanges,
    Membership,
    MessageRow,
    NewConversation,
    Overview,
    ReadState,
)
from banyan.features.messaging.queries import conversations as queries
from banyan.features.messaging.queries.messages import find_reading
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import closed, point, tell
from banyan.features.messaging.signals import ConversationRead
from banyan.features.people.errors import NotWithOneself
from banyan.infra.database.work import Work
from banyan.infra.streams.events import make_log
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import id_time, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line

# A little less: the clocks of two machines differ.
_TOLD_AFTER = timedelta(seconds=AWAY_SECONDS - 1)


class Conversations:
    """A direct conversation is one per pair, whoever begins it and however often."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def create_conversation(self, work: Work, person_id: UUID, new: NewConversation) -> Conversation:
        """One other person without a title is the direct conversation with them, made where there is none.

        Raises NotWithOneself, PersonNotFound, Invalid.
        """
        title = _check_title(new.title)
        others = [one for one in dict.fromkeys(new.member_ids) if one != person_id]
        if not others:
            raise NotWithOneself("A conversation needs another person.")
        if len(others) >= GROUP_MAX_MEMBERS:
            raise Invalid.field("member_ids", "too_many", f"At most {GROUP_MAX_MEMBERS - 1} others.")
        await self._access.check_people(work, person_id, others)
        if len(others) == 1 and title is None:
            conversation_id = await self._find_or_make_direct(work, person_id, others[0])
        else:
            conversation_id = await self._make_group(work, person_id, others, title)
        return await self.get_conversation(work, person_id, conversation_id)

    async def get_conversation(self, work: Work, person_id: UUID, conversation_id: UUID) -> Conversation:
        """Raises ConversationNotFound."""
        hidden = list(await self._access.hidden(work, person_id))
        found = await queries.find_overview(work, person_id, hidden, conversation_id)
        if found is None:
            raise ConversationNotFound
        return (await self._dress(work, person_id, [found]))[0]

    async def list_conversations(
        self, work: Work, person_id: UUID, limit: int, cursor: str | None
    ) -> Page[Conversation]:
        """Newest activity first."""
        before = decode_cursor(cursor)
        hidden = list(await self._access.hidden(work, person_id))
        rows = await queries.list_overviews(work, person_id, hidden, before, limit + 1)
        page = cut_page(rows, limit, lambda row: row[0].membership.activity_id)
        return Page(await self._dress(work, person_id, page.items), page.next_cursor)

    async def change_conversation(
        self, work: Work, person_id: UUID, conversation_id: UUID, changes: ConversationChanges
    ) -> Conversation:
        """Its owner names a group. Raises ConversationNotFound, DirectConversation, NotTheOwner, Invalid."""
        title = _check_title(changes.title)
        membership = await self._access.get_membership(work, person_id, conversation_id)
        if membership.low_id is not None:
            raise DirectConversation
        if membership.owner_id != person_id:
            raise NotTheOwner
        if membership.title != title:
            await queries.rename(work, conversation_id, title)
            await tell(work, conversation_id, Renamed(title))
        return await self.get_conversation(work, person_id, conversation_id)

    async def mute_conversation(self, work: Work, person_id: UUID, conversation_id: UUID, *, muted: bool) -> None:
        """Whether one is told of what is written there. Raises ConversationNotFound."""
        membership = await self._access.get_membership(work, person_id, conversation_id)
        version = await queries.set_muted(work, conversation_id, person_id, muted=muted)
        if version is not None and membership.member_count <= POINTED_MEMBERS:
            await point(work, conversation_id, [person_id], [membership.seq + version])

    async def mark_read(self, work: Work, person_id: UUID, conversation_id: UUID, message_id: UUID) -> ReadState:
        """One has read up to this message; never back. Raises ConversationNotFound, MessageNotFound."""
        membership = await self._access.get_membership(work, person_id, conversation_id)
        seq, first_unread = await find_reading(work, conversation_id, message_id, membership.read_seq)
        if seq is None:
            raise MessageNotFound
        if seq <= membership.read_seq or not await queries.lock_member(work, conversation_id, person_id):
            return _state(membership)
        # Under the lock: what one wrote meanwhile has been counted.
        moved = await queries.move_read(work, conversation_id, person_id, seq)
        membership = await self._access.get_membership(work, person_id, conversation_id)
        if moved is not None and membership.member_count <= POINTED_MEMBERS:
            version = membership.seq + moved[2]
            event = ReadUpTo(person_id, seq)
            divided = await self._access.is_divided(work, person_id, conversation_id)
            await tell(work, conversation_id, closed(event) if divided else event, told=[person_id], versions=[version])
        if first_unread is not None and membership.unread_count == 0 and _may_have_been_told(first_unread):
            work.emit(ConversationRead(conversation_id, person_id))
        return _state(membership)

    async def _find_or_make_direct(self, work: Work, person_id: UUID, other_id: UUID) -> UUID:
        pair = (person_id, other_id)
        found = await queries.find_direct(work, pair)
        if found is not None:
            return found
        conversation_id, at = new_id(), now()
        made = await queries.insert_conversation(
            work, conversation_id, title=None, owner_id=None, pair=pair, member_count=2, at=at
        )
        if not made:
            # Somebody made it at the same moment, and has committed by now.
            return await queries.find_direct(work, pair) or conversation_id
        await self._people_it(work, conversation_id, [*pair])
        return conversation_id

    async def _make_group(self, work: Work, owner_id: UUID, others: list[UUID], title: str | None) -> UUID:
        conversation_id = new_id()
        await queries.insert_conversation(
            work,
            conversation_id,
            title=title,
            owner_id=owner_id,
            pair=None,
            member_count=len(others) + 1,
            at=now(),
        )
        await self._people_it(work, conversation_id, [owner_id, *others])
        return conversation_id

    async def _people_it(self, work: Work, conversation_id: UUID, person_ids: list[UUID]) -> None:
        """A new conversation's members and log, and that they learn of it."""
        await queries.insert_members(work, conversation_id, person_ids, 0, id_time(conversation_id))
        await make_log(work, conversation_id)
        if len(person_ids) <= POINTED_MEMBERS:
            await point(work, conversation_id, person_ids, [0] * len(person_ids))

    async def _dress(
        self, work: Work, person_id: UUID, found: list[tuple[Overview, MessageRow | None]]
    ) -> list[Conversation]:
        ids = {other for overview, _ in found for other in overview.other_ids}
        ids |= {row.author_id for _, row in found if row is not None}
        # One query for all who are shown: what follows finds them in memory.
        cards = await self._access.show_people(work, ids)
        messages = await self._access.dress(work, person_id, [row for _, row in found])
        return [
            Conversation(
                one.id,
                "group" if one.low_id is None else "direct",
                one.title,
                one.owner_id,
                [cards[other] for other in overview.other_ids],
                one.member_count,
                one.seq,
                one.read_seq,
                one.unread_count,
                one.muted,
                message,
                one.created_at,
                id_time(one.activity_id),
            )
            for overview, message in zip((row[0] for row in found), messages, strict=True)
            for one in (overview.membership,)
        ]


def _check_title(value: str | None) -> str | None:
    return None if value is None else check_line(value, "title", max_chars=TITLE_MAX_CHARS)


def _may_have_been_told(message_id: UUID) -> bool:
    return now() - id_time(message_id) >= _TOLD_AFTER


def _state(membership: Membership) -> ReadState:
    return ReadState(membership.read_seq, membership.unread_count)
