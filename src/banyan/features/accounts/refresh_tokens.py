"""Refresh tokens: the session they belong to, random bits, and a seal that tells a used one from an invented one."""

import hmac
import secrets
from uuid import UUID

from msgspec import Struct

from banyan.infra.auth.digests import KeyedDigest, hash_token
from banyan.kernel import base64url

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
        token = base64url.encode(body + self._seal(body))
        return token, hash_token(token)

    def read(self, token: str) -> RefreshToken | None:
        """The token, or None if it was not made here."""
        data = base64url.decode(token)
        if data is None or len(data) != _TOKEN_BYTES:
            return None
        body, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        return RefreshToken(UUID(bytes=body[:16]), hash_token(token))

    def _seal(self, body: bytes) -> bytes:
        return self._seals.of(body)[:_SEAL_BYTES]
