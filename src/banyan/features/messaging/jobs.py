"""Work that messaging leaves for later."""

from uuid import UUID

from banyan.kernel.signals import Job


class EraseConversation(Job, frozen=True):
    """Removes a conversation in which nobody is left, some messages at a time."""

    conversation_id: UUID
