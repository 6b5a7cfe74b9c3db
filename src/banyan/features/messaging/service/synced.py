"""Unread pointers: that there is something in a conversation, as a client keeps it offline."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from banyan.features.messaging.models import ConversationPointer
from banyan.features.messaging.queries import conversations as queries
from banyan.features.messaging.service.access import Access
from banyan.infra.database.work import Work
from banyan.infra.declare import Present

SYNCED_CONVERSATIONS = 500


class SyncedConversations:
    """Of the conversations of at most a hundred members, the newest by activity."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def versions(self, work: Work, person_id: UUID) -> Present:
        """A version counts the messages, and the changes of one's own row."""
        hidden = list(await self._access.hidden(work, person_id))
        found = await queries.list_pointer_versions(work, person_id, hidden, SYNCED_CONVERSATIONS)
        return Present([id for id, _ in found], [version for _, version in found])

    async def values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> Mapping[str, ConversationPointer]:
        """Those that one is in at this moment."""
        hidden = list(await self._access.hidden(work, person_id))
        found = await queries.list_memberships_by_id(work, person_id, hidden, ids)
        return {
            str(one.id): ConversationPointer(one.id, one.seq, one.read_seq, one.unread_count, one.muted)
            for one in found
        }

    async def list_unread_among(self, work: Work, person_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
        """Those of these conversations, of any size, in which there is something that one has not read."""
        hidden = list(await self._access.hidden(work, person_id))
        return await queries.list_unread_among(work, person_id, hidden, ids)
