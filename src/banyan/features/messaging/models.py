"""Conversations and messages as they go over HTTP, over sockets and between features."""

from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple, get_args
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from banyan.features.people.models import Card

ConversationKind = Literal["direct", "group"]
ReactionKind = Literal["like", "love", "laugh", "wow", "sad", "angry"]
REACTION_KINDS: Final[tuple[ReactionKind, ...]] = get_args(ReactionKind)

MESSAGE_MAX_CHARS = 5000
TITLE_MAX_CHARS = 80
GROUP_MAX_MEMBERS = 5000
# Above, nobody's own stream points to a conversation and nobody is told how far others have read: each message would
# be written as many times as there are members.
POINTED_MEMBERS = 100
# Whoever has the conversation open has read a message before that; others are told of it.
AWAY_SECONDS = 5.0

MessageBody = Annotated[str, Meta(min_length=1, description="1 to 5,000 characters; newlines and tabs are kept.")]
Title = Annotated[str, Meta(min_length=1, max_length=200, description="One line of 1 to 80 characters.")]


class NewConversation(Struct, forbid_unknown_fields=True, kw_only=True):
    """One other person without a title is the direct conversation with them; else a group is made. `member_ids` are
    the others, at most 4,999.
    """

    member_ids: Annotated[list[UUID], Meta(min_length=1, max_length=GROUP_MAX_MEMBERS)]
    title: Title | None = None


class ConversationChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """A group's title; null takes it away."""

    title: Title | None


People = Annotated[list[UUID], Meta(min_length=1, max_length=GROUP_MAX_MEMBERS)]


class NewMembers(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to add to a group: `member_ids`. `person_ids` is an older name for it."""

    member_ids: People | UnsetType = UNSET
    person_ids: People | UnsetType = UNSET


class NewMessage(Struct, forbid_unknown_fields=True, kw_only=True):
    """`client_id` is the client's own name for this message, unique among what one writes in the conversation: the
    same again returns the first message. `reply_to`: a message of the same conversation.
    """

    body: MessageBody
    client_id: Annotated[str, Meta(min_length=1, description="One line of 1 to 128 characters.")]
    reply_to: UUID | None = None


class MessageText(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a message is to say from now on."""

    body: MessageBody


class ReadMark(Struct, forbid_unknown_fields=True, kw_only=True):
    """The newest message that one has read."""

    message_id: UUID


class ChatMessage(Struct, frozen=True, gc=False):
    """One message; `seq` counts messages of its conversation, from 1, the same for everybody.

    A deleted one keeps its place: `deleted`, without text. So does one by a person whom a block hides: `hidden`,
    without text and author. Whoever deleted their account is shown with the nil id and no handle.
    """

    id: UUID
    conversation_id: UUID
    seq: int
    author: Card | None
    body: str
    client_id: str | None
    reply_to: UUID | None
    # Ids of files.
    attachments: list[UUID]
    reaction_counts: dict[str, int]
    my_reaction: str | None
    created_at: datetime
    edited_at: datetime | None
    deleted: bool
    hidden: bool


class Conversation(Struct, frozen=True, gc=False):
    """A conversation as one member sees it. `seq` is its last message's; `unread_count` leaves out one's own.

    `members` are at most five of the others: enough to name it by.
    """

    id: UUID
    kind: ConversationKind
    title: str | None
    owner_id: UUID | None
    members: list[Card]
    member_count: int
    seq: int
    read_seq: int
    unread_count: int
    muted: bool
    last_message: ChatMessage | None
    created_at: datetime
    active_at: datetime


class Member(Struct, frozen=True, gc=False):
    """Somebody in a conversation, and how far they have read."""

    person: Card
    owner: bool
    read_seq: int
    joined_at: datetime


class ReadState(Struct, frozen=True, gc=False):
    """How far one has read."""

    read_seq: int
    unread_count: int


class ConversationPointer(Struct, frozen=True, gc=False):
    """In one's own stream: that there is something in a conversation. What it is, the conversation tells."""

    id: UUID
    seq: int
    read_seq: int
    unread_count: int
    muted: bool


class MessageReactions(Struct, frozen=True, gc=False):
    """A message's reactions after one's own was set."""

    reaction_counts: dict[str, int]
    my_reaction: str | None


class MessageRow(Struct, frozen=True, gc=False):
    """A message as it is stored, with the reader's own reaction."""

    id: UUID
    conversation_id: UUID
    seq: int
    author_id: UUID
    client_id: str | None
    digest: bytes | None
    body: str
    reply_to: UUID | None
    attachments: list[UUID]
    reaction_counts: dict[str, int]
    created_at: datetime
    edited_at: datetime | None
    deleted: bool
    my_reaction: str | None = None


class Membership(Struct, frozen=True, gc=False):
    """A conversation as it is stored, and the reader's own row in it."""

    id: UUID
    title: str | None
    owner_id: UUID | None
    low_id: UUID | None
    high_id: UUID | None
    created_at: datetime
    seq: int
    member_count: int
    activity_id: UUID
    read_seq: int
    own_above: int
    muted: bool

    @property
    def unread_count(self) -> int:
        return self.seq - self.read_seq - self.own_above

    def other(self, person_id: UUID) -> UUID | None:
        """The other one of two; None in a group."""
        return self.high_id if self.low_id == person_id else self.low_id


class Overview(NamedTuple):
    """What a list of conversations shows of one, beside its last message."""

    membership: Membership
    other_ids: list[UUID]


class Written(NamedTuple):
    """What became of a message: its number, its event's offset in the log, whether some member is hidden from the
    author, and the members whose own streams point here.
    """

    seq: int
    offset: int
    divided: bool
    told: list[UUID]


class OwnMessage(Struct, frozen=True, gc=False):
    """A message as its author's export has it."""

    id: UUID
    conversation_id: UUID
    body: str
    reply_to: UUID | None
    created_at: datetime
    edited_at: datetime | None


class OwnReaction(Struct, frozen=True, gc=False):
    """A reaction as the export of whoever chose it has it."""

    message_id: UUID
    kind: str
    created_at: datetime


class OwnMembership(Struct, frozen=True, gc=False):
    """That one is in a conversation."""

    conversation_id: UUID
    title: str | None
    joined_at: datetime
    read_seq: int
    muted: bool
