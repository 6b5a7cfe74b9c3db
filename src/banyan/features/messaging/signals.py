"""Facts that others follow. What people write to each other is nobody else's business: these hold ids."""

from uuid import UUID

from banyan.kernel.signals import Signal


class ConversationRead(Signal, frozen=True):
    """Somebody has read all that is there, some of which had waited so long that they may have been told of it."""

    conversation_id: UUID
    person_id: UUID


class MessageSent(Signal, frozen=True):
    """Somebody wrote in a conversation."""

    message_id: UUID
    conversation_id: UUID
    author_id: UUID
