"""Devices that people are told on: browsers and apps, each registered in the session that it will live and end with."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from uuid import UUID

from msgspec import structs

from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications.errors import DeviceNotFound, PushUnavailable, SubscriptionNotFound
from banyan.features.notifications.models import (
    APPS,
    WEB,
    AppService,
    DeviceRow,
    NewDevice,
    NewSubscription,
    PushDevice,
    PushKey,
    PushServiceName,
    PushSubscription,
)
from banyan.features.notifications.queries import devices as queries
from banyan.infra.database.work import Work
from banyan.infra.push.keys import is_public_key
from banyan.infra.push.message import PushService
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor

# RFC 8291 section 3.2.
_AUTH_BYTES = 16


class Devices:
    """`services` are those that the operator has set up, `public_key` is what browsers subscribe with."""

    def __init__(
        self, accounts: AccountsApi, services: Mapping[str, PushService], public_key: str | None, max_devices: int
    ) -> None:
        self._accounts = accounts
        self._services = services
        self._public_key = public_key
        self._max_devices = max_devices

    def get_key(self) -> PushKey:
        """Raises PushUnavailable."""
        if self._public_key is None:
            raise PushUnavailable
        return PushKey(self._public_key)

    async def subscribe(
        self, work: Work, person_id: UUID, session_id: UUID, user_agent: str, new: NewSubscription
    ) -> PushSubscription:
        """A browser; again with the same endpoint it is the same one. Raises Invalid, PushUnavailable."""
        self._check(WEB, "endpoint", new.endpoint)
        p256dh, auth = _read("keys.p256dh", new.keys.p256dh), _read("keys.auth", new.keys.auth)
        if not is_public_key(p256dh):
            raise Invalid.field("keys.p256dh", "invalid", "A point of the curve P-256, 65 bytes.")
        if len(auth) != _AUTH_BYTES:
            raise Invalid.field("keys.auth", "invalid", f"{_AUTH_BYTES} bytes.")
        row = _draft(person_id, session_id, user_agent, WEB, new.endpoint)
        return _subscription(await self._put(work, structs.replace(row, p256dh=p256dh, auth=auth)))

    async def add_device(
        self, work: Work, person_id: UUID, session_id: UUID, user_agent: str, new: NewDevice
    ) -> PushDevice:
        """An app; again with the same token it is the same one. Raises Invalid, PushUnavailable."""
        self._check(new.service, "token", new.token)
        return _app(await self._put(work, _draft(person_id, session_id, user_agent, new.service, new.token)))

    async def list_subscriptions(
        self, work: Work, person_id: UUID, limit: int, cursor: str | None
    ) -> Page[PushSubscription]:
        """Newest first; of sessions that live."""
        page = await self._list(work, person_id, (WEB,), limit, cursor)
        return Page([_subscription(row) for row in page.items], page.next_cursor)

    async def list_devices(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[PushDevice]:
        """Newest first; of sessions that live."""
        page = await self._list(work, person_id, APPS, limit, cursor)
        return Page([_app(row) for row in page.items], page.next_cursor)

    async def unsubscribe(self, work: Work, person_id: UUID, subscription_id: UUID) -> None:
        """Raises SubscriptionNotFound."""
        if not await queries.delete_device(work, person_id, (WEB,), subscription_id):
            raise SubscriptionNotFound

    async def unsubscribe_endpoint(self, work: Work, person_id: UUID, endpoint: str) -> None:
        """Raises SubscriptionNotFound."""
        if not await queries.delete_address(work, person_id, WEB, _digest(endpoint)):
            raise SubscriptionNotFound

    async def remove_device(self, work: Work, person_id: UUID, device_id: UUID) -> None:
        """Raises DeviceNotFound."""
        if not await queries.delete_device(work, person_id, APPS, device_id):
            raise DeviceNotFound

    def _check(self, service: PushServiceName, field: str, address: str) -> None:
        if service not in self._services:
            raise PushUnavailable
        wrong = self._services[service].check(address)
        if wrong is not None:
            raise Invalid.field(field, "invalid", wrong)

    async def _put(self, work: Work, row: DeviceRow) -> DeviceRow:
        stored = await queries.put_device(work, row, _digest(row.address))
        if stored.id == row.id:
            await queries.delete_surplus(work, row.person_id, self._max_devices)
        return stored

    async def _list(
        self, work: Work, person_id: UUID, services: tuple[PushServiceName, ...], limit: int, cursor: str | None
    ) -> Page[DeviceRow]:
        rows = await queries.list_devices(work, person_id, services, decode_cursor(cursor), limit + 1)
        page = cut_page(rows, limit, lambda row: row.id)
        # The others are told nothing any more, and are removed when something would have been sent there.
        live = await self._accounts.find_live_sessions(work, {row.session_id for row in page.items})
        return Page([row for row in page.items if row.session_id in live], page.next_cursor)


def _draft(person_id: UUID, session_id: UUID, user_agent: str, service: PushServiceName, address: str) -> DeviceRow:
    at = now()
    return DeviceRow(
        id=new_id(),
        person_id=person_id,
        session_id=session_id,
        service=service,
        address=address,
        user_agent=user_agent,
        created_at=at,
        seen_at=at,
    )


def _subscription(row: DeviceRow) -> PushSubscription:
    return PushSubscription(row.id, row.address, row.user_agent, row.created_at, row.pushed_at)


def _app(row: DeviceRow) -> PushDevice:
    service: AppService = "fcm" if row.service == "fcm" else "apns"
    return PushDevice(row.id, service, row.user_agent, row.created_at, row.pushed_at)


def _digest(address: str) -> bytes:
    return hashlib.sha256(address.encode()).digest()


def _read(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise Invalid.field(field, "invalid", "URL-safe base64.") from None
