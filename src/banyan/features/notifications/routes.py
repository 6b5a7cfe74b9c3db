"""Notifications over HTTP."""

from typing import Annotated
from uuid import UUID

from banyan.features.notifications.errors import (
    DeviceNotFound,
    NotificationNotFound,
    PushUnavailable,
    SubscriptionNotFound,
)
from banyan.features.notifications.models import (
    KindInfo,
    NewDevice,
    NewSubscription,
    Notification,
    PreferenceChanges,
    Preferences,
    PushDevice,
    PushKey,
    PushSubscription,
    ReadAll,
    UnreadCount,
)
from banyan.features.notifications.service.devices import Devices
from banyan.features.notifications.service.inbox import Inbox
from banyan.features.notifications.service.mailing import Mailing
from banyan.features.notifications.service.preferences import PreferenceBook
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    QueryParameter,
    Request,
    delete,
    get,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

Unread = Annotated[bool, QueryParameter(description="Only those that are unread.")]
UnsubscribeToken = Annotated[str, QueryParameter(max_length=200, description="From the link of a mail.")]

Endpoint = Annotated[str, QueryParameter(max_length=2000, description="Of the browser's subscription.")]


class NotificationRoutes(Controller):
    path = "/v1/notifications"
    tags = ["notifications"]
    inbox: Inbox
    book: PreferenceBook
    mailing: Mailing

    @get()
    async def list(
        self, request: Request, unread: Unread = False, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Notification]:
        """One's notifications, newest first.

        What one may no longer see is left out, so a page may hold fewer than `limit` although another follows.
        """
        return await self.inbox.list_notifications(request.work, request.account_id, limit, cursor, unread=unread)

    @get("/unread-count")
    async def count(self, request: Request) -> UnreadCount:
        """How many notifications are unread."""
        return await self.inbox.count_unread(request.work, request.account_id)

    @put("/{notification_id:uuid}/read", status=204, raises=[NotificationNotFound])
    async def read(self, request: Request, notification_id: FromPath[UUID]) -> None:
        """Mark a notification as read.

        What happens to its subject from then on makes a new one.
        """
        await self.inbox.read(request.work, request.account_id, notification_id)

    @post("/read-all", status=200, raises=[NotificationNotFound])
    async def read_all(self, request: Request, data: JSONBody[ReadAll]) -> UnreadCount:
        """Mark all notifications as read, or those up to one of them or to a time."""
        return await self.inbox.read_all(request.work, request.account_id, data)

    @post("/unsubscribe", access="credentials", status=204)
    async def unsubscribe(self, request: Request, token: UnsubscribeToken) -> None:
        """Get no more mails of one kind, or no more digests.

        What mail programs call for the header `List-Unsubscribe` (RFC 8058); the token of the mail's link says who
        asks.
        """
        await self.mailing.unsubscribe(request.work, token)

    @get("/kinds")
    async def list_kinds(self, request: Request) -> Page[KindInfo]:
        """Every kind of notification."""
        return Page(await self.book.list_kinds(request.work, request.account_id))

    @get("/preferences")
    async def show_preferences(self, request: Request) -> Preferences:
        """How one wants to be told."""
        return await self.book.get_preferences(request.work, request.account_id)

    @put("/preferences")
    async def change_preferences(self, request: Request, data: JSONBody[PreferenceChanges]) -> Preferences:
        """Choose how to be told: by kind and channel, with quiet hours and the hour of the daily digest."""
        return await self.book.update_preferences(request.work, request.account_id, data)


class PushRoutes(Controller):
    path = "/v1/push"
    tags = ["notifications"]
    devices: Devices

    @get("/key", access="anyone", raises=[PushUnavailable])
    async def show_key(self) -> PushKey:
        """What a browser needs to subscribe to web push."""
        return self.devices.get_key()

    @post("/subscriptions", status=201, raises=[PushUnavailable])
    async def subscribe(self, request: Request, data: JSONBody[NewSubscription]) -> PushSubscription:
        """Be told by push in this browser, until this session ends.

        Takes what the browser's own subscription gives as JSON. Again with the same endpoint it is the same one.
        """
        return await self.devices.subscribe(
            request.work, request.account_id, request.session_id, request.user_agent, data
        )

    @get("/subscriptions")
    async def list_subscriptions(
        self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[PushSubscription]:
        """The browsers in which one is told by push, newest first."""
        return await self.devices.list_subscriptions(request.work, request.account_id, limit, cursor)

    @delete("/subscriptions", status=204, raises=[SubscriptionNotFound])
    async def unsubscribe_endpoint(self, request: Request, endpoint: Endpoint) -> None:
        """Be told no more by push in the browser with this endpoint."""
        await self.devices.unsubscribe_endpoint(request.work, request.account_id, endpoint)

    @delete("/subscriptions/{subscription_id:uuid}", status=204, raises=[SubscriptionNotFound])
    async def unsubscribe(self, request: Request, subscription_id: FromPath[UUID]) -> None:
        """Be told no more by push in a browser."""
        await self.devices.unsubscribe(request.work, request.account_id, subscription_id)

    @post("/devices", status=201, raises=[PushUnavailable])
    async def add_device(self, request: Request, data: JSONBody[NewDevice]) -> PushDevice:
        """Be told by push in the app on this device, until this session ends.

        Again with the same token it is the same one: an app sends its token at every start.
        """
        return await self.devices.add_device(
            request.work, request.account_id, request.session_id, request.user_agent, data
        )

    @get("/devices")
    async def list_devices(
        self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[PushDevice]:
        """The devices on which one is told by push in the app, newest first."""
        return await self.devices.list_devices(request.work, request.account_id, limit, cursor)

    @delete("/devices/{device_id:uuid}", status=204, raises=[DeviceNotFound])
    async def remove_device(self, request: Request, device_id: FromPath[UUID]) -> None:
        """Be told no more by push on a device."""
        await self.devices.remove_device(request.work, request.account_id, device_id)
