"""What `/v1/sync` answers, as clients know it. It is made by `infra/streams`, of what is text already: that JSON is the
same, and costs half as much.
"""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from banyan.features.messaging.models import ConversationPointer
from banyan.features.notifications.models import Notification, UnreadMark
from banyan.features.people.models import Connection, ConnectionList
from banyan.features.posts.models import Post
from banyan.infra.streams.models import Operation


class SyncedPost(Struct, frozen=True, gc=False, tag_field="kind", tag="post"):
    """One of the newest 500 posts of one's feed; `value` is null for a delete."""

    id: UUID
    op: Operation
    value: Post | None


class SyncedConnection(Struct, frozen=True, gc=False, tag_field="kind", tag="connection"):
    """One of the newest 1,000 of one's connections and requests; `value` is null for a delete."""

    id: UUID
    op: Operation
    value: Connection | None


class SyncedList(Struct, frozen=True, gc=False, tag_field="kind", tag="list"):
    """One of one's lists of connections; `value` is null for a delete."""

    id: UUID
    op: Operation
    value: ConnectionList | None


class SyncedSave(Struct, frozen=True, gc=False, tag_field="kind", tag="saved"):
    """One of the newest 500 posts that one has saved, by the post's id; `value` is null for a delete."""

    id: UUID
    op: Operation
    value: Post | None


class SyncedConversation(Struct, frozen=True, gc=False, tag_field="kind", tag="conversation"):
    """That there is something in one of the newest 500 of one's conversations of at most a hundred members; `value`
    is null for a delete.
    """

    id: UUID
    op: Operation
    value: ConversationPointer | None


class SyncedNotification(Struct, frozen=True, gc=False, tag_field="kind", tag="notification"):
    """One of the newest 100 notifications; `value` is null for a delete."""

    id: UUID
    op: Operation
    value: Notification | None


class SyncedUnread(Struct, frozen=True, gc=False, tag_field="kind", tag="unread_notifications"):
    """How many notifications are unread, under one's own id; `value` is null for a delete: none are."""

    id: UUID
    op: Operation
    value: UnreadMark | None


SyncItem = (
    SyncedPost | SyncedConnection | SyncedList | SyncedSave | SyncedConversation | SyncedNotification | SyncedUnread
)


class SyncPage(Struct, frozen=True):
    """Apply `items` in their order, then ask with `since` = `next`; nothing is left once `items` is empty."""

    items: list[SyncItem]
    next: Annotated[str, Meta(description="Where one stands with these items applied: `since` of the next call.")]
    reset: Annotated[bool, Meta(description="True: forget everything kept so far before applying `items`.")]
