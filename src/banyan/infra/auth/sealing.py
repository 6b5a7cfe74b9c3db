"""Encryption of what must be read again but not by whoever only has the database."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from banyan.infra.auth.digests import KeyedDigest

_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.2


class Sealer:
    """AES-256-GCM under a key of its own per purpose."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._cipher = AESGCM(KeyedDigest(secret, purpose).key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """28 bytes longer than `data`. Only opens with the same context, such as the id of the row it stands in."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes | None:
        """What was sealed; None when it was changed, moved to another context or sealed under another secret."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            return None
