"""Saying who pushes: a signed token for each push service (RFC 8292)."""

import time

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from banyan.infra.push.keys import read_private_key
from banyan.kernel import base64url

# RFC 8292 section 2 allows a day.
_VALID_SECONDS = 12 * 3600
_USED_SECONDS = 3600
# People enter the endpoints: a crowd of made-up services must not fill the memory.
_MOST_REMEMBERED = 200


class Vapid:
    """The installation's key. `subject` is where services find the operator: mailto: or https:."""

    def __init__(self, private_key: str, subject: str) -> None:
        key = read_private_key(private_key)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        # What a browser wants as applicationServerKey.
        self.public_key = base64url.encode(point)
        self._key = key
        self._subject = subject
        self._made: dict[str, tuple[float, str]] = {}

    def authorize(self, origin: str) -> str:
        """The header Authorization for a service such as https://push.example.net; the same for an hour."""
        at = time.time()
        made = self._made.get(origin)
        if made is None or made[0] + _USED_SECONDS <= at:
            if len(self._made) >= _MOST_REMEMBERED:
                self._made.clear()
            claims = {"aud": origin, "exp": int(at) + _VALID_SECONDS, "sub": self._subject}
            token = jwt.encode(claims, self._key, algorithm="ES256")
            made = self._made[origin] = (at, f"vapid t={token}, k={self.public_key}")
        return made[1]
