"""Notifications over HTTP."""

from typing import Annotated
from uuid import UUID

from banyan.features.notifications.errors import NotificationNotFound
from banyan.features.notifications.models import (
    KindInfo,
    Notification,
    PreferenceChanges,
    Preferences,
    ReadAll,
    UnreadCount,
)
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
    get,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

Unread = Annotated[bool, QueryParameter(description="Only those that are unread.")]
UnsubscribeToken = Annotated[str, QueryParameter(max_length=200, description="From the link of a mail.")]


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
