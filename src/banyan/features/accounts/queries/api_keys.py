"""API keys."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.infra.auth.api_keys import KeyRecord
from banyan.infra.database.work import Work

_COLUMNS = "id, name, starts_with, scopes, created_at, expires_at, last_used_at"


class ApiKeyRow(Struct, frozen=True):
    """A key as its owner sees it."""

    id: UUID
    name: str
    starts_with: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


async def find_key(work: Work, digest: bytes) -> KeyRecord | None:
    """The key while it holds; none of an account does that is suspended or being deleted."""
    row = await work.row(
        """
        SELECT k.id, k.account_id, a.role, k.scopes, k.expires_at
        FROM accounts_api_keys k JOIN accounts_accounts a ON a.id = k.account_id
        WHERE k.digest = $1 AND (k.expires_at IS NULL OR k.expires_at > now())
            AND a.suspended_at IS NULL AND a.deletes_at IS NULL
        """,
        digest,
    )
    return KeyRecord(*row) if row else None


async def insert_key(work: Work, account_id: UUID, digest: bytes, row: ApiKeyRow, limit: int) -> bool:
    """False when the account has `limit` keys. Two at once count one after the other."""
    await work.write("SELECT FROM accounts_accounts WHERE id = $1 FOR NO KEY UPDATE", account_id)
    made = await work.write_row(
        """
        INSERT INTO accounts_api_keys (id, account_id, digest, starts_with, name, scopes, created_at, expires_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
        WHERE (SELECT count(*) FROM accounts_api_keys WHERE account_id = $2) < $9
        RETURNING 1
        """,
        row.id,
        account_id,
        digest,
        row.starts_with,
        row.name,
        row.scopes,
        row.created_at,
        row.expires_at,
        limit,
    )
    return made is not None


async def replace_digest(
    work: Work, account_id: UUID, key_id: UUID, digest: bytes, starts_with: str
) -> ApiKeyRow | None:
    """The key, under another secret from now on; None when it has ended."""
    row = await work.write_row(
        f"""
        UPDATE accounts_api_keys SET digest = $3, starts_with = $4
        WHERE account_id = $1 AND id = $2 RETURNING {_COLUMNS}
        """,
        account_id,
        key_id,
        digest,
        starts_with,
    )
    return ApiKeyRow(*row) if row else None


async def list_keys(work: Work, account_id: UUID, after: UUID | None, limit: int) -> list[ApiKeyRow]:
    """Newest first, those that have expired too."""
    rows = await work.rows(
        f"""
        SELECT {_COLUMNS} FROM accounts_api_keys
        WHERE account_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        account_id,
        after,
        limit,
    )
    return [ApiKeyRow(*row) for row in rows]


async def delete_key(work: Work, account_id: UUID, key_id: UUID) -> bool:
    """False when the account has no such key."""
    row = await work.write_row(
        "DELETE FROM accounts_api_keys WHERE account_id = $1 AND id = $2 RETURNING 1", account_id, key_id
    )
    return row is not None


async def write_uses(work: Work, uses: Mapping[UUID, datetime], apart_seconds: int) -> None:
    """Writes when keys were last used, each at most once in `apart_seconds`. What another process writes just now is
    left to it.
    """
    await work.write(
        """
        WITH used (id, at) AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[])),
        due AS (
            SELECT k.id, used.at FROM accounts_api_keys k JOIN used ON used.id = k.id
            WHERE k.last_used_at IS NULL OR k.last_used_at <= used.at - $3 * interval '1 second'
            FOR NO KEY UPDATE OF k SKIP LOCKED
        )
        UPDATE accounts_api_keys k SET last_used_at = due.at FROM due WHERE k.id = due.id
        """,
        list(uses),
        list(uses.values()),
        apart_seconds,
    )
