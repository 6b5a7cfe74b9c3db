"""Notifications as a client keeps them offline: the newest, and how many are unread."""

from uuid import UUID

from banyan.features.notifications.models import Notification, UnreadMark
from banyan.features.notifications.queries import items as queries
from banyan.features.notifications.service.inbox import Inbox
from banyan.infra.database.work import Work
from banyan.infra.streams.versions import Versions

SYNCED_NOTIFICATIONS = 100
_VERSION_SHIFT = 24


class SyncedNotifications:
    """Versions and values."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._cards = Versions()

    async def versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """Newest first. A version is of the notification and of the cards of those who stand in it."""
        rows = await queries.list_items(work, person_id, None, SYNCED_NOTIFICATIONS)
        if not rows:
            return []
        of = self._cards.of
        found = []
        for shown in await self._inbox.look(work, person_id, rows):
            version = (shown.row.version << _VERSION_SHIFT) ^ shown.count
            for card in shown.actors:
                version ^= of(card)
            found.append((shown.row.id, version))
        return found

    async def values(self, work: Work, person_id: UUID, ids: list[UUID]) -> list[tuple[UUID, Notification]]:
        """Those of `ids` that stand in the inbox at this moment."""
        rows = await queries.list_in_inbox(work, person_id, ids)
        shown = await self._inbox.look(work, person_id, rows)
        return [(one.id, one) for one in await self._inbox.dress(work, person_id, shown)]

    async def unread_versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """One thing under the person's own id while anything is unread: its version is the count."""
        count = (await self._inbox.count_unread(work, person_id)).unread_count
        return [(person_id, count)] if count else []

    async def unread_values(self, work: Work, person_id: UUID, ids: list[UUID]) -> list[tuple[UUID, UnreadMark]]:
        """The count at this moment."""
        count = (await self._inbox.count_unread(work, person_id)).unread_count
        return [(person_id, UnreadMark(person_id, count))] if count and person_id in ids else []
