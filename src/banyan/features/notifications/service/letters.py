"""What pushes say: written just before they are sent, of what their reader may see and wants to hear at that moment."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications.models import Channels, DeviceRow, ItemRow, PushDue, StoredPreferences
from banyan.features.notifications.queries import devices, pushes
from banyan.features.notifications.queries.preferences import list_preferences
from banyan.features.notifications.service.inbox import Inbox, Shown
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.quiet import quiet_until
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind
from banyan.infra.push.message import Address, PushMessage, Shipment
from banyan.kernel.clock import now

# A push has room for 4096 bytes, and a character takes up to four.
_MOST_CHARS = 500
_APPLE = "apns"
_NO_PREFERENCES = StoredPreferences()


class Letter(Struct, frozen=True):
    """A push that is ready. `unlisted`: nothing but pushes tells of it."""

    due: PushDue
    shipment: Shipment
    unlisted: bool


class Written(Struct, frozen=True):
    """What became of pushes that are due: `asleep` wait until then, devices of `ended` sessions are told nothing, and
    all others need not be told any more.
    """

    ready: list[Letter]
    asleep: list[tuple[PushDue, datetime]]
    ended: list[UUID]


class Letters:
    """`community` stands above the text."""

    def __init__(self, kinds: Kinds, inbox: Inbox, accounts: AccountsApi, community: str, kept_seconds: int) -> None:
        self._kinds = kinds
        self._inbox = inbox
        self._accounts = accounts
        self._community = community
        self._kept_seconds = kept_seconds

    async def write(self, work: Work, due: Sequence[PushDue]) -> Written:
        """Some queries for all, and a few for each person: what may be seen is asked by person."""
        by_device = await devices.list_by_id(work, [one.device_id for one in due])
        live = await self._accounts.find_live_sessions(work, {one.session_id for one in by_device.values()})
        ended = [device.id for device in by_device.values() if device.session_id not in live]
        rows = await pushes.list_unread(work, [one.item_id for one in due])
        pairs = [
            (one, rows[one.item_id], device)
            for one in due
            if one.item_id in rows
            and (device := by_device.get(one.device_id)) is not None
            and device.session_id in live
            and device.person_id == rows[one.item_id].person_id
        ]
        chosen = await list_preferences(work, list({row.person_id for _, row, _ in pairs}))
        awake: list[tuple[PushDue, ItemRow, DeviceRow]] = []
        asleep: list[tuple[PushDue, datetime]] = []
        at = now()
        for one, row, device in pairs:
            stored = chosen.get(row.person_id, _NO_PREFERENCES)
            ways = self._ways(stored, row)
            if ways is None or not ways.push:
                continue
            until = quiet_until(stored, at)
            if until is None:
                awake.append((one, row, device))
            else:
                asleep.append((one, until))
        return Written(await self._compose(work, awake, chosen), asleep, ended)

    async def _compose(
        self,
        work: Work,
        awake: Sequence[tuple[PushDue, ItemRow, DeviceRow]],
        chosen: dict[UUID, StoredPreferences],
    ) -> list[Letter]:
        by_person: dict[UUID, dict[UUID, ItemRow]] = {}
        apple: set[UUID] = set()
        for _, row, device in awake:
            by_person.setdefault(row.person_id, {})[row.id] = row
            if device.service == _APPLE:
                apple.add(row.person_id)
        languages = await self._accounts.list_languages(work, list(by_person))
        shown: dict[UUID, Shown] = {}
        badges: dict[UUID, int] = {}
        for person_id, rows in by_person.items():
            shown |= {one.row.id: one for one in await self._inbox.look(work, person_id, list(rows.values()))}
            if person_id in apple:
                badges[person_id] = (await self._inbox.count_unread(work, person_id)).unread_count
        letters = []
        for one, row, device in awake:
            kind, language = self._kinds.find(row.kind), languages.get(row.person_id)
            if row.id not in shown or kind is None or language is None:
                continue
            text = self._inbox.write(shown[row.id], language).text
            ways = self._kinds.channels(chosen.get(row.person_id, _NO_PREFERENCES), kind)
            message = self._message(row, kind, text, badges.get(row.person_id) if device.service == _APPLE else None)
            letters.append(Letter(one, Shipment(_address(device), message), not ways.in_app and ways.email == "off"))
        return letters

    def _message(self, row: ItemRow, kind: AnyNotificationKind, text: str, badge: int | None) -> PushMessage:
        """`place` is that of the newest event: what a try repeats has the same id, what tells more has another."""
        return PushMessage(
            id=row.place,
            tag=row.id.hex,
            title=self._community,
            body=text[:_MOST_CHARS],
            url=f"/app#/posts/{row.post_id}" if row.post_id else "/app#/notifications",
            kind=row.kind,
            notification_id=row.id,
            urgency=kind.urgency,
            ttl_seconds=self._kept_seconds,
            badge=badge,
        )

    def _ways(self, stored: StoredPreferences, row: ItemRow) -> Channels | None:
        kind = self._kinds.find(row.kind)
        return None if kind is None else self._kinds.channels(stored, kind)


def _address(device: DeviceRow) -> Address:
    return Address(address=device.address, p256dh=device.p256dh, auth=device.auth, known_since=device.seen_at)
