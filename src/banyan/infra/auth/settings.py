"""What an operator may set about passwords and tokens."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AuthSettings(BaseModel):
    """The two secrets are shared by all processes of an installation; `banyan up` makes them in its directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signing_key: SecretStr | None = Field(
        None,
        description="Ed25519 keys as PEM blocks, one after the other. The last private key signs; tokens of all "
        "others are still accepted, so a key is replaced by appending a new one.",
    )
    secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Keys the digests of refresh tokens, recovery codes, idempotency keys and locked-out addresses, "
        "and encrypts the secrets of second factors. "
        "Changing it signs everybody out and voids second factors, which an operator then has to turn off.",
    )
    issuer: str = Field("banyan", min_length=1, max_length=200, description="`iss` of access tokens.")
    audience: str = Field("banyan", min_length=1, max_length=200, description="`aud` of access tokens.")
    access_token_seconds: int = Field(900, ge=30, le=86_400, description="How long an access token holds.")
    remembered_tokens: int = Field(
        10_000, ge=0, description="Verified access tokens kept in memory, about 1 KB each; verifying costs 0.2 ms."
    )
    hashes_at_once: int | None = Field(
        None, ge=1, le=256, description="Passwords hashed at the same time, 19 MiB each. Unset: one per core."
    )
    hashes_waiting: int = Field(64, ge=0, description="Passwords that may wait for their turn; more get 503.")
    # OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane.
    hash_memory_kib: int = Field(19_456, ge=8_192, le=1_048_576, description="argon2id: memory of one hash.")
    hash_passes: int = Field(2, ge=1, le=20, description="argon2id: passes over it.")
    hash_lanes: int = Field(1, ge=1, le=16, description="argon2id: lanes.")
