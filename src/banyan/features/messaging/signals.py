"""Facts that others follow. What people write to each other is nobody else's business: these hold ids."""

from uuid import UUID

from banyan.kernel.signals import Signal


class MessageSent(Signal, frozen=True):
    """Somebody wrote in a conversation."""

    message_id: UUID
    conversation_id: UUID
    author_id: UUID
    seq: int
