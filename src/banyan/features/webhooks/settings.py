"""What an operator may set about webhooks."""

from pydantic import BaseModel, ConfigDict, Field

from banyan.infra.outgoing.networks import Network
from banyan.infra.outgoing.settings import NetworkTexts, RetrySeconds, read_networks


class WebhooksSettings(BaseModel):
    """Where webhooks may go, and how hard they are tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_http: bool = Field(False, description="Plain http:// too: for tests and receivers on the same machine.")
    allow_networks: NetworkTexts = Field(
        [], description='Networks that are not public but may be asked, such as ["10.20.0.0/16"].'
    )
    max_webhooks: int = Field(100, ge=1, le=10_000, description="So many at most.")
    at_once: int = Field(8, ge=1, le=100, description="Requests to one receiver at the same time.")
    timeout_seconds: float = Field(10, gt=0, le=20, description="Longer a receiver may not take to answer.")
    # Adds up to 2.8 days.
    retry_seconds: RetrySeconds = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 57_600, 86_400]
    off_after_seconds: float = Field(
        5 * 86_400, gt=0, description="A webhook without a success for so long is switched off."
    )
    both_secrets_seconds: float = Field(86_400, ge=0, description="After a rotation both secrets sign for so long.")
    kept_days: int = Field(30, ge=1, le=3650, description="Deliveries stay in the log for so long.")

    def networks(self) -> list[Network]:
        """`allow_networks`, read."""
        return read_networks(self.allow_networks)
