"""Bytes as text that is safe in addresses: base64url without padding (RFC 4648 section 5, RFC 7515 section 2)."""

import base64


def encode(content: bytes) -> str:
    """Four characters for three bytes."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """What `encode` made `text` of, None for all else: padding and unused bits could be written in other ways too, and
    only what was given out is taken back.
    """
    try:
        content = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return content if encode(content) == text else None
