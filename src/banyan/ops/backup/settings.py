"""What an operator may set about backups that are made by the clock."""

from pydantic import BaseModel, ConfigDict, Field


class BackupSettings(BaseModel):
    """Backups that `banyan up` makes while it serves; without `every_hours` it makes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_hours: float = Field(0, ge=0, le=8_784, description="A backup is made so often; 0: none by itself.")
    keep: int = Field(7, ge=1, le=10_000, description="So many backups stay in their folder; the oldest are removed.")
    to: str | None = Field(
        None, description="The folder that they are put in, best on another disk; `backups` in the data directory."
    )
