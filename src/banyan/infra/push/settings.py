"""What an operator may set about push."""

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from banyan.infra.outgoing.networks import Network
from banyan.infra.outgoing.settings import NetworkTexts, RetrySeconds, read_networks
from banyan.infra.push.fcm import ServiceAccount
from banyan.infra.push.keys import read_private_key


class FcmSettings(BaseModel):
    """Firebase Cloud Messaging, for apps on Android and others that use Firebase."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service_account: SecretStr = Field(description="The JSON file of a service account that may send messages.")
    url: str = Field("https://fcm.googleapis.com", pattern="^https?://", description="Where the service is.")

    @field_validator("service_account")
    @classmethod
    def _is_account(cls, value: SecretStr) -> SecretStr:
        try:
            account = msgspec.json.decode(value.get_secret_value(), type=ServiceAccount)
            load_pem_private_key(account.private_key.encode(), password=None)
        except (msgspec.MsgspecError, ValueError, TypeError):
            raise ValueError("the JSON of a service account, with project_id, client_email and private_key") from None
        return value


class ApnsSettings(BaseModel):
    """The Apple Push Notification service, for apps on Apple's devices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr = Field(description="The signing key, as the .p8 file holds it.")
    key_id: str = Field(min_length=1, max_length=32, description="The id of that key.")
    team_id: str = Field(min_length=1, max_length=32, description="The id of the team that the key is of.")
    topic: str = Field(min_length=1, max_length=200, description="The app's bundle id.")
    url: str = Field(
        "https://api.push.apple.com",
        pattern="^https?://",
        description="https://api.sandbox.push.apple.com for apps that are not from the store.",
    )

    @field_validator("key")
    @classmethod
    def _is_key(cls, value: SecretStr) -> SecretStr:
        read_private_key(value.get_secret_value())
        return value


class PushSettings(BaseModel):
    """Push to devices. Web push needs a key, which `banyan up` makes; the others an account each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vapid_key: SecretStr | None = Field(
        None, description="Private key (P-256, PEM) by which browsers' push services know this installation."
    )
    contact: str | None = Field(
        None,
        pattern="^(mailto:|https://)",
        description="Where push services find the operator. Unset: mail's from_address.",
    )
    fcm: FcmSettings | None = None
    apns: ApnsSettings | None = None
    max_devices: int = Field(20, ge=1, le=1000, description="Devices of one person; the longest unseen gives way.")
    kept_seconds: int = Field(
        86_400, ge=0, le=28 * 86_400, description="A service keeps a push for a device that is off for so long."
    )
    at_once: int = Field(100, ge=1, le=1000, description="Requests to a service at the same time.")
    timeout_seconds: float = Field(10, gt=0, le=20, description="Longer a service may not take to answer.")
    # Adds up to 7.7 hours: what is older is no news.
    retry_seconds: RetrySeconds = [10, 30, 120, 600, 1800, 3600, 7200, 14_400]
    allow_http: bool = Field(False, description="Endpoints of browsers with plain http:// too: for tests.")
    allow_networks: NetworkTexts = Field([], description="Networks of endpoints that are not public but may be asked.")

    @field_validator("vapid_key")
    @classmethod
    def _is_vapid_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_private_key(value.get_secret_value())
        return value

    def networks(self) -> list[Network]:
        """`allow_networks`, read."""
        return read_networks(self.allow_networks)
