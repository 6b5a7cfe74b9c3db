"""Keyed digests: what must be compared or looked up without being stored as it is."""

import hashlib
import hmac
import secrets


class KeyedDigest:
    """HMAC-SHA256 under a key of its own per purpose, so that a digest of one purpose says nothing in another."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hmac.digest(secret.encode(), b"banyan:" + purpose.encode(), hashlib.sha256)

    @property
    def key(self) -> bytes:
        """The key for this purpose, 32 bytes."""
        return self._key

    def of(self, *parts: bytes | str) -> bytes:
        """32 bytes. Parts are told apart: ("ab", "c") and ("a", "bc") differ."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()


def make_secret() -> str:
    """256 random bits as 43 letters, digits, `-` and `_`: an installation's secret, a token."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is stored of a random one-time token. It has 256 bits, so it needs neither salt nor slowness."""
    return hashlib.sha256(token.encode()).digest()
