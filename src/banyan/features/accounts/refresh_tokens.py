"""Refresh tokens: the session they belong to, random bits, and a seal that tells a used one from an invented one."""

import base64
import binascii
import hashlib
import hmac
import secrets
from uuid import UUID

from msgspec import Struct

from banyan.infra.auth.digests import KeyedDigest

_NONCE_BYTES = 16
_SEAL_BYTES = 16
_TOKEN_BYTES = 16 + _NONCE_BYTES + _SEAL_BYTES


class RefreshToken(Struct, frozen=True):
    """A token that was issued here: only `digest` is ever stored."""

    session_id: UUID
    digest: bytes


class RefreshTokens:
    """Makes and reads tokens of 64 characters.

    Without the seal, any unknown token that names a session would have to count as reuse of a forgotten one, and
    whoever knows a session's id could end it. With it, tokens used long ago need not be kept.
    """

    def __init__(self, secret: str) -> None:
        self._seals = KeyedDigest(secret, "accounts.refresh")

    def make(self, session_id: UUID) -> tuple[str, bytes]:
        """A new token of that session, and its digest."""
        body = session_id.bytes + secrets.token_bytes(_NONCE_BYTES)
        token = base64.urlsafe_b64encode(body + self._seal(body)).decode()
        return token, _digest(token)

    def read(self, token: str) -> RefreshToken | None:
        """The token, or None if it was not made here."""
        try:
            data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        body, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if len(data) != _TOKEN_BYTES or not hmac.compare_digest(seal, self._seal(body)):
            return None
        return RefreshToken(UUID(bytes=body[:16]), _digest(token))

    def _seal(self, body: bytes) -> bytes:
        return self._seals.of(body)[:_SEAL_BYTES]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
