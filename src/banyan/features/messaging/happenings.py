"""What is told in a conversation's log, and so on the topic `conversation:{id}`: the same for every member.

A `message` of null is to be read through the API, which knows who reads: its content is not for everybody there, or is
no longer what it was. A `person_id` of null in `reaction` and `read` is somebody whom a block hides from a member.
"""

from uuid import UUID

from msgspec import Struct

from banyan.features.messaging.models import ChatMessage


class MessageSaid(Struct, frozen=True, tag_field="type", tag="message"):
    """A new message."""

    message_id: UUID
    seq: int
    author_id: UUID | None
    message: ChatMessage | None


class MessageEdited(Struct, frozen=True, tag_field="type", tag="message_edited"):
    """A message says something else now."""

    message_id: UUID
    seq: int
    author_id: UUID | None
    message: ChatMessage | None


class MessageDeleted(Struct, frozen=True, tag_field="type", tag="message_deleted"):
    """A message has lost its content; its place stays."""

    message_id: UUID
    seq: int


class Reacted(Struct, frozen=True, tag_field="type", tag="reaction"):
    """Somebody's reaction to a message is `kind` now; null: none. Without `person_id` only the counts are told."""

    message_id: UUID
    person_id: UUID | None
    kind: str | None
    reaction_counts: dict[str, int]


class ReadUpTo(Struct, frozen=True, tag_field="type", tag="read"):
    """Somebody has read up to the message with this `seq`."""

    person_id: UUID | None
    seq: int


class MembersAdded(Struct, frozen=True, tag_field="type", tag="member_added"):
    """People are members from now on."""

    person_ids: list[UUID]


class MemberRemoved(Struct, frozen=True, tag_field="type", tag="member_removed"):
    """Somebody left or was taken out; `owner_id` is the owner from now on."""

    person_id: UUID
    owner_id: UUID | None


class Renamed(Struct, frozen=True, tag_field="type", tag="renamed"):
    """The group has another title, or none."""

    title: str | None


Happening = MessageSaid | MessageEdited | MessageDeleted | Reacted | ReadUpTo | MembersAdded | MemberRemoved | Renamed
