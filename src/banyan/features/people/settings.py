"""What an operator may set about people."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class PeopleSettings(BaseModel):
    """Handles that are given up, and how often one may do so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    handle_reserved_days: int = Field(
        90,
        ge=0,
        le=3650,
        description="For so long a handle that was given up leads to its owner's new one, and nobody else has it.",
    )
    handle_changes_per_30_days: int = Field(5, ge=1, le=1000, description="So often one may change one's handle.")

    @property
    def handle_reserved(self) -> timedelta:
        return timedelta(days=self.handle_reserved_days)
