"""What an operator may set about mail."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MailSettings(BaseModel):
    """Without `host` no mail leaves: it lands in the dev mailbox, whose page opens with a secret key only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = Field(None, min_length=1, description="SMTP server. Unset: mail stays in the dev mailbox.")
    port: int = Field(587, ge=1, le=65_535, description="Of the SMTP server.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls` (port 587) and `tls` (port 465) both insist on a valid certificate."
    )
    username: str | None = Field(None, description="For the SMTP server, with `password`. Unset: nobody signs in.")
    password: SecretStr | None = Field(None, description="For the SMTP server.")
    from_address: str = Field(
        "banyan@localhost.localdomain",
        pattern=r"^[^@\s]+@[^@\s]+$",
        max_length=254,
        description="The address that mails are from.",
    )
    from_name: str | None = Field(
        None, max_length=100, pattern=r"^[^\r\n]*$", description="Whom mails are from. Unset: the community's name."
    )
    timeout_seconds: float = Field(20, gt=0, le=50, description="For each step of talking to the SMTP server.")
    templates_dir: Path | None = Field(
        None,
        description="Folder with one's own `mail_texts/FEATURE/LANGUAGE.toml` and `mail_layouts/layout.html|txt`. "
        "`banyan up` looks into its data directory.",
    )
    mailbox_key: SecretStr | None = Field(
        None, min_length=16, description="Opens the dev mailbox. Unset: it answers 404. `banyan up` makes one."
    )
    mailbox_messages: int = Field(500, ge=1, le=100_000, description="The dev mailbox keeps so many, the newest.")
