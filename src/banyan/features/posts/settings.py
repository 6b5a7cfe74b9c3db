"""What an operator may set about posts."""

from pydantic import BaseModel, ConfigDict, Field


class PostsSettings(BaseModel):
    """Home feeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pulled_above_connections: int = Field(
        10_000,
        ge=0,
        description="Posts of accounts with more connections than this are not written into every home feed, but "
        "read when somebody looks. An account that was above once stays so.",
    )
