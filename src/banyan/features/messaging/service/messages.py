"""Messages: written, read, edited, deleted."""

from hashlib import blake2b
from uuid import UUID

from msgspec import structs

from banyan.features.messaging.errors import (
    ClientIdReused,
    ConversationNotFound,
    MessageNotFound,
    NotTheAuthor,
    RecipientGone,
)
from banyan.features.messaging.happenings import MessageDeleted, MessageEdited, MessageSaid
from banyan.features.messaging.models import (
    MESSAGE_MAX_CHARS,
    ChatMessage,
    MessageRow,
    MessageText,
    NewMessage,
)
from banyan.features.messaging.queries import messages as queries
from banyan.features.messaging.service.access import Access, dressed
from banyan.features.messaging.service.log import closed, say, tell
from banyan.features.messaging.signals import MessageSent
from banyan.features.people.errors import PersonNotFound
from banyan.infra.database.work import Work
from banyan.infra.streams.events import rewrite_events
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import id_time, new_id
from banyan.kernel.pages import Page, decode_ranked_cursor, encode_ranked_cursor
from banyan.kernel.text import check_line, check_lines

CLIENT_ID_MAX_CHARS = 128
# Above every number that a conversation reaches.
_END = (1 << 62) - 1
# In the cursor of a page of messages: which way it goes on.
_OLDER = UUID(int=0)
_NEWER = UUID(int=1)


class Messages:
    """Only members write and read; of a message its author is who changes it."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._people = access.people

    async def send_message(self, work: Work, author_id: UUID, conversation_id: UUID, new: NewMessage) -> ChatMessage:
        """The same `client_id` again returns the first message. Raises ConversationNotFound, MessageNotFound for
        what `reply_to` names, RecipientGone, ClientIdReused, Invalid.
        """
        row = _draft(author_id, conversation_id, new)
        author = await self._people.find_card(work, author_id)
        if author is None:
            raise PersonNotFound
        hidden = list(await self._access.hidden(work, author_id))
        message = dressed(row, author)
        work.emit(MessageSent(row.id, conversation_id, author_id))
        written = await say(work, row, hidden, MessageSaid(row.id, row.seq, author_id, message))
        if written is None:
            return await self._repeat(work, row)
        return structs.replace(message, seq=written.seq)

    async def list_messages(
        self,
        work: Work,
        viewer_id: UUID,
        conversation_id: UUID,
        limit: int,
        *,
        before: str | None = None,
        after: str | None = None,
        cursor: str | None = None,
    ) -> Page[ChatMessage]:
        """Newest first; with `after` oldest first from there on. Raises ConversationNotFound, MessageNotFound for a
        message that is not of this conversation, Invalid. A cursor goes on where its page ended, whatever else is said.
        """
        if before is not None and after is not None:
            raise Invalid.field("after", "one_place", "Either `before` or `after`.")
        await self._access.get_membership(work, viewer_id, conversation_id)
        if cursor is not None:
            newer, seq = _read_cursor(cursor)
        elif after is not None:
            newer, seq = True, await _find_seq(work, conversation_id, "after", after)
        else:
            newer, seq = False, _END if before is None else await _find_seq(work, conversation_id, "before", before)
        read = queries.list_after if newer else queries.list_before
        rows = await read(work, viewer_id, conversation_id, seq, limit + 1)
        shown = await self._access.dress(work, viewer_id, rows[:limit])
        items = [message for message in shown if message is not None]
        way = _NEWER if newer else _OLDER
        return Page(items, encode_ranked_cursor(items[-1].seq, way) if len(rows) > limit else None)

    async def get_message(self, work: Work, viewer_id: UUID, message_id: UUID) -> ChatMessage:
        """One message, also where only its place is left. Raises MessageNotFound."""
        row, _ = await self._access.get_place(work, viewer_id, message_id)
        return await self._dress_one(work, viewer_id, row)

    async def edit_message(self, work: Work, author_id: UUID, message_id: UUID, text: MessageText) -> ChatMessage:
        """Raises MessageNotFound, NotTheAuthor, Invalid."""
        body = _check_body(text.body)
        row = await self._get_own(work, author_id, message_id)
        if row.body == body:
            return await self._dress_one(work, author_id, row)
        edited_at = now()
        if not await queries.edit_message(work, message_id, body, edited_at):
            raise MessageNotFound
        edited = structs.replace(row, body=body, edited_at=edited_at)
        message = await self._dress_one(work, author_id, edited)
        event = MessageEdited(row.id, row.seq, author_id, structs.replace(message, my_reaction=None))
        told = closed(event) if await self._access.is_divided(work, author_id, row.conversation_id) else event
        seq = await tell(work, row.conversation_id, told, about=row.id)
        await self._forget_content(work, row, seq)
        return message

    async def delete_message(self, work: Work, author_id: UUID, message_id: UUID) -> None:
        """Its place stays, its content is gone everywhere. Raises MessageNotFound, NotTheAuthor."""
        row = await self._get_own(work, author_id, message_id)
        if not await queries.delete_message(work, message_id):
            raise MessageNotFound
        seq = await tell(work, row.conversation_id, MessageDeleted(row.id, row.seq))
        await self._forget_content(work, row, seq)

    async def _repeat(self, work: Work, row: MessageRow) -> ChatMessage:
        """Nothing was written: the message that has the `client_id`, or why there is none."""
        membership = await self._access.get_membership(work, row.author_id, row.conversation_id)
        client_id = row.client_id or ""
        first = await queries.find_by_client_id(work, row.conversation_id, row.author_id, client_id)
        if first is not None:
            if first.digest != row.digest:
                raise ClientIdReused(
                    "The same client_id repeats a message: give a new one to each.",
                )
            return await self._dress_one(work, row.author_id, first)
        if membership.low_id is not None and membership.member_count < 2:
            raise RecipientGone
        if row.reply_to is not None:
            raise MessageNotFound("`reply_to` is no message of this conversation.")
        # It was there a moment ago: membership ended between the two looks.
        raise ConversationNotFound

    async def _get_own(self, work: Work, author_id: UUID, message_id: UUID) -> MessageRow:
        row, _ = await self._access.get_message(work, author_id, message_id)
        if row.author_id != author_id:
            raise NotTheAuthor
        return row

    async def _forget_content(self, work: Work, row: MessageRow, seq: int) -> None:
        """What the message said before is taken out of the log."""
        await rewrite_events(
            work, row.conversation_id, row.id, MessageSaid(row.id, row.seq, row.author_id, None), but_seq=seq
        )

    async def _dress_one(self, work: Work, viewer_id: UUID, row: MessageRow) -> ChatMessage:
        card = await self._people.find_card(work, row.author_id)
        return dressed(row, card, await self._access.hidden(work, viewer_id))


def _draft(author_id: UUID, conversation_id: UUID, new: NewMessage) -> MessageRow:
    """A message without its number. Raises Invalid."""
    body = _check_body(new.body)
    client_id = check_line(new.client_id, "client_id", max_chars=CLIENT_ID_MAX_CHARS)
    message_id = new_id()
    return MessageRow(
        message_id,
        conversation_id,
        0,
        author_id,
        client_id,
        _digest(body, new.reply_to),
        body,
        new.reply_to,
        [],
        {},
        id_time(message_id),
        None,
        False,
    )


def _digest(body: str, reply_to: UUID | None) -> bytes:
    """Of what was sent, so that a retry is told from another message also after an edit."""
    return blake2b(body.encode(), digest_size=16, key=reply_to.bytes if reply_to else b"").digest()


def _check_body(value: str) -> str:
    return check_lines(value, "body", max_chars=MESSAGE_MAX_CHARS)


async def _find_seq(work: Work, conversation_id: UUID, field: str, place: str) -> int:
    """The number that `place` stands for: a message's id, or the number itself. Raises Invalid, MessageNotFound."""
    if place.isascii() and place.isdigit() and len(place) <= len(str(_END)):
        return min(int(place), _END)
    try:
        message_id = UUID(place)
    except ValueError:
        raise Invalid.field(field, "invalid_place", "The id of a message, or its seq.") from None
    seq = await queries.find_seq(work, conversation_id, message_id)
    if seq is None:
        raise MessageNotFound
    return seq


def _read_cursor(cursor: str) -> tuple[bool, int]:
    decoded = decode_ranked_cursor(cursor)
    if decoded is None or decoded[1] not in (_OLDER, _NEWER):
        raise Invalid.field("cursor", "invalid_cursor", "Pass `next_cursor` of the page before, unchanged.")
    return decoded[1] == _NEWER, decoded[0]
