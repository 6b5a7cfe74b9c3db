"""What is pushed, to where, and what can come of it: the same for every service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from msgspec import Struct

from banyan.infra.declare import Urgency

# `gone`: the address takes nothing any more. `refused`: this message is not taken, and never will be.
Result = Literal["sent", "gone", "refused", "failed"]


class PushMessage(Struct, frozen=True, kw_only=True):
    """`id` is the same for every try. What has the same `tag` (at most 32 letters and digits) replaces each other on a
    device. `badge`: the number that a phone shows at the app's picture.
    """

    id: UUID
    tag: str
    title: str
    body: str
    url: str
    kind: str
    notification_id: UUID
    urgency: Urgency
    ttl_seconds: int
    badge: int | None = None


class Address(Struct, frozen=True, kw_only=True):
    """Where a device is reached: an endpoint with the keys of its browser, or a token of a service. `known_since`: when
    the device has told it the last time.
    """

    address: str
    p256dh: bytes = b""
    auth: bytes = b""
    known_since: datetime


class Shipment(Struct, frozen=True):
    """One message for one device."""

    to: Address
    message: PushMessage


class Outcome(Struct, frozen=True):
    """What came of a shipment. `reason` is for people; `gone_since`: as far as the service says since when."""

    result: Result
    reason: str = ""
    retry_after_seconds: float | None = None
    gone_since: datetime | None = None


class PushService(Protocol):
    """Sends to devices of one kind."""

    def check(self, address: str) -> str | None:
        """What is wrong with an address as far as can be seen of it, in words; None for a good one."""

    async def send_all(self, shipments: Sequence[Shipment]) -> list[Outcome]:
        """One outcome for each, in order; raises nothing for what is the other side's fault."""

    async def close(self) -> None:
        """Ends its connections."""
