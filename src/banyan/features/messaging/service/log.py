"""What happens in a conversation is told in its log, on its topic, and to the members' own streams."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import structs

from banyan.features.messaging.happenings import Happening, MessageEdited, MessageSaid, Reacted, ReadUpTo
from banyan.features.messaging.models import MessageRow, Written
from banyan.features.messaging.queries import messages as queries
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


async def say(work: Work, row: MessageRow, hidden: Sequence[UUID], said: MessageSaid) -> Written | None:
    """Writes a message and tells of it, which concludes the work; None as for `write_message`. The numbers that `said`
    lacks, 0 so far, are filled in on the way.
    """
    told = work.publish(topic_of(row.conversation_id), said, seq=0)
    pointed = work.announce(ME_TOPIC, found_in="told")
    log = events.appended(POINTER, row.conversation_id)
    text = events.event_text(said)
    # Where nobody is hidden from the author no member is.
    closed_text = events.event_text(closed(said)) if hidden else text
    written = await queries.write_message(work, row, hidden, text, closed_text, log)
    if written is not None:
        numbered = _numbered(said, written.seq)
        told.event = closed(numbered) if written.divided else numbered
        told.seq = written.offset
        pointed.keys = tuple(map(str, written.told))
    return written


async def point(work: Work, conversation_id: UUID, told: Sequence[UUID], versions: Sequence[int | None]) -> None:
    """As `tell`, of what only these people learn."""
    if told:
        await events.append_pointers(work, Pointers(POINTER, conversation_id, told, versions))
        work.announce(ME_TOPIC, *map(str, told))


def cut(work: Work, conversation_id: UUID, *person_ids: UUID) -> None:
    """These people hear no more of it."""
    work.cut(topic_of(conversation_id), person_ids)
    work.cut(f"{TYPING}:{conversation_id}", person_ids)


def closed(event: Happening) -> Happening:
    """The event without what a block hides from some: who did it, and what they said."""
    match event:
        case MessageSaid() | MessageEdited():
            return structs.replace(event, author_id=None, message=None)
        case Reacted():
            return structs.replace(event, person_id=None, kind=None)
        case ReadUpTo():
            return structs.replace(event, person_id=None)
    return event


def _numbered(said: MessageSaid, seq: int) -> MessageSaid:
    message = None if said.message is None else structs.replace(said.message, seq=seq)
    return structs.replace(said, seq=seq, message=message)


class ConversationLog:
    """What sockets resume `conversation:{id}` from. Events by people whom a block hides from a reader, since they were
    logged, are `closed` for that one, as the message itself is; those of accounts that are being deleted for everybody.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def head(self, work: Work, viewer_id: UUID, key: str) -> Place:
        head = await events.find_head(work, UUID(key))
        return Place("", 0) if head is None else Place(head.epoch.hex, head.last_seq)

    async def heads(self, work: Work, keys: Sequence[str]) -> dict[str, Place]:
        """Where the logs of many conversations end."""
        found = await events.find_heads(work, [UUID(key) for key in keys])
        return {str(id): Place(head.epoch.hex, head.last_seq) for id, head in found.items()}

    async def read(
        self, work: Work, viewer_ids: Sequence[UUID], key: str, place: Place, limit: int
    ) -> Sequence[Logged] | None:
        after = place.offset
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 1 << 62:
            return None
        found = await events.read_events(work, UUID(key), after, limit)
        if found is None:
            return None
        head, rows = found
        if place.epoch != head.epoch.hex or not head.floor_seq <= after <= head.last_seq:
            return None
        told = [(row.seq, _decode(row.body)) for row in rows]
        doers = {doer_id for _, event in told if (doer_id := _doer_of(event)) is not None}
        hidden = await self._hidden(work, doers, set(viewer_ids))
        away = doers.difference(await self._access.people.cards(work, doers))
        return [_logged(seq, closed(event) if _doer_of(event) in away else event, hidden) for seq, event in told]

    async def _hidden(self, work: Work, doers: set[UUID], viewers: set[UUID]) -> dict[UUID, frozenset[UUID]]:
        """By doer, from which of the viewers a block hides them. It hides both ways: the fewer are asked."""
        hidden: dict[UUID, set[UUID]] = {}
        if len(viewers) <= len(doers):
            for viewer_id in viewers:
                for doer_id in doers.intersection(await self._access.hidden(work, viewer_id)):
                    hidden.setdefault(doer_id, set()).add(viewer_id)
        else:
            for doer_id in doers:
                hidden[doer_id] = viewers.intersection(await self._access.hidden(work, doer_id))
        return {doer_id: frozenset(found) for doer_id, found in hidden.items()}


def _doer_of(event: Happening) -> UUID | None:
    """Who wrote, reacted or read; who comes and goes is told to everybody."""
    match event:
        case MessageSaid(author_id=person_id) | MessageEdited(author_id=person_id):
            return person_id
        case Reacted(person_id=person_id) | ReadUpTo(person_id=person_id):
            return person_id
    return None


def _logged(seq: int, event: Happening, hidden: Mapping[UUID, frozenset[UUID]]) -> Logged:
    doer_id = _doer_of(event)
    hidden_from = None if doer_id is None else hidden.get(doer_id)
    return Logged(seq, event, closed(event), hidden_from) if hidden_from else Logged(seq, event)
