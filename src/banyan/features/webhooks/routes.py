"""Webhooks over HTTP, for admins."""

from typing import Annotated
from uuid import UUID

from banyan.features.webhooks.errors import SecretUnreadable, TooManyWebhooks
from banyan.features.webhooks.models import (
    Delivery,
    DeliveryState,
    DeliveryWithPayload,
    NewWebhook,
    SignalInfo,
    Webhook,
    WebhookChanges,
    WebhookWithSecret,
)
from banyan.features.webhooks.service.webhooks import Webhooks
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
    patch,
    post,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

OfState = Annotated[DeliveryState | None, QueryParameter(name="state", description="Only those; all without it.")]


class WebhookRoutes(Controller):
    path = "/v1/admin/webhooks"
    tags = ["webhooks"]
    webhooks: Webhooks

    @post(access="admin", raises=[TooManyWebhooks, SecretUnreadable], secret_answer=True)
    async def create(self, request: Request, data: JSONBody[NewWebhook]) -> WebhookWithSecret:
        """Make a webhook.

        The answer holds the secret that signs its messages, which is not shown again.
        """
        if request.replayed_subject is not None:
            return await self.webhooks.show_secret_again(request.work, request.actor, request.replayed_subject)
        webhook = await self.webhooks.create_webhook(request.work, request.actor, data)
        request.remember_subject(webhook.id)
        return webhook

    @get(access="admin")
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Webhook]:
        """All webhooks, newest first."""
        return await self.webhooks.list_webhooks(request.work, limit, cursor)

    @get("/{webhook_id:uuid}", access="admin")
    async def show(self, request: Request, webhook_id: FromPath[UUID]) -> Webhook:
        """One webhook."""
        return await self.webhooks.get_webhook(request.work, webhook_id)

    @patch("/{webhook_id:uuid}", access="admin")
    async def edit(self, request: Request, webhook_id: FromPath[UUID], data: JSONBody[WebhookChanges]) -> Webhook:
        """Change a webhook, switch it off or on again."""
        return await self.webhooks.update_webhook(request.work, request.actor, webhook_id, data)

    @delete("/{webhook_id:uuid}", access="admin")
    async def remove(self, request: Request, webhook_id: FromPath[UUID]) -> None:
        """Delete a webhook with its log."""
        await self.webhooks.delete_webhook(request.work, request.actor, webhook_id)

    @post("/{webhook_id:uuid}/rotate-secret", access="admin", raises=[SecretUnreadable], status=200, secret_answer=True)
    async def rotate_secret(self, request: Request, webhook_id: FromPath[UUID]) -> WebhookWithSecret:
        """Make a new secret. The old one signs beside it for 24 hours, so that a receiver can change over."""
        if request.replayed_subject is not None:
            return await self.webhooks.show_secret_again(request.work, request.actor, webhook_id)
        webhook = await self.webhooks.rotate_secret(request.work, request.actor, webhook_id)
        request.remember_subject(webhook_id)
        return webhook

    @post("/{webhook_id:uuid}/test", access="admin", status=202)
    async def test(self, request: Request, webhook_id: FromPath[UUID]) -> Delivery:
        """Send a message of the type `webhooks.Test`, also while the webhook is off."""
        return await self.webhooks.send_test(request.work, request.actor, webhook_id)

    @get("/{webhook_id:uuid}/deliveries", access="admin")
    async def list_deliveries(
        self,
        request: Request,
        webhook_id: FromPath[UUID],
        of_state: OfState = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Delivery]:
        """The log of a webhook, newest first."""
        return await self.webhooks.list_deliveries(request.work, webhook_id, of_state, limit, cursor)

    @get("/{webhook_id:uuid}/deliveries/{delivery_id:uuid}", access="admin")
    async def show_delivery(
        self, request: Request, webhook_id: FromPath[UUID], delivery_id: FromPath[UUID]
    ) -> DeliveryWithPayload:
        """One delivery with what it sends."""
        return await self.webhooks.get_delivery(request.work, webhook_id, delivery_id)

    @post("/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay", access="admin", status=202)
    async def replay(self, request: Request, webhook_id: FromPath[UUID], delivery_id: FromPath[UUID]) -> Delivery:
        """Send a delivery again, under the same id."""
        return await self.webhooks.replay_delivery(request.work, request.actor, webhook_id, delivery_id)


class WebhookSignalRoutes(Controller):
    path = "/v1/admin/webhook-signals"
    tags = ["webhooks"]
    webhooks: Webhooks

    @get(access="admin")
    async def list(self, request: Request) -> Page[SignalInfo]:
        """Every kind of signal, with the schema of its data."""
        return Page(self.webhooks.list_signals())
