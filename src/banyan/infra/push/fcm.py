"""Firebase Cloud Messaging, HTTP v1. Field names and errors are those of its reference (projects.messages)."""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

import jwt
import msgspec
from msgspec import Struct

from banyan.infra.outgoing.sender import read_retry_after
from banyan.infra.push.connection import Answer, ServiceConnection
from banyan.infra.push.message import Outcome, PushMessage, Shipment

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS = 3600
# So long before its end a token is no longer used.
_MARGIN_SECONDS = 60
# Tokens of other senders, or that no app has any more.
_GONE_CODES = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
_LONGEST_TOKEN = 4096


class ServiceAccount(Struct, frozen=True):
    """Of the file that Google's console gives out."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"


class _Token(Struct, frozen=True):
    access_token: str
    expires_in: float


class _Violation(Struct, frozen=True):
    field: str = ""


class _Detail(Struct, frozen=True):
    code: str = msgspec.field(name="errorCode", default="")
    violations: tuple[_Violation, ...] = msgspec.field(name="fieldViolations", default=())


class _Error(Struct, frozen=True):
    status: str = ""
    message: str = ""
    details: tuple[_Detail, ...] = ()


class _Refusal(Struct, frozen=True):
    error: _Error = _Error()


class Fcm:
    """Sends in the name of a service account."""

    def __init__(self, account: ServiceAccount, url: str, timeout_seconds: float) -> None:
        self._account = account
        self._path = f"/v1/projects/{account.project_id}/messages:send"
        self._messages = ServiceConnection(url, timeout_seconds, only_http2=False)
        uri = urlsplit(account.token_uri)
        self._token_path = uri.path
        self._tokens = ServiceConnection(f"{uri.scheme}://{uri.netloc}", timeout_seconds, only_http2=False)
        self._lock = asyncio.Lock()
        self._token = ""
        self._token_until = 0.0

    def check(self, address: str) -> str | None:
        right = 0 < len(address) <= _LONGEST_TOKEN and address.isascii() and address.isprintable()
        return None if right else "A registration token of Firebase."

    async def send_all(self, shipments: Sequence[Shipment]) -> list[Outcome]:
        token = await self._get_token()
        if isinstance(token, Outcome):
            return [token] * len(shipments)
        return list(await asyncio.gather(*(self._send(token, shipment) for shipment in shipments)))

    async def close(self) -> None:
        await self._messages.close()
        await self._tokens.close()

    async def _send(self, token: str, shipment: Shipment) -> Outcome:
        body = msgspec.json.encode({"message": _compose(shipment.to.address, shipment.message)})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = await self._messages.post(self._path, body, headers)
        if answer.status == 401:
            # The next batch gets a new one.
            self._token_until = 0.0
        return _judge(answer)

    async def _get_token(self) -> str | Outcome:
        """An access token, asked for once for all that wait for it; an outcome where there is none."""
        async with self._lock:
            if time.monotonic() < self._token_until:
                return self._token
            body = urlencode({"grant_type": _GRANT, "assertion": self._sign()}).encode()
            answer = await self._tokens.post(
                self._token_path, body, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            if answer.status != 200:
                said = answer.error or f"It answered {answer.status}: {answer.body.decode('utf-8', 'replace')[:200]}"
                return Outcome("failed", f"No access token. {said}", read_retry_after(answer.retry_after))
            try:
                token = msgspec.json.decode(answer.body, type=_Token)
            except msgspec.MsgspecError:
                return Outcome("failed", "No access token. The answer holds none.")
            self._token = token.access_token
            self._token_until = time.monotonic() + max(0.0, token.expires_in - _MARGIN_SECONDS)
            return self._token

    def _sign(self) -> str:
        at = int(time.time())
        claims = {
            "iss": self._account.client_email,
            "scope": _SCOPE,
            "aud": self._account.token_uri,
            "iat": at,
            "exp": at + _ASSERTION_SECONDS,
        }
        return jwt.encode(claims, self._account.private_key, algorithm="RS256")


def _compose(token: str, message: PushMessage) -> dict[str, object]:
    return {
        "token": token,
        "notification": {"title": message.title, "body": message.body},
        "data": {
            "id": str(message.notification_id),
            "push_id": str(message.id),
            "kind": message.kind,
            "tag": message.tag,
            "url": message.url,
        },
        "android": {
            "collapse_key": message.tag,
            "ttl": f"{message.ttl_seconds}s",
            "priority": "HIGH" if message.urgency == "high" else "NORMAL",
            "notification": {"tag": message.tag},
        },
        # Firebase also passes to Apple's devices and to browsers.
        "apns": {"headers": {"apns-collapse-id": message.tag}},
    }


def _judge(answer: Answer) -> Outcome:
    status = answer.status
    if status is None:
        return Outcome("failed", answer.error)
    if 200 <= status < 300:
        return Outcome("sent")
    try:
        error = msgspec.json.decode(answer.body, type=_Refusal).error
    except msgspec.MsgspecError:
        error = _Error()
    codes = {detail.code for detail in error.details}
    reason = f"It answered {status} {', '.join(sorted(codes - {''})) or error.status} {error.message[:200]}".rstrip()
    wrong_token = any(one.field == "message.token" for detail in error.details for one in detail.violations)
    if codes & _GONE_CODES or wrong_token:
        return Outcome("gone", reason)
    if status in (401, 429) or status >= 500:
        return Outcome("failed", reason, read_retry_after(answer.retry_after))
    return Outcome("refused", reason)
