"""API keys: found in the database once, then known by heart until they end."""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from prometheus_client import Counter

from banyan.infra.auth.digests import hash_token, make_secret
from banyan.infra.auth.errors import InvalidToken
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.scopes import ADMIN_SCOPE
from banyan.infra.auth.settings import AuthSettings
from banyan.infra.database.work import Work

# Announced with ids of accounts one of whose keys has ended, or whose role is another one now.
API_KEYS_TOPIC = "auth.api_keys"
KEY_PREFIX = "byn_"

_KEY = re.compile(r"byn_[A-Za-z0-9_-]{43}")
_SHOWN_CHARS = 8

_LOOKED_UP = Counter("banyan_api_keys_total", "API keys that had to be looked up.", ["outcome"])


class KeyRecord(Struct, frozen=True):
    """A key that holds, with the present role of its account."""

    id: UUID
    account_id: UUID
    role: str
    scopes: list[str]
    expires_at: datetime | None


# (work, digest of a key) -> the key while it holds.
FindKey = Callable[[Work, bytes], Awaitable[KeyRecord | None]]


class NewKey(Struct, frozen=True):
    """A key that was just made: only `digest` and `starts_with` are ever stored."""

    key: str
    digest: bytes
    starts_with: str


def make_key() -> NewKey:
    """256 random bits behind a prefix that scanners for leaked secrets can look for."""
    key = f"{KEY_PREFIX}{make_secret()}"
    return NewKey(key, hash_token(key), key[:_SHOWN_CHARS])


class KeyVerifier:
    """Says who a key stands for. `note_use` hears of each use of a key, by its id."""

    def __init__(self, settings: AuthSettings, find_key: FindKey, note_use: Callable[[UUID], None]) -> None:
        self._limit = settings.remembered_tokens
        self._find_key = find_key
        self._note_use = note_use
        self._known: dict[str, Principal] = {}
        self._keys_by_account: dict[UUID, set[str]] = {}
        self._drops = 0

    def find(self, key: str) -> Principal | None:
        """Whose key it is if this process knows it already."""
        principal = self._known.get(key)
        if principal is None or principal.expires_at <= time.time():
            return None
        if principal.api_key_id is not None:
            self._note_use(principal.api_key_id)
        return principal

    async def verify(self, work: Work, key: str) -> Principal:
        """Whose key it is. Raises InvalidToken."""
        known = self.find(key)
        if known is not None:
            return known
        drops = self._drops
        record = await self._find_key(work, hash_token(key)) if _KEY.fullmatch(key) else None
        if record is None:
            _LOOKED_UP.labels("invalid").inc()
            raise InvalidToken("This API key does not exist, has ended or has expired.")
        _LOOKED_UP.labels("ok").inc()
        self._note_use(record.id)
        principal = _principal(record)
        # A key that ended since the query began may be this one: then it must not be remembered.
        if drops == self._drops and self._limit:
            self._remember(key, principal)
        return principal

    def drop_accounts(self, account_ids: tuple[str, ...]) -> None:
        """Forgets the keys of these accounts: subscribe it to `API_KEYS_TOPIC`."""
        self._drops += 1
        for account_id in account_ids:
            for key in self._keys_by_account.pop(UUID(account_id), ()):
                self._known.pop(key, None)

    def clear(self) -> None:
        """Forgets all keys: after a time in which announcements may have been missed."""
        self._drops += 1
        self._known.clear()
        self._keys_by_account.clear()

    def _remember(self, key: str, principal: Principal) -> None:
        if key not in self._known and len(self._known) >= self._limit:
            self._forget(next(iter(self._known)))
        self._known[key] = principal
        self._keys_by_account.setdefault(principal.account_id, set()).add(key)

    def _forget(self, key: str) -> None:
        account_id = self._known.pop(key).account_id
        keys = self._keys_by_account[account_id]
        keys.discard(key)
        if not keys:
            del self._keys_by_account[account_id]


def _principal(record: KeyRecord) -> Principal:
    scopes = frozenset(record.scopes)
    # Without the scope an admin's key is as good as a member's, also where a rule looks at the role by itself.
    role = "member" if record.role == "admin" and ADMIN_SCOPE not in scopes else record.role
    expires_at = record.expires_at.timestamp() if record.expires_at else float("inf")
    return Principal(record.account_id, None, role, expires_at, record.id, scopes)
