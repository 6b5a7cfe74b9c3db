"""Signing keys: read, replaced, published."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from banyan.infra.auth.digests import KeyedDigest, hash_token, make_secret
from banyan.infra.auth.errors import BadKeyFile
from banyan.infra.auth.keys import SigningKeys, key_id, make_signing_key


def public_pem(private_pem: str) -> str:
    key = load_pem_private_key(private_pem.encode(), None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_new_key_signs_and_is_published() -> None:
    keys = SigningKeys.read(make_signing_key())
    (jwk,) = keys.jwks().keys
    assert (jwk.kty, jwk.crv, jwk.alg, jwk.use, jwk.kid) == ("OKP", "Ed25519", "EdDSA", "sig", keys.signer_id)
    published = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk.x + "="))
    published.verify(keys.signer.sign(b"text"), b"text")


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    # The example of RFC 8037 appendix A.3.
    raw = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert key_id(Ed25519PublicKey.from_public_bytes(raw)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_last_private_key_signs_and_all_are_accepted() -> None:
    old, new, other = make_signing_key(), make_signing_key(), make_signing_key()
    keys = SigningKeys.read(old + "\n# since May\n" + new + public_pem(other))
    assert keys.signer_id == SigningKeys.read(new).signer_id
    assert set(keys.accepted) == {SigningKeys.read(pem).signer_id for pem in (old, new, other)}
    assert len(keys.jwks().keys) == 3


def test_line_ends_of_an_environment_variable() -> None:
    pem = make_signing_key()
    assert SigningKeys.read(pem.strip().replace("\n", "\\n")).signer_id == SigningKeys.read(pem).signer_id


def encrypted_pem() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()


def elliptic_pem() -> str:
    return generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ).decode()  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret text",
        public_pem(make_signing_key()),
        elliptic_pem(),
        encrypted_pem(),
        make_signing_key().replace("MC4CAQ", "MC4CAR"),
        "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----",
    ],
    ids=["empty", "rubbish", "public only", "another algorithm", "passphrase", "damaged", "no base64"],
)
def test_an_unusable_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadKeyFile) as refusal:
        SigningKeys.read(text)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_digests_differ_by_purpose_secret_and_parts() -> None:
    one = KeyedDigest("a" * 32, "one")
    assert one.of("ab", "c") == one.of("ab", b"c")
    others = [
        one.of("a", "bc"),
        one.of("abc"),
        KeyedDigest("a" * 32, "two").of("ab", "c"),
        KeyedDigest("b" * 32, "one").of("ab", "c"),
    ]
    assert len({one.of("ab", "c"), *others}) == 5
    assert len(one.key) == len(one.of("x")) == 32


def test_secrets_are_long_and_new() -> None:
    assert make_secret() != make_secret()
    assert len(make_secret()) == 43
    assert len(hash_token("x")) == 32
