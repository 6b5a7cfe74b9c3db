"""What happens in a conversation is told in its log, on its topic, and to the members' own streams."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from msgspec import structs

from banyan.features.messaging.happenings import Happening, MessageEdited, MessageSaid
from banyan.features.messaging.service.access import Access
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC, Logged, Place
from banyan.infra.streams import events
from banyan.infra.streams.events import Pointers

# Of topics; the conversation's id follows.
CONVERSATION = "conversation"
TYPING = "typing"
# The kind of synced things under which members' own streams point to conversations.
POINTER = "conversation"

_decode = msgspec.json.Decoder(Happening).decode


def topic_of(conversation_id: UUID) -> str:
    return f"{CONVERSATION}:{conversation_id}"


async def tell(
    work: Work,
    conversation_id: UUID,
    event: Happening,
    *,
    about: UUID | None = None,
    told: Sequence[UUID] = (),
    versions: Sequence[int | None] = (),
) -> int:
    """The event's offset in the log; it holds nothing that one of the members may not see. `about`: the message whose
    content it holds. `told`: whose own streams say that something is here.
    """
    pointers = Pointers(POINTER, conversation_id, told, versions) if told else None
    seq = await events.append_event(work, conversation_id, event, subject_id=about, pointers=pointers)
    work.publish(topic_of(conversation_id), event, seq=seq)
    if told:
        work.announce(ME_TOPIC, *map(str, told))
    return seq


async def point(work: Work, conversation_id: UUID, told: Sequence[UUID], versions: Sequence[int | None]) -> None:
    """As `tell`, of what only these people learn."""
    if told:
        await events.append_pointers(work, Pointers(POINTER, conversation_id, told, versions))
        work.announce(ME_TOPIC, *map(str, told))


def cut(work: Work, conversation_id: UUID, *person_ids: UUID) -> None:
    """These people hear no more of it."""
    work.cut(topic_of(conversation_id), person_ids)
    work.cut(f"{TYPING}:{conversation_id}", person_ids)


def closed(event: MessageSaid | MessageEdited) -> MessageSaid | MessageEdited:
    """The event without what only some may know."""
    return structs.replace(event, author_id=None, message=None)


class ConversationLog:
    """What sockets resume `conversation:{id}` from. Events by people whom a block hides from the reader, since they
    were logged, hold no content, as the message itself does.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def head(self, work: Work, viewer_id: UUID, key: str) -> Place:
        head = await events.find_head(work, UUID(key))
        return Place("", 0) if head is None else Place(head.epoch.hex, head.last_seq)

    async def read(self, work: Work, viewer_id: UUID, key: str, place: Place, limit: int) -> Sequence[Logged] | None:
        after = place.offset
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 1 << 62:
            return None
        found = await events.read_events(work, UUID(key), after, limit)
        if found is None:
            return None
        head, rows = found
        if place.epoch != head.epoch.hex or not head.floor_seq <= after <= head.last_seq:
            return None
        hidden = await self._access.hidden(work, viewer_id)
        return [Logged(row.seq, _shown(_decode(row.body), hidden)) for row in rows]


def _shown(event: Happening, hidden: Collection[UUID]) -> Happening:
    if isinstance(event, MessageSaid | MessageEdited) and event.author_id in hidden:
        return closed(event)
    return event
