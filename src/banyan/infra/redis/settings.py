"""Settings of Redis."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class RedisSettings(BaseModel):
    """A server, or any member of a cluster: which it is is found out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(
        None,
        description="redis://host:6379/0, rediss:// for TLS; without it everything goes over PostgreSQL.",
    )
    timeout_seconds: float = Field(2.0, gt=0, description="A server that is silent for so long counts as gone.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("start with redis://, rediss:// or unix://")
        return url
