"""The mails of notifications, each with a way to get no more of them."""

import hmac
from collections.abc import Sequence
from importlib import resources
from uuid import UUID

from msgspec import structs

from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.mail.message import Language, MailMessage
from banyan.infra.mail.templates import MailTemplates
from banyan.kernel import base64url

# What `banyan mail preview` shows in place of each value.
SAMPLES = {
    "text": "Ada and 4 others commented on your post",
    "lines": "Ada commented on your post\nBen mentioned you",
    "unsubscribe": "https://example.org/unsubscribe#token=sample",
}
# Stands for the digest where else a kind does.
DIGEST = "digest"
_DIGEST_BYTES = 16


class Unsubscribing:
    """Tokens that say who wants no more mails, and of which kind. They do not expire: mails are kept for years."""

    def __init__(self, secret: str) -> None:
        self._digest = KeyedDigest(secret, "notifications.unsubscribe")

    def make(self, person_id: UUID, scope: str) -> str:
        """A token of about 50 characters."""
        signed = person_id.bytes + self._sign(person_id, scope)
        return f"{scope}.{base64url.encode(signed)}"

    def read(self, token: str) -> tuple[UUID, str] | None:
        """Person and scope; None for a token that was never given out."""
        scope, _, encoded = token.rpartition(".")
        signed = base64url.decode(encoded)
        if signed is None or len(signed) != 16 + _DIGEST_BYTES:
            return None
        person_id = UUID(bytes=signed[:16])
        return (person_id, scope) if hmac.compare_digest(signed[16:], self._sign(person_id, scope)) else None

    def _sign(self, person_id: UUID, scope: str) -> bytes:
        return self._digest.of(person_id.bytes, scope)[:_DIGEST_BYTES]


class NotificationMails:
    """Composes mails with links below `public_url`."""

    def __init__(self, public_url: str, templates: MailTemplates, unsubscribing: Unsubscribing) -> None:
        self._public_url = public_url.rstrip("/")
        folder = resources.files("banyan.features.notifications").joinpath("mail_texts")
        self._texts = templates.read("notifications", folder, SAMPLES)
        self._unsubscribing = unsubscribing

    def notification(self, to: str, language: Language, person_id: UUID, kind: str, text: str) -> MailMessage:
        """Tells one thing."""
        return self._compose("notification", to, language, person_id, kind, {"text": text})

    def digest(self, to: str, language: Language, person_id: UUID, lines: Sequence[str]) -> MailMessage:
        """Tells what a day has brought."""
        listed = "\n".join(f"• {line}" for line in lines)
        return self._compose("digest", to, language, person_id, DIGEST, {"lines": listed})

    def _compose(
        self, mail: str, to: str, language: Language, person_id: UUID, scope: str, values: dict[str, str]
    ) -> MailMessage:
        token = self._unsubscribing.make(person_id, scope)
        page = f"{self._public_url}/unsubscribe#token={token}"
        message = self._texts.compose(
            mail, language, to, {**values, "unsubscribe": page}, f"{self._public_url}/app#/notifications"
        )
        one_click = f"{self._public_url}/v1/notifications/unsubscribe?token={token}"
        return structs.replace(message, unsubscribe_url=one_click)
