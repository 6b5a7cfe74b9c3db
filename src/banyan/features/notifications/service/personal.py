"""What of notifications is one person's own: pages of it for their export, and its end when they are deleted."""

from uuid import UUID

from banyan.features.notifications.models import Notification, Preferences, PushDevice, PushSubscription
from banyan.features.notifications.queries import devices, items, preferences
from banyan.features.notifications.service.announcing import announce
from banyan.features.notifications.service.devices import Devices
from banyan.features.notifications.service.inbox import Inbox
from banyan.features.notifications.service.preferences import PreferenceBook
from banyan.infra.database.work import Work
from banyan.kernel.pages import MAX_LIMIT, Page

_AT_ONCE = 500


class Own:
    """One person's notifications, choices and devices."""

    def __init__(self, inbox: Inbox, book: PreferenceBook, devices: Devices) -> None:
        self._inbox = inbox
        self._book = book
        self._devices = devices

    async def list_notifications(self, work: Work, person_id: UUID, cursor: str | None) -> Page[Notification]:
        return await self._inbox.list_notifications(work, person_id, MAX_LIMIT, cursor)

    async def list_preferences(self, work: Work, person_id: UUID, cursor: str | None) -> Page[Preferences]:
        return Page([await self._book.get_preferences(work, person_id)])

    async def list_subscriptions(self, work: Work, person_id: UUID, cursor: str | None) -> Page[PushSubscription]:
        return await self._devices.list_subscriptions(work, person_id, MAX_LIMIT, cursor)

    async def list_devices(self, work: Work, person_id: UUID, cursor: str | None) -> Page[PushDevice]:
        return await self._devices.list_devices(work, person_id, MAX_LIMIT, cursor)

    async def erase(self, work: Work, person_id: UUID) -> bool:
        """What they were told and chose, and what others were told that they did; counts stay right. True while there
        is more.
        """
        if await items.delete_of_person(work, person_id, _AT_ONCE) == _AT_ONCE:
            return True
        held = await items.hold_by_actor(work, person_id, _AT_ONCE)
        if held:
            announce(work, await items.delete_events(work, held, actor_id=person_id))
            return True
        await preferences.delete_preferences(work, person_id)
        await devices.delete_of_person(work, person_id)
        return False
