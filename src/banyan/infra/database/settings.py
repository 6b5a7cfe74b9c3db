"""What an operator may set about the database."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class DatabaseSettings(BaseModel):
    """One process' use of one database. The URL holds a password: every dump of the settings masks it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    pool_size: int = Field(default=8, ge=1, le=200, description="Connections of this process at most.")
    acquire_timeout_seconds: float = Field(default=5, gt=0, description="A request waits so long for a connection.")
    statement_timeout_seconds: float = Field(default=15, gt=0, description="The server cancels a longer statement.")
    connect_timeout_seconds: float = Field(default=5, gt=0, description="Opening a connection may take so long.")
    max_waiting: int = Field(default=500, ge=0, description="Requests that may queue for a connection; more get 503.")
    prepared_statements: bool = Field(
        default=True, description="Off behind PgBouncer in transaction mode; time limits then hold on our side only."
    )
    application_name: str = Field(
        default="banyan", max_length=63, description="What the server calls these connections, in pg_stat_activity."
    )
