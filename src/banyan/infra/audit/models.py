"""Who acts as an operator, and what is kept of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Raw, Struct

Via = Literal["session", "api_key", "shell"]


class Actor(Struct, frozen=True, kw_only=True):
    """Who acts, and by what: a session or an API key of an account, or a user of the server's shell.

    `via_id` is the id of the session or key, or the user's name. Made by `request.actor`, or by the command line.
    """

    via: Via
    via_id: str
    account_id: UUID | None = None
    ip: str | None = None
    request_id: str | None = None


class Subject(Struct, frozen=True):
    """What was acted upon, such as `person` and an id."""

    kind: str
    id: str


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One action. `account_id` is who acted, null from the shell; `hash` (hex) covers this entry and the one before."""

    seq: int
    at: datetime
    via: Via
    account_id: UUID | None
    via_id: str
    ip: str | None
    request_id: str | None
    action: str
    subject: Subject | None
    details: Raw
    hash: str


class Filter(Struct, frozen=True, kw_only=True):
    """Which entries a list holds; None does not filter. `action` ending in a dot takes all that begin so."""

    action: str | None = None
    account_id: UUID | None = None
    via: Via | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class ChainState(Struct, frozen=True):
    """What a check of the whole log found. `broken_at` is the first entry that does not follow from the one before
    it; `newest_hash` is what one may keep elsewhere, to show later that nothing before it was taken off the end.
    """

    entries: int
    newest_seq: int
    newest_hash: str
    broken_at: int | None
