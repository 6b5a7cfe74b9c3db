"""The Apple Push Notification service over HTTP/2, with a signed token. Headers, limits and reasons are those of
Apple's "Sending notification requests to APNs" and "Handling notification responses from APNs".
"""

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import jwt
import msgspec
from msgspec import Struct

from banyan.infra.outgoing.sender import read_retry_after
from banyan.infra.push.connection import Answer, ServiceConnection
from banyan.infra.push.keys import read_private_key
from banyan.infra.push.message import Outcome, PushMessage, Shipment

# A token may be used for an hour, and renewed every 20 minutes at most.
_TOKEN_SECONDS = 40 * 60
_SHORTEST_TOKEN_SECONDS = 20 * 60
_PRIORITIES: Final = {"high": "10", "normal": "10", "low": "5"}
_GONE: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered", "ExpiredToken"})
_OLD_TOKEN = "ExpiredProviderToken"
_DEVICE_TOKEN = re.compile(r"[0-9a-fA-F]{16,200}")


class _Refusal(Struct, frozen=True):
    reason: str = ""
    # Milliseconds: when the service last knew that the token was no longer valid.
    timestamp: int | None = None


class Apns:
    """Sends to the devices of one app."""

    def __init__(self, key: str, key_id: str, team_id: str, topic: str, url: str, timeout_seconds: float) -> None:
        self._key = read_private_key(key)
        self._key_id = key_id
        self._team_id = team_id
        self._topic = topic
        self._connection = ServiceConnection(url, timeout_seconds, only_http2=True)
        self._token = ""
        self._token_at = 0.0

    def check(self, address: str) -> str | None:
        return None if _DEVICE_TOKEN.fullmatch(address) else "A device token in hexadecimal digits."

    async def send_all(self, shipments: Sequence[Shipment]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(shipment) for shipment in shipments)))

    async def close(self) -> None:
        await self._connection.close()

    async def _send(self, shipment: Shipment) -> Outcome:
        message = shipment.message
        headers = {
            "authorization": f"bearer {self._get_token()}",
            "apns-topic": self._topic,
            "apns-push-type": "alert",
            "apns-id": str(message.id),
            "apns-collapse-id": message.tag,
            "apns-priority": _PRIORITIES[message.urgency],
            # 0 would mean: not kept at all.
            "apns-expiration": str(int(time.time()) + message.ttl_seconds if message.ttl_seconds else 0),
            "content-type": "application/json",
        }
        answer = await self._connection.post(f"/3/device/{shipment.to.address}", _compose(message), headers)
        outcome, reason = _judge(answer)
        if reason == _OLD_TOKEN and time.monotonic() - self._token_at > _SHORTEST_TOKEN_SECONDS:
            self._token = ""
        return outcome

    def _get_token(self) -> str:
        if not self._token or time.monotonic() - self._token_at > _TOKEN_SECONDS:
            claims = {"iss": self._team_id, "iat": int(time.time())}
            self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
            self._token_at = time.monotonic()
        return self._token


def _compose(message: PushMessage) -> bytes:
    aps: dict[str, object] = {
        "alert": {"title": message.title, "body": message.body},
        "thread-id": message.kind,
        "sound": "default",
    }
    if message.badge is not None:
        aps["badge"] = message.badge
    return msgspec.json.encode(
        {
            "aps": aps,
            "id": message.notification_id,
            "push_id": message.id,
            "kind": message.kind,
            "url": message.url,
        }
    )


def _judge(answer: Answer) -> tuple[Outcome, str]:
    status = answer.status
    if status is None:
        return Outcome("failed", answer.error), ""
    if status == 200:
        return Outcome("sent"), ""
    try:
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
    except msgspec.MsgspecError:
        refusal = _Refusal()
    said = f"It answered {status} {refusal.reason}".rstrip()
    if status == 410 or refusal.reason in _GONE:
        since = None if refusal.timestamp is None else datetime.fromtimestamp(refusal.timestamp / 1000, UTC)
        return Outcome("gone", said, gone_since=since), refusal.reason
    if status == 429 or status >= 500 or refusal.reason == _OLD_TOKEN:
        return Outcome("failed", said, read_retry_after(answer.retry_after)), refusal.reason
    return Outcome("refused", said), refusal.reason
