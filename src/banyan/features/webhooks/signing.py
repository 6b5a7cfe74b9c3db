"""Signatures by the Standard Webhooks specification (standardwebhooks.com): symmetric, version v1."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_PREFIX = "whsec_"
# The specification asks for 24 to 64.
_KEY_BYTES = 32


def make_key() -> bytes:
    """A new signing key."""
    return secrets.token_bytes(_KEY_BYTES)


def show(key: bytes) -> str:
    """A key as its receiver is told: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(key).decode()


def sign(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature per key, with spaces between. `timestamp` in Unix seconds."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
