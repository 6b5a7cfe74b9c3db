"""Who is in a conversation and may see what: asked by every read and before every write."""

from collections.abc import Collection, Iterable
from uuid import UUID

from banyan.features.messaging.errors import ConversationNotFound, MessageNotFound
from banyan.features.messaging.models import ChatMessage, Membership, MessageRow
from banyan.features.messaging.queries import conversations as queries
from banyan.features.messaging.queries.messages import find_message
from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import DELETED_ACCOUNT, NOBODY, Card, IdSet
from banyan.infra.database.work import Work


class Access:
    """Members see all of a conversation, whenever they joined. A block hides a direct conversation from both, and in
    a group what the two write from each other: such a message keeps its place, without text and author, so that
    numbers and order are the same for everybody.
    """

    def __init__(self, people: PeopleApi) -> None:
        self.people = people

    async def hidden(self, work: Work, person_id: UUID) -> IdSet:
        """Whom a block hides from this person."""
        return (await self.people.relations(work, person_id)).hidden

    async def get_membership(self, work: Work, person_id: UUID, conversation_id: UUID) -> Membership:
        """Raises ConversationNotFound."""
        hidden = await self.hidden(work, person_id)
        membership = await queries.find_membership(work, conversation_id, person_id, list(hidden))
        if membership is None:
            raise ConversationNotFound
        return membership

    async def is_member(self, work: Work, person_id: UUID, conversation_id: UUID) -> bool:
        """Whether somebody may see a conversation."""
        hidden = await self.hidden(work, person_id)
        return await queries.find_membership(work, conversation_id, person_id, list(hidden)) is not None

    async def is_divided(self, work: Work, person_id: UUID, conversation_id: UUID) -> bool:
        """Whether a block hides this person from a member."""
        hidden = list(await self.hidden(work, person_id))
        return bool(hidden) and await queries.has_member_of(work, conversation_id, hidden)

    async def get_message(self, work: Work, person_id: UUID, message_id: UUID) -> tuple[MessageRow, Membership]:
        """A message that is neither deleted nor hidden, and its conversation. Raises MessageNotFound."""
        row, membership = await self.get_place(work, person_id, message_id)
        if row.deleted or row.author_id in await self.hidden(work, person_id):
            raise MessageNotFound
        return row, membership

    async def get_place(self, work: Work, person_id: UUID, message_id: UUID) -> tuple[MessageRow, Membership]:
        """As `get_message`, also where only the message's place is left. Raises MessageNotFound."""
        row = await find_message(work, person_id, message_id)
        if row is None:
            raise MessageNotFound
        try:
            return row, await self.get_membership(work, person_id, row.conversation_id)
        except ConversationNotFound:
            raise MessageNotFound from None

    async def check_people(self, work: Work, person_id: UUID, others: Collection[UUID]) -> None:
        """All of them are here, and none is hidden from this person. Raises PersonNotFound."""
        hidden = await self.hidden(work, person_id)
        cards = await self.people.cards(work, others)
        if len(cards) < len(others) or any(other in hidden for other in others):
            raise PersonNotFound

    async def dress(self, work: Work, viewer_id: UUID, rows: Iterable[MessageRow | None]) -> list[ChatMessage | None]:
        """Messages as one reader sees them, by at most one query."""
        known = list(rows)
        hidden = await self.hidden(work, viewer_id)
        cards = await self.people.cards(work, {row.author_id for row in known if row is not None})
        return [None if row is None else dressed(row, cards.get(row.author_id), hidden) for row in known]

    async def show_people(self, work: Work, ids: Collection[UUID]) -> dict[UUID, Card]:
        """A card for each, also for those who are gone."""
        cards = await self.people.cards(work, ids)
        return {one: cards.get(one, DELETED_ACCOUNT) for one in ids}


def dressed(row: MessageRow, author: Card | None, hidden: Collection[UUID] = ()) -> ChatMessage:
    """A message with its author; where a block hides that one, only its place."""
    away = row.author_id in hidden
    return ChatMessage(
        row.id,
        row.conversation_id,
        row.seq,
        None if away else author or DELETED_ACCOUNT,
        "" if away else row.body,
        None if away or row.author_id == NOBODY else row.client_id,
        None if away else row.reply_to,
        [] if away else row.attachments,
        {} if away else row.reaction_counts,
        None if away else row.my_reaction,
        row.created_at,
        None if away else row.edited_at,
        row.deleted,
        away,
    )
