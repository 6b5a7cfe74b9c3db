"""Web push: encrypted for the browser (RFC 8291), handed to the service that its endpoint names (RFC 8030)."""

import asyncio
from collections.abc import Sequence

import httpx
import msgspec
from webpush import WebPush, WebPushSubscription  # type: ignore[import-untyped]
from webpush.types import WebPushKeys  # type: ignore[import-untyped]

from banyan.infra.outgoing.sender import Outgoing, Received, RefusedTarget, Sender
from banyan.infra.push.message import Address, Outcome, PushMessage, Shipment
from banyan.infra.push.vapid import Vapid
from banyan.kernel import base64url

_GONE = (404, 410)


class WebPushService:
    """People enter the endpoints: requests go by `outgoing`, into no private network."""

    def __init__(self, vapid: Vapid, outgoing: Outgoing) -> None:
        self._vapid = vapid
        self._outgoing = outgoing
        # Only its encryption is used: its tokens leave out the port of an origin.
        self._encryption = WebPush(vapid.private_pem, vapid.public_pem, subscriber="nobody@localhost")

    @property
    def public_key(self) -> str:
        """What a browser subscribes with."""
        return self._vapid.public_key

    def check(self, address: str) -> str | None:
        try:
            self._outgoing.targets.check(address)
        except RefusedTarget as refusal:
            return str(refusal)
        return None

    async def send_all(self, shipments: Sequence[Shipment]) -> list[Outcome]:
        by_origin: dict[str, list[Shipment]] = {}
        for shipment in shipments:
            by_origin.setdefault(_origin(shipment.to.address), []).append(shipment)
        sent = await asyncio.gather(*(self._send_to(origin, part) for origin, part in by_origin.items()))
        found = {id(shipment): outcome for part in sent for shipment, outcome in part}
        return [found[id(shipment)] for shipment in shipments]

    async def close(self) -> None:
        """Connections end with each batch."""

    async def _send_to(self, origin: str, shipments: Sequence[Shipment]) -> list[tuple[Shipment, Outcome]]:
        async with self._outgoing.open() as sender:
            outcomes = await asyncio.gather(*(self._send(sender, origin, shipment) for shipment in shipments))
        return list(zip(shipments, outcomes, strict=True))

    async def _send(self, sender: Sender, origin: str, shipment: Shipment) -> Outcome:
        message = shipment.message
        headers = {
            "Authorization": self._vapid.authorize(origin),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(message.ttl_seconds),
            "Urgency": message.urgency,
            "Topic": message.tag,
        }
        return _judge(await sender.post(shipment.to.address, self._encrypt(shipment.to, message), headers))

    def _encrypt(self, to: Address, message: PushMessage) -> bytes:
        body = msgspec.json.encode(
            {
                "id": message.notification_id,
                "push_id": message.id,
                "kind": message.kind,
                "tag": message.tag,
                "title": message.title,
                "body": message.body,
                "url": message.url,
            }
        )
        # The endpoint goes into the library's token alone, which is not used.
        keys = WebPushKeys(auth=base64url.encode(to.auth), p256dh=base64url.encode(to.p256dh))
        subscription = WebPushSubscription.model_validate({"endpoint": "https://push.invalid/", "keys": keys})
        encrypted: bytes = self._encryption.get(body, subscription).encrypted
        return encrypted


def _judge(received: Received) -> Outcome:
    status = received.status
    if status is None:
        return Outcome("failed", received.error or "")
    if 200 <= status < 300:
        return Outcome("sent")
    reason = f"It answered {status}."
    if status in _GONE:
        return Outcome("gone", reason)
    if status == 429 or status >= 500:
        return Outcome("failed", reason, received.retry_after_seconds)
    # Also 401 and 403: they speak of this installation's key or contact, not of the browser.
    return Outcome("refused", f"{reason} {received.body.decode('utf-8', 'replace')[:200]}")


def _origin(url: str) -> str:
    """Scheme, host, and port where it is not the usual one."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
