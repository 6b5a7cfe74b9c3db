"""Passwords: proving the old one, setting a new one, links that reset it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work


class OwnLogin(Struct, frozen=True):
    """An account as it is proven by its own password; `version` counts changes of its secrets."""

    id: UUID
    email: str
    email_key: str
    language: str
    password_hash: str | None
    version: int


async def find_own_login(work: Work, account_id: UUID) -> OwnLogin | None:
    row = await work.row(
        """
        SELECT id, email, email_key, language, password_hash, secrets_version FROM accounts_accounts WHERE id = $1
        """,
        account_id,
    )
    return OwnLogin(*row) if row else None


async def find_login_of(work: Work, email_key: str) -> OwnLogin | None:
    """Whose address it is."""
    row = await work.row(
        """
        SELECT id, email, email_key, language, password_hash, secrets_version
        FROM accounts_accounts WHERE email_key = $1
        """,
        email_key,
    )
    return OwnLogin(*row) if row else None


async def find_reset(work: Work, token_hash: bytes) -> OwnLogin | None:
    """Whose password a link resets."""
    row = await work.row(
        """
        SELECT a.id, a.email, a.email_key, a.language, a.password_hash, a.secrets_version
        FROM accounts_password_resets r JOIN accounts_accounts a ON a.id = r.account_id
        WHERE r.token_hash = $1 AND r.expires_at > now()
        """,
        token_hash,
    )
    return OwnLogin(*row) if row else None


async def insert_reset(work: Work, token_hash: bytes, account_id: UUID, expires_at: datetime, per_day: int) -> bool:
    """False when `per_day` links have been made for this account within a day."""
    row = await work.write_row(
        """
        INSERT INTO accounts_password_resets (token_hash, account_id, expires_at)
        SELECT $1, $2, $3
        WHERE (SELECT count(*) FROM accounts_password_resets
               WHERE account_id = $2 AND created_at > now() - interval '1 day') < $4
        RETURNING 1
        """,
        token_hash,
        account_id,
        expires_at,
        per_day,
    )
    return row is not None


async def set_password(work: Work, account_id: UUID, password_hash: str, version: int, *, proven: bool) -> bool:
    """False when another change of secrets came first: so a link works once. `proven`: by a link to the address.

    All links that were sent are void, those to an address that somebody else may have wanted among them.
    """
    row = await work.write_row(
        """
        UPDATE accounts_accounts SET password_hash = $2, secrets_version = secrets_version + 1,
            email_verified_at = CASE WHEN $4 THEN coalesce(email_verified_at, now()) ELSE email_verified_at END
        WHERE id = $1 AND secrets_version = $3 RETURNING 1
        """,
        account_id,
        password_hash,
        version,
        proven,
    )
    if row is None:
        return False
    await work.write(
        """
        WITH resets AS (DELETE FROM accounts_password_resets WHERE account_id = $1)
        DELETE FROM accounts_email_changes WHERE account_id = $1
        """,
        account_id,
    )
    return True
