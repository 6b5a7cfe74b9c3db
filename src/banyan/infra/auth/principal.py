"""Who is calling."""

from uuid import UUID

from msgspec import Struct


class Principal(Struct, frozen=True):
    """The account behind a verified access token or API key; `expires_at` in Unix seconds.

    One of `session_id` and `api_key_id` is set. `scopes` is None for a session, which may do all that its account may.
    """

    account_id: UUID
    session_id: UUID | None
    role: str
    expires_at: float
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None
