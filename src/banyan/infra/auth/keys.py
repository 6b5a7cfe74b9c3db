"""Signing keys: Ed25519, several at a time so that they can be replaced, published as a JWK set (RFC 7517, 8037)."""

import hashlib
import re
from typing import Self

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

from banyan.infra.auth.errors import BadKeyFile
from banyan.kernel import base64url

_PEM = re.compile(r"-----BEGIN (PRIVATE|PUBLIC) KEY-----.+?-----END \1 KEY-----", re.DOTALL)


class Jwk(Struct, frozen=True):
    """One public key; `x` is its 32 bytes in base64url."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class JwkSet(Struct, frozen=True):
    """All keys whose tokens are accepted."""

    keys: list[Jwk]


class SigningKeys:
    """`signer` signs new tokens under the id `signer_id`; tokens of every key in `accepted` are good."""

    def __init__(self, signer: Ed25519PrivateKey, accepted: list[Ed25519PublicKey]) -> None:
        self.signer = signer
        self.signer_id = key_id(signer.public_key())
        self.accepted = {key_id(key): key for key in accepted}

    @classmethod
    def read(cls, text: str) -> Self:
        """Keys from PEM blocks. The last private key signs; public blocks are only accepted.

        Raises BadKeyFile, which never quotes the text.
        """
        signer: Ed25519PrivateKey | None = None
        accepted: list[Ed25519PublicKey] = []
        # In an environment variable line ends are often written as \n.
        for block in _PEM.finditer(text.replace("\\n", "\n")):
            key = _load(block.group(0).encode(), private=block.group(1) == "PRIVATE")
            if isinstance(key, Ed25519PrivateKey):
                signer = key
                accepted.append(key.public_key())
            else:
                accepted.append(key)
        if signer is None:
            raise BadKeyFile("no private key found: give PEM blocks that begin with -----BEGIN PRIVATE KEY-----")
        return cls(signer, accepted)

    def jwks(self) -> JwkSet:
        """What others need to check our tokens."""
        return JwkSet([Jwk(kid, base64url.encode(_raw(key))) for kid, key in self.accepted.items()])


def make_signing_key() -> str:
    """A new private key as a PEM block."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """The key's RFC 7638 thumbprint: the same in every process without anybody agreeing on it."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": base64url.encode(_raw(key))}
    return base64url.encode(hashlib.sha256(msgspec.json.encode(members)).digest())


def _load(pem: bytes, *, private: bool) -> Ed25519PrivateKey | Ed25519PublicKey:
    try:
        key = load_pem_private_key(pem, password=None) if private else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyFile("a PEM block cannot be read: is it whole and without a passphrase?") from None
    if not isinstance(key, (Ed25519PrivateKey, Ed25519PublicKey)):
        raise BadKeyFile("only Ed25519 keys are used: make one with `openssl genpkey -algorithm ed25519`")
    return key


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
