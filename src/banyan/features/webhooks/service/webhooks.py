"""Keeping webhooks: what an admin may do with them and their log."""

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import UNSET, structs

from banyan.features.webhooks.catalogue import TEST, Catalogue
from banyan.features.webhooks.errors import DeliveryNotFound, SecretUnreadable, TooManyWebhooks, WebhookNotFound
from banyan.features.webhooks.jobs import SendDeliveries
from banyan.features.webhooks.models import (
    Delivery,
    DeliveryState,
    DeliveryWithPayload,
    NewWebhook,
    SignalInfo,
    Webhook,
    WebhookChanges,
    WebhookRow,
    WebhookWithSecret,
)
from banyan.features.webhooks.queries import deliveries
from banyan.features.webhooks.queries import webhooks as queries
from banyan.features.webhooks.service.recording import WANTED_TOPIC, Recording
from banyan.features.webhooks.settings import WebhooksSettings
from banyan.features.webhooks.signing import make_key, show
from banyan.infra.audit.models import Actor
from banyan.infra.audit.trail import record
from banyan.infra.auth.sealing import Sealer
from banyan.infra.database.work import Work
from banyan.infra.outgoing.sender import RefusedTarget, Targets
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line

_DESCRIPTION_MAX_CHARS = 200
# In the audit log.
_KIND = "webhook"


class Webhooks:
    """Every method works inside the caller's unit of work. Secrets are shown when they are made, never again."""

    def __init__(
        self,
        settings: WebhooksSettings,
        catalogue: Catalogue,
        targets: Targets,
        sealer: Sealer,
        recording: Recording,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._targets = targets
        self._sealer = sealer
        self._recording = recording

    def list_signals(self) -> list[SignalInfo]:
        """What one can subscribe to."""
        return self._catalogue.describe()

    async def create_webhook(self, work: Work, actor: Actor, new: NewWebhook) -> WebhookWithSecret:
        """Raises Invalid, TooManyWebhooks."""
        at = now()
        webhook = Webhook(
            id=new_id(),
            url=self._check_url(new.url),
            description=_check_description(new.description),
            signals=self._catalogue.check(new.signals),
            active=True,
            created_at=at,
            updated_at=at,
            previous_secret_until=None,
            failing_since=None,
            disabled_at=None,
            disabled_reason=None,
        )
        if await queries.lock_number(work) >= self._settings.max_webhooks:
            raise TooManyWebhooks(f"At most {self._settings.max_webhooks}: delete one first.")
        key = make_key()
        await queries.insert_webhook(work, WebhookRow(webhook, self._sealer.seal(key, webhook.id.bytes), None))
        work.announce(WANTED_TOPIC)
        record(work, actor, "webhooks.create", _KIND, webhook.id, host=_host(webhook.url), signals=webhook.signals)
        return _with_secret(webhook, key)

    async def get_webhook(self, work: Work, webhook_id: UUID) -> Webhook:
        """Raises WebhookNotFound."""
        return (await self._get(work, webhook_id)).webhook

    async def show_secret_again(self, work: Work, actor: Actor, webhook_id: UUID) -> WebhookWithSecret:
        """For the retry of a request whose answer held the secret and was lost. Raises WebhookNotFound,
        SecretUnreadable.
        """
        row = await self._get(work, webhook_id)
        record(work, actor, "webhooks.show_secret_again", _KIND, webhook_id)
        key = self._sealer.open(row.secret, webhook_id.bytes)
        if key is None:
            raise SecretUnreadable("Rotate it.")
        return _with_secret(row.webhook, key)

    async def list_webhooks(self, work: Work, limit: int, cursor: str | None) -> Page[Webhook]:
        """Newest first."""
        rows = await queries.list_webhooks(work, decode_cursor(cursor), limit + 1)
        return cut_page(rows, limit, lambda webhook: webhook.id)

    async def update_webhook(self, work: Work, actor: Actor, webhook_id: UUID, changes: WebhookChanges) -> Webhook:
        """Switching it on also forgets why it was off. Raises WebhookNotFound, Invalid."""
        url = None if changes.url is UNSET else self._check_url(changes.url)
        signals = None if changes.signals is UNSET else self._catalogue.check(changes.signals)
        description = None if changes.description is UNSET else _check_description(changes.description)
        row = await queries.lock_webhook(work, webhook_id)
        if row is None:
            raise WebhookNotFound
        old = row.webhook
        changed = structs.replace(
            old,
            url=url or old.url,
            signals=signals or old.signals,
            description=old.description if description is None else description,
            active=old.active if changes.active is UNSET else changes.active,
            updated_at=now(),
        )
        if changed.active and (not old.active or changed.url != old.url):
            changed = structs.replace(changed, failing_since=None, disabled_at=None, disabled_reason=None)
        await queries.update_webhook(work, changed)
        record(work, actor, "webhooks.update", _KIND, webhook_id, before=_told(old), after=_told(changed))
        work.announce(WANTED_TOPIC)
        if changed.active:
            # What waited while it was off, or for the pause after a failure at the old address.
            work.enqueue(SendDeliveries(webhook_id), key=str(webhook_id))
        return changed

    async def delete_webhook(self, work: Work, actor: Actor, webhook_id: UUID) -> None:
        """With its log. Raises WebhookNotFound."""
        if not await queries.delete_webhook(work, webhook_id):
            raise WebhookNotFound
        record(work, actor, "webhooks.delete", _KIND, webhook_id)
        work.announce(WANTED_TOPIC)

    async def rotate_secret(self, work: Work, actor: Actor, webhook_id: UUID) -> WebhookWithSecret:
        """The old secret signs beside the new one for a while. Raises WebhookNotFound."""
        row = await queries.lock_webhook(work, webhook_id)
        if row is None:
            raise WebhookNotFound
        key, at = make_key(), now()
        until = at + timedelta(seconds=self._settings.both_secrets_seconds)
        await queries.put_secret(work, webhook_id, self._sealer.seal(key, webhook_id.bytes), until, at)
        record(work, actor, "webhooks.rotate_secret", _KIND, webhook_id)
        return _with_secret(structs.replace(row.webhook, previous_secret_until=until, updated_at=at), key)

    async def send_test(self, work: Work, actor: Actor, webhook_id: UUID) -> Delivery:
        """A message that tells nothing, also while the webhook is off. Raises WebhookNotFound."""
        await self._get(work, webhook_id)
        delivery_id = await self._recording.record_one(work, webhook_id, TEST, b'{"text":"This is a test."}')
        delivery = await deliveries.find_delivery(work, webhook_id, delivery_id) if delivery_id else None
        if delivery is None:
            raise WebhookNotFound
        record(work, actor, "webhooks.test", _KIND, webhook_id, delivery=str(delivery_id))
        return _without_payload(delivery)

    async def list_deliveries(
        self, work: Work, webhook_id: UUID, state: DeliveryState | None, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        """Newest first. Raises WebhookNotFound."""
        before = decode_cursor(cursor)
        await self._get(work, webhook_id)
        rows = await deliveries.list_deliveries(work, webhook_id, state, before, limit + 1)
        return cut_page(rows, limit, lambda delivery: delivery.id)

    async def get_delivery(self, work: Work, webhook_id: UUID, delivery_id: UUID) -> DeliveryWithPayload:
        """Raises DeliveryNotFound."""
        delivery = await deliveries.find_delivery(work, webhook_id, delivery_id)
        if delivery is None:
            raise DeliveryNotFound
        return delivery

    async def replay_delivery(self, work: Work, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Sends it again, with all its tries, under the same id. Raises DeliveryNotFound."""
        delivery = await deliveries.send_again(work, webhook_id, delivery_id, now())
        if delivery is None:
            raise DeliveryNotFound
        record(work, actor, "webhooks.replay", _KIND, webhook_id, delivery=str(delivery_id))
        work.enqueue(SendDeliveries(webhook_id), key=str(webhook_id))
        return delivery

    async def _get(self, work: Work, webhook_id: UUID) -> WebhookRow:
        row = await queries.find_webhook(work, webhook_id)
        if row is None:
            raise WebhookNotFound
        return row

    def _check_url(self, url: str) -> str:
        try:
            return self._targets.check(url)
        except RefusedTarget as refusal:
            raise Invalid.field("url", "refused_url", str(refusal)) from None


def _check_description(value: str) -> str:
    return check_line(value, "description", min_chars=0, max_chars=_DESCRIPTION_MAX_CHARS)


def _told(webhook: Webhook) -> dict[str, object]:
    """What the audit log keeps of a webhook."""
    return {"host": _host(webhook.url), "signals": webhook.signals, "active": webhook.active}


def _host(url: str) -> str:
    """As much of an address as may be kept: path and query of many receivers hold a secret of theirs."""
    return urlsplit(url).hostname or ""


def _with_secret(webhook: Webhook, key: bytes) -> WebhookWithSecret:
    return WebhookWithSecret(**structs.asdict(webhook), secret=show(key))


def _without_payload(delivery: DeliveryWithPayload) -> Delivery:
    fields = structs.asdict(delivery)
    del fields["payload"]
    return Delivery(**fields)
