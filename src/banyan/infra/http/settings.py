"""Settings of the HTTP side."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import BaseModel, ConfigDict, Field, field_validator

_BASE_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
# As browsers send it: without a path, also of apps (capacitor://localhost).
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#]+")


class HttpSettings(BaseModel):
    """What the gateway may accept and how it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_url: str | None = Field(None, description="Base URL that people use; default: host and port of `up`.")
    trusted_proxies: list[str] = Field(
        default_factory=list, description="CIDR blocks whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins whose pages may call the API; `*` allows any, without cookies."
    )
    max_head_bytes: int = Field(32 * 1024, ge=8192, description="Request line and headers together.")
    head_timeout_seconds: float = Field(20, gt=0, description="A request's headers must have arrived by then.")
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="A longer body is refused with 413.")
    body_timeout_seconds: float = Field(30, gt=0, description="A request's body must have arrived by then.")
    compress_min_bytes: int = Field(1024, ge=0, description="Shorter answers are sent as they are.")
    max_in_flight: int = Field(1000, ge=1, description="Requests at work at once; more are shed with 503.")
    linger_seconds: float = Field(
        3, ge=0, description="A stopping server answers on for so long, /readyz with 503. `up`: 0."
    )
    drain_seconds: float = Field(20, ge=0, description="A stopping server then waits so long for requests at work.")
    access_log: bool = Field(True, description="A line in the log for each answer.")
    hot_answers: int = Field(10_000, ge=0, description="Anonymous answers kept in memory; 0 keeps none.")
    hot_answer_seconds: float = Field(5, gt=0, description="Anonymous answers are kept for so long at most.")
    idempotency_hours: float = Field(24, gt=0, description="An Idempotency-Key is remembered for so long.")
    metrics_token: str | None = Field(None, description="Lets other than loopback read /metrics.")

    @field_validator("public_url")
    @classmethod
    def _check_base_url(cls, url: str | None) -> str | None:
        if url is not None and not _BASE_URL.fullmatch(url):
            raise ValueError("A URL such as https://neighbours.example.")
        return url

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: list[str]) -> list[str]:
        wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no origin, such as https://app.example, without a path.")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_blocks(cls, blocks: list[str]) -> list[str]:
        for block in blocks:
            ip_network(block)
        return blocks

    @property
    def base_url(self) -> str:
        """`public_url`; of a server that was not told what it is called, the port of `up` on this machine."""
        return self.public_url or "http://localhost:8000"

    def proxy_networks(self) -> list[IPv4Network | IPv6Network]:
        """`trusted_proxies` as networks."""
        return [ip_network(block) for block in self.trusted_proxies]
