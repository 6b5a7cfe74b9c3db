"""Who is calling."""

from uuid import UUID

from msgspec import Struct


class Principal(Struct, frozen=True):
    """The account and session behind a verified access token; `expires_at` in Unix seconds."""

    account_id: UUID
    session_id: UUID
    role: str
    expires_at: float
