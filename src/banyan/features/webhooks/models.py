"""Webhooks and deliveries as they go over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

DeliveryState = Literal["waiting", "delivered", "dead"]

Url = Annotated[str, Meta(description="https://, on the public internet.")]
SignalNames = Annotated[
    list[str], Meta(min_length=1, max_length=200, description='Names from the catalogue, or `["*"]` for every signal.')
]
Description = Annotated[str, Meta(description="One line of at most 200 characters.")]


class NewWebhook(Struct, forbid_unknown_fields=True, kw_only=True):
    """Where to send which signals."""

    url: Url
    signals: SignalNames
    description: Description = ""


class WebhookChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are. While a webhook is not active nothing is sent and nothing new is recorded;
    deliveries that wait go out once it is active again.
    """

    url: Url | UnsetType = UNSET
    signals: SignalNames | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class Webhook(Struct, frozen=True, kw_only=True):
    """A receiver. `failing_since`: the first failure after the last success. `disabled_*`: when and why it was
    switched off without anybody asking; null otherwise. The old secret signs too until `previous_secret_until`.
    """

    id: UUID
    url: str
    description: str
    signals: list[str]
    active: bool
    created_at: datetime
    updated_at: datetime
    previous_secret_until: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


class WebhookWithSecret(Webhook, frozen=True, kw_only=True):
    """Answered once: when the secret is made."""

    secret: Annotated[str, Meta(description="`whsec_` and the key in base64; it is not shown again.")]


class Delivery(Struct, frozen=True, kw_only=True):
    """One signal on its way to one webhook. `status`, `duration_ms`, `response` (its beginning) and `error` are those
    of the last try; `next_try_at` is null once it is delivered or given up.
    """

    id: UUID
    webhook_id: UUID
    signal: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    last_try_at: datetime | None
    next_try_at: datetime | None
    status: int | None
    duration_ms: int | None
    response: str | None
    error: str | None


class Message(Struct, frozen=True):
    """What is sent. `id` is also the header `webhook-id`; `data` has the schema that the catalogue gives for `type`."""

    id: UUID
    type: str
    created_at: datetime
    data: dict[str, Any]


class DeliveryWithPayload(Delivery, frozen=True, kw_only=True):
    """A delivery and what it sends."""

    payload: Message


class SignalInfo(Struct, frozen=True):
    """A kind of signal that one can subscribe to."""

    name: str
    description: str
    schema: Annotated[dict[str, Any], Meta(description="JSON schema of `data`.")]


class WebhookRow(Struct, frozen=True):
    """A webhook as it is stored, with what signs for it."""

    webhook: Webhook
    secret: bytes
    previous_secret: bytes | None


class Due(Struct, frozen=True):
    """A delivery in the hands of this worker."""

    id: UUID
    body: str
    attempts: int


class Settled(Struct, frozen=True):
    """What came of one try."""

    due: Due
    state: DeliveryState
    next_try_at: datetime | None
    status: int | None
    duration_ms: int
    response: str
    error: str | None
