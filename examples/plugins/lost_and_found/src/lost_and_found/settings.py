"""What an operator may set: the section `[plugins.lost_and_found]`."""

from pydantic import BaseModel, ConfigDict, Field


class LostAndFoundSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    close_after_days: int = Field(60, ge=1, le=3650, description="An item that nobody touched for so long is closed.")
    open_per_person: int = Field(20, ge=1, le=1000, description="So many open items a person may have.")
