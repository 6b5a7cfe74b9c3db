"""What signs, verifies and hashes in a process, made from its secrets."""

from dataclasses import dataclass

from pydantic import SecretStr

from banyan.app.settings import Settings
from banyan.infra.auth.errors import BadKeyFile
from banyan.infra.auth.keys import SigningKeys
from banyan.infra.auth.passwords import Passwords
from banyan.infra.auth.tokens import AccessTokens
from banyan.infra.settings import BadSettings


@dataclass(frozen=True, slots=True)
class Auth:
    """What signs, verifies and hashes in this process."""

    keys: SigningKeys
    tokens: AccessTokens
    passwords: Passwords
    secret: str


def read_auth(settings: Settings) -> Auth:
    """Raises BadSettings where a secret is missing, or a key cannot be read."""
    signing_key = _required(settings.auth.signing_key, "auth.signing_key", "BANYAN_AUTH__SIGNING_KEY_FILE")
    secret = _required(settings.auth.secret, "auth.secret", "BANYAN_AUTH__SECRET_FILE")
    try:
        keys = SigningKeys.read(signing_key)
    except BadKeyFile as error:
        raise BadSettings(f"auth.signing_key: {error}") from None
    return Auth(keys, AccessTokens(keys, settings.auth), Passwords(settings.auth), secret)


def _required(value: SecretStr | None, name: str, variable: str) -> str:
    if value is None:
        raise BadSettings(f"{name} is not set: all processes share one; name its file in {variable}.")
    return value.get_secret_value()
