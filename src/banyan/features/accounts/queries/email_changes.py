"""Changes of address that wait for the new one to be proven."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from banyan.infra.database.work import Work


class EmailChangeRow(Struct, frozen=True):
    """What a link is for, and the account as it is until then."""

    account_id: UUID
    email: str
    email_key: str
    old_email: str
    language: str
    version: int


async def insert_change(
    work: Work, token_hash: bytes, account_id: UUID, email: str, email_key: str, *, expires_at: datetime, per_day: int
) -> bool:
    """False when there were `per_day` links for this account, or to this address, within a day."""
    row = await work.write_row(
        """
        INSERT INTO accounts_email_changes (token_hash, account_id, email, email_key, expires_at)
        SELECT $1, $2, $3, $4, $5
        WHERE (SELECT count(*) FROM accounts_email_changes
               WHERE account_id = $2 AND created_at > now() - interval '1 day') < $6
            AND (SELECT count(*) FROM accounts_email_changes
                 WHERE email_key = $4 AND created_at > now() - interval '1 day') < $6
        RETURNING 1
        """,
        token_hash,
        account_id,
        email,
        email_key,
        expires_at,
        per_day,
    )
    return row is not None


async def find_change(work: Work, token_hash: bytes) -> EmailChangeRow | None:
    row = await work.row(
        """
        SELECT c.account_id, c.email, c.email_key, a.email, a.language, a.secrets_version
        FROM accounts_email_changes c JOIN accounts_accounts a ON a.id = c.account_id
        WHERE c.token_hash = $1 AND c.expires_at > now()
        """,
        token_hash,
    )
    return EmailChangeRow(*row) if row else None


async def set_email(work: Work, change: EmailChangeRow) -> Literal["done", "taken", "outdated"]:
    """The new address is the account's, and proven; links sent to either are void.

    `outdated`: another change of secrets came first, so a link works once. After `taken` only a rollback is possible.
    """
    try:
        row = await work.write_row(
            """
            UPDATE accounts_accounts SET email = $2, email_key = $3, email_verified_at = now(),
                secrets_version = secrets_version + 1
            WHERE id = $1 AND secrets_version = $4 RETURNING 1
            """,
            change.account_id,
            change.email,
            change.email_key,
            change.version,
        )
    except asyncpg.UniqueViolationError:
        return "taken"
    if row is None:
        return "outdated"
    await work.write(
        """
        WITH changes AS (DELETE FROM accounts_email_changes WHERE account_id = $1),
        resets AS (DELETE FROM accounts_password_resets WHERE account_id = $1)
        DELETE FROM accounts_verifications WHERE account_id = $1
        """,
        change.account_id,
    )
    return "done"
