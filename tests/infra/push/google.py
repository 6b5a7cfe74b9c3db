"""Google's side of Firebase Cloud Messaging: gives out access tokens for signed assertions, and takes messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.features.webhooks.receiver import Answer, Heard, Receiver, answering, receiving

_KEY = rsa.generate_private_key(65537, 2048)
PROJECT = "banyan-test"
EMAIL = "pusher@banyan-test.iam.gserviceaccount.com"


class Google:
    """`accepted` are messages that were sent with a valid token; `answer` says what comes of them."""

    def __init__(self) -> None:
        self.tokens_given = 0
        self.token_answer: Answer | None = None
        self.answer: Answer = answering(200, b'{"name":"projects/banyan-test/messages/1"}')
        self.accepted: list[dict[str, Any]] = []
        self.origin = ""

    def account(self) -> str:
        """The file of the service account."""
        key = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return msgspec.json.encode(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "client_email": EMAIL,
                "private_key": key,
                "token_uri": f"{self.origin}/token",
            }
        ).decode()

    async def hear(self, heard: Heard) -> bytes:
        if heard.path == "/token":
            return await (self.token_answer or self._give_token)(heard)
        assert heard.path == f"/v1/projects/{PROJECT}/messages:send"
        if heard.headers["authorization"] != f"Bearer token-{self.tokens_given}":
            return await answering(401, b'{"error":{"status":"UNAUTHENTICATED"}}')(heard)
        self.accepted.append(msgspec.json.decode(heard.body)["message"])
        return await self.answer(heard)

    async def _give_token(self, heard: Heard) -> bytes:
        form = parse_qs(heard.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0], _KEY.public_key(), algorithms=["RS256"], audience=f"{self.origin}/token"
        )
        assert (claims["iss"], claims["scope"]) == (EMAIL, "https://www.googleapis.com/auth/firebase.messaging")
        assert claims["exp"] - claims["iat"] <= 3600
        self.tokens_given += 1
        body = f'{{"access_token":"token-{self.tokens_given}","expires_in":3599,"token_type":"Bearer"}}'
        return await answering(200, body.encode())(heard)


def refusing(status: int, code: str, *headers: str) -> Answer:
    """As Firebase says that a message is not taken."""
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    body = msgspec.json.encode({"error": {"code": status, "status": "X", "message": "No.", "details": details}})
    return answering(status, body, *headers)


@asynccontextmanager
async def google() -> AsyncIterator[Google]:
    found = Google()
    async with receiving(found.hear) as receiver:
        found.origin = origin_of(receiver)
        yield found


def origin_of(receiver: Receiver) -> str:
    return receiver.url.partition("/hook")[0]
