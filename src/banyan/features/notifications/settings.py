"""What an operator may set about notifications."""

from pydantic import BaseModel, ConfigDict, Field


class NotificationsSettings(BaseModel):
    """How long notifications are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kept_days: int = Field(90, ge=1, le=3650, description="Notifications are kept for so long.")
