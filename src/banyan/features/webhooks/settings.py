"""What an operator may set about webhooks."""

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, field_validator

from banyan.infra.outgoing.networks import Network


class WebhooksSettings(BaseModel):
    """Where webhooks may go, and how hard they are tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_http: bool = Field(False, description="Plain http:// too: for tests and receivers on the same machine.")
    allow_networks: list[str] = Field(
        [], description='Networks that are not public but may be asked, such as ["10.20.0.0/16"].'
    )
    max_webhooks: int = Field(100, ge=1, le=10_000, description="So many at most.")
    at_once: int = Field(8, ge=1, le=100, description="Requests to one receiver at the same time.")
    timeout_seconds: float = Field(10, gt=0, le=20, description="Longer a receiver may not take to answer.")
    retry_seconds: list[float] = Field(
        # Adds up to 2.8 days.
        [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 57_600, 86_400],
        min_length=1,
        max_length=50,
        description="Pauses between one try and the next, each shortened or stretched by up to a fifth by chance.",
    )
    off_after_seconds: float = Field(
        5 * 86_400, gt=0, description="A webhook without a success for so long is switched off."
    )
    both_secrets_seconds: float = Field(86_400, ge=0, description="After a rotation both secrets sign for so long.")
    kept_days: int = Field(30, ge=1, le=3650, description="Deliveries stay in the log for so long.")

    @field_validator("allow_networks")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for text in value:
            ipaddress.ip_network(text)
        return value

    @field_validator("retry_seconds")
    @classmethod
    def _are_pauses(cls, value: list[float]) -> list[float]:
        if any(seconds <= 0 for seconds in value):
            raise ValueError("each pause is longer than 0 seconds")
        return value

    def networks(self) -> list[Network]:
        """`allow_networks`, read."""
        return [ipaddress.ip_network(text) for text in self.allow_networks]
