"""A browser's side of web push: it subscribes with keys of its own, checks who pushes, and decrypts what comes.

Written after RFC 8188, 8291 and 8292 and not after the code that it tests.
"""

import base64
import hashlib
import hmac
import os
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.features.webhooks.receiver import Heard, Receiver


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """One subscription at the push service `receiver`, under a path of its own."""

    def __init__(self, receiver: Receiver, name: str = "browser") -> None:
        self.path = f"/push/{name}"
        self.receiver = receiver
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    @property
    def origin(self) -> str:
        return self.receiver.url.partition("/hook")[0]

    @property
    def endpoint(self) -> str:
        return self.origin + self.path

    @property
    def point(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def auth(self) -> bytes:
        return self._auth

    def subscription(self) -> dict[str, Any]:
        """As `PushSubscription.toJSON()` gives it."""
        keys = {"p256dh": encoded(self.point), "auth": encoded(self._auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    @property
    def heard(self) -> list[Heard]:
        """What has come in for this browser."""
        return [one for one in self.receiver.heard if one.path == self.path]

    def messages(self, public_key: str) -> list[dict[str, Any]]:
        """All that has come in, once its sender is proven to have `public_key`."""
        for one in self.heard:
            self.check_sender(one, public_key)
        return [self.decrypt(one) for one in self.heard]

    def check_sender(self, heard: Heard, public_key: str) -> dict[str, Any]:
        """What the sender claims, signed by the key that the browser has subscribed with (RFC 8292)."""
        scheme, _, parameters = heard.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        values = dict(part.strip().split("=", 1) for part in parameters.split(","))
        assert values["k"] == public_key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(public_key))
        claims: dict[str, Any] = jwt.decode(values["t"], key, algorithms=["ES256"], audience=self.origin)
        return claims

    def decrypt(self, heard: Heard) -> dict[str, Any]:
        assert heard.headers["content-encoding"] == "aes128gcm"
        body = heard.body
        assert len(body) <= 4096
        salt, record_size, key_length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender, text = body[21 : 21 + key_length], body[21 + key_length :]
        assert len(text) <= record_size
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._key.exchange(ec.ECDH(), key)
        secret = _derive(self._auth, shared, b"WebPush: info\0" + self.point + sender, 32)
        cipher = AESGCM(_derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16))
        padded = cipher.decrypt(_derive(salt, secret, b"Content-Encoding: nonce\0", 12), text, None)
        plain = padded.rstrip(b"\0")
        # The mark of the last record.
        assert plain.endswith(b"\x02")
        message: dict[str, Any] = msgspec.json.decode(plain[:-1])
        return message


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869), for up to 32 bytes."""
    return hmac.digest(hmac.digest(salt, secret, hashlib.sha256), info + b"\x01", hashlib.sha256)[:length]
