"""What messaging tells people of: messages that they have not read some seconds after they were sent."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from banyan.features.messaging.api import MessagingApi
from banyan.features.messaging.models import AWAY_SECONDS
from banyan.features.messaging.service.synced import SyncedConversations
from banyan.features.messaging.signals import ConversationRead, MessageSent
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind, Gone, KindText, Notice, NoticeEnd, NotificationKind

_MESSAGE: Final = {
    "en": KindText("Messages", "{actors} wrote to you", "{actors} wrote to you"),
    "fr": KindText("Messages", "{actors} vous a écrit", "{actors} vous ont écrit"),
    "ar": KindText("الرسائل", "كتب إليك {actors}", "كتب إليك {actors}"),
}


async def _tell_sent(work: Work, signal: MessageSent) -> Notice:
    return Notice(subject_id=signal.conversation_id, source_id=signal.message_id, actor_id=signal.author_id)


def notification_kinds(messaging: MessagingApi, conversations: SyncedConversations) -> tuple[AnyNotificationKind, ...]:
    async def recipients(work: Work, notice: Notice, after: UUID | None, limit: int) -> list[UUID]:
        return await messaging.list_recipients(work, notice.source_id, after=after, limit=limit)

    return (
        NotificationKind(
            "message",
            MessageSent,
            "conversation",
            _tell_sent,
            # What one has read, or left, need not be told any more.
            conversations.list_unread_among,
            _MESSAGE,
            recipients=recipients,
            wait_seconds=AWAY_SECONDS,
            urgency="high",
        ),
    )


def _forget_read(signal: ConversationRead) -> Sequence[Gone]:
    return (Gone(subject_id=signal.conversation_id, person_id=signal.person_id),)


# Otherwise the next message would bring back what was told of those before, at once and to who has muted them too.
NOTICE_ENDS = (NoticeEnd(ConversationRead, _forget_read),)
