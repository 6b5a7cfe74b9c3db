"""Notifications as a client keeps them offline: the newest, and how many are unread."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from banyan.features.notifications.models import Notification, UnreadMark
from banyan.features.notifications.queries import items as queries
from banyan.features.notifications.service.inbox import Inbox
from banyan.infra.database.work import Work
from banyan.infra.declare import Present
from banyan.infra.streams.versions import Versions

SYNCED_NOTIFICATIONS = 100
_VERSION_SHIFT = 24


class SyncedNotifications:
    """Versions and values."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._cards = Versions()

    async def versions(self, work: Work, person_id: UUID) -> Present:
        """Newest first. A version is of the notification and of the cards of those who stand in it."""
        rows = await queries.list_items(work, person_id, None, SYNCED_NOTIFICATIONS)
        ids: list[str] = []
        versions: list[int] = []
        of = self._cards.of
        for shown in await self._inbox.look(work, person_id, rows) if rows else ():
            version = (shown.row.version << _VERSION_SHIFT) ^ shown.count
            for card in shown.actors:
                version ^= of(card)
            ids.append(str(shown.row.id))
            versions.append(version)
        return Present(ids, versions)

    async def values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> Mapping[str, Notification]:
        """Those of `ids` that stand in the inbox at this moment."""
        rows = await queries.list_in_inbox(work, person_id, ids)
        shown = await self._inbox.look(work, person_id, rows)
        return {str(one.id): one for one in await self._inbox.dress(work, person_id, shown)}

    async def unread_versions(self, work: Work, person_id: UUID) -> Present:
        """One thing under the person's own id while anything is unread: its version is the count."""
        count = (await self._inbox.count_unread(work, person_id)).unread_count
        return Present([str(person_id)], [count]) if count else Present([], [])

    async def unread_values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> Mapping[str, UnreadMark]:
        """The count at this moment."""
        count = (await self._inbox.count_unread(work, person_id)).unread_count
        return {str(person_id): UnreadMark(person_id, count)} if count else {}
