"""Personal API keys: made by an account for its programs, each with no more scopes than it was given."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from banyan.features.accounts.errors import ApiKeyLimit, ApiKeyNotFound
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import API_KEY_NAME_MAX_CHARS, ApiKey, ApiKeyMade, NewApiKey, Role
from banyan.features.accounts.queries import api_keys as queries
from banyan.features.accounts.queries import passwords as login_queries
from banyan.features.accounts.queries.api_keys import ApiKeyRow
from banyan.infra.auth.api_keys import API_KEYS_TOPIC, KeyRecord, make_key
from banyan.infra.auth.scopes import ADMIN_SCOPE, offered_scopes
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import check_instant, now
from banyan.kernel.errors import Forbidden, Invalid
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line

_MOST_KEYS = 100
_USES_APART_SECONDS = 60


class ApiKeys:
    """`offer` says which features take keys, once all routes are known."""

    def __init__(self, mailer: Mailer, mails: AccountMails) -> None:
        self._mailer = mailer
        self._mails = mails
        self._offered: tuple[str, ...] = ()

    def offer(self, features: Iterable[str]) -> None:
        """Keys may have scopes of these features."""
        self._offered = offered_scopes(features)

    async def create(self, work: Work, account_id: UUID, role: str, wanted: NewApiKey) -> ApiKeyMade:
        """A new key, shown this once; its owner is told by mail. Raises Invalid, Forbidden, ApiKeyLimit."""
        name = check_line(wanted.name, "name", max_chars=API_KEY_NAME_MAX_CHARS)
        scopes = self._check_scopes(wanted.scopes, role)
        moment = now()
        expires_at = None if wanted.expires_at is None else check_instant(wanted.expires_at, "expires_at")
        if expires_at is not None and expires_at <= moment:
            raise Invalid.field("expires_at", "out_of_range", "A moment in the future.")
        made = make_key()
        row = ApiKeyRow(new_id(), name, made.starts_with, scopes, moment, expires_at, None)
        if not await queries.insert_key(work, account_id, made.digest, row, _MOST_KEYS):
            raise ApiKeyLimit(f"At most {_MOST_KEYS}: end one that is not used any more.")
        login = await login_queries.find_own_login(work, account_id)
        if login is not None:
            self._mailer.send(work, self._mails.api_key_made(login.email, login.language))
        return _made(row, made.key)

    async def create_again(self, work: Work, account_id: UUID, key_id: UUID) -> ApiKeyMade:
        """For a retry whose first answer was lost: the same key under another secret. Raises ApiKeyNotFound."""
        made = make_key()
        row = await queries.replace_digest(work, account_id, key_id, made.digest, made.starts_with)
        if row is None:
            raise ApiKeyNotFound
        self._drop(work, account_id)
        return _made(row, made.key)

    async def list_keys(self, work: Work, account_id: UUID, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Newest first."""
        rows = await queries.list_keys(work, account_id, decode_cursor(cursor), limit + 1)
        return cut_page([_shown(row) for row in rows], limit, lambda key: key.id)

    async def end(self, work: Work, account_id: UUID, key_id: UUID) -> None:
        """It holds no more, here at once and in other processes within a second. Raises ApiKeyNotFound."""
        if not await queries.delete_key(work, account_id, key_id):
            raise ApiKeyNotFound
        self._drop(work, account_id)

    async def find_key(self, work: Work, digest: bytes) -> KeyRecord | None:
        """What a verifier asks for."""
        return await queries.find_key(work, digest)

    async def write_uses(self, work: Work, uses: Mapping[UUID, datetime]) -> None:
        """When keys were last used, by id; each is written at most once a minute."""
        await queries.write_uses(work, uses, _USES_APART_SECONDS)

    def _check_scopes(self, wanted: list[str], role: str) -> list[str]:
        for scope in wanted:
            if scope not in self._offered:
                raise Invalid.field("scopes", "unknown_scope", f"Choose from {', '.join(self._offered)}.")
        if ADMIN_SCOPE in wanted and role != Role.ADMIN:
            raise Forbidden("Only an admin's key can have the scope `admin`.")
        return sorted(set(wanted))

    def _drop(self, work: Work, account_id: UUID) -> None:
        work.announce(API_KEYS_TOPIC, str(account_id))


def _shown(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        starts_with=row.starts_with,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _made(row: ApiKeyRow, key: str) -> ApiKeyMade:
    return ApiKeyMade(
        id=row.id,
        name=row.name,
        starts_with=row.starts_with,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        key=key,
    )
