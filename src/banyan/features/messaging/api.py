"""What other features may ask of messaging."""

from uuid import UUID

from banyan.features.messaging.errors import MessageNotFound
from banyan.features.messaging.models import ChatMessage
from banyan.features.messaging.queries import conversations as queries
from banyan.features.messaging.service.messages import Messages
from banyan.infra.database.work import Work
from banyan.kernel.ids import FIRST_ID


class MessagingApi:
    """Reads, in the caller's unit of work."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def list_recipients(
        self, work: Work, message_id: UUID, *, after: UUID | None = None, limit: int
    ) -> list[UUID]:
        """Whom a message still concerns: members who have not read up to it and have not muted the conversation, in
        the order of their ids. Its author is among them when they have not read what came before it.
        """
        return await queries.list_recipients(work, message_id, after or FIRST_ID, limit)

    async def find_message(self, work: Work, viewer_id: UUID, message_id: UUID) -> ChatMessage | None:
        """A message as one reader sees it; None where they may not."""
        try:
            return await self._messages.get_message(work, viewer_id, message_id)
        except MessageNotFound:
            return None
