"""What an operator may set about background jobs."""

from pydantic import BaseModel, ConfigDict, Field


class JobsSettings(BaseModel):
    """One worker's share of the queue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(
        5, ge=1, le=1000, description="Jobs that one worker runs at once; below database.pool_size beside an API."
    )
    outgoing_concurrency: int = Field(
        32, ge=1, le=1000, description="Jobs at once that only wait for servers of others, such as webhooks."
    )
    batch: int = Field(200, ge=1, le=5000, description="Jobs claimed by one statement at most.")
    lease_seconds: float = Field(30, gt=0, description="A crashed worker's jobs are taken over after this time.")
    poll_seconds: float = Field(1, gt=0, description="How often to look for jobs that nobody announced.")
    backoff_base_seconds: float = Field(1, gt=0, description="The first retry comes within this time.")
    backoff_cap_seconds: float = Field(3600, gt=0, description="No retry waits longer.")
    stop_grace_seconds: float = Field(10, ge=0, description="Running jobs may end by themselves for so long.")
