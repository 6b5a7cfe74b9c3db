"""Accounts that are being deleted."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import OwnAccount, Role
from banyan.infra.database.work import Work


class LeavingAccount(Struct, frozen=True):
    """Whom to write to, and what else is kept under the address."""

    email: str
    email_key: str
    language: str


async def begin_deletion(work: Work, account_id: UUID, deletes_at: datetime) -> tuple[datetime, bool] | None:
    """When the account will be erased, and whether that is new: the earlier moment stays when it is being deleted
    already; None without such an account. A session that is being opened ends before, or waits and is refused.
    """
    row = await work.write_row(
        """
        WITH present AS (SELECT id, deletes_at FROM accounts_accounts WHERE id = $1 FOR UPDATE)
        UPDATE accounts_accounts a SET deletes_at = coalesce(present.deletes_at, $2),
            secrets_version = a.secrets_version + 1
        FROM present WHERE a.id = present.id RETURNING a.deletes_at, present.deletes_at IS NULL
        """,
        account_id,
        deletes_at,
    )
    return (row[0], row[1]) if row else None


async def end_deletion(work: Work, account_id: UUID) -> bool:
    """False when there is nothing to take back, or it is too late."""
    row = await work.write_row(
        """
        UPDATE accounts_accounts SET deletes_at = NULL
        WHERE id = $1 AND deletes_at IS NOT NULL AND erasing_at IS NULL RETURNING 1
        """,
        account_id,
    )
    return row is not None


async def find_deletion(work: Work, account_id: UUID) -> datetime | None:
    """When the account will be erased."""
    at: datetime | None = await work.value("SELECT deletes_at FROM accounts_accounts WHERE id = $1", account_id)
    return at


async def begin_erasing(work: Work, limit: int) -> list[UUID]:
    """Accounts whose time has come: from now on their deletion cannot be taken back."""
    rows = await work.write(
        """
        UPDATE accounts_accounts SET erasing_at = now() WHERE id IN (
            SELECT id FROM accounts_accounts WHERE deletes_at <= now() AND erasing_at IS NULL
            ORDER BY deletes_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        limit,
    )
    return [row[0] for row in rows]


async def find_leaving(work: Work, account_id: UUID) -> LeavingAccount | None:
    row = await work.row("SELECT email, email_key, language FROM accounts_accounts WHERE id = $1", account_id)
    return LeavingAccount(*row) if row else None


async def delete_account(work: Work, account_id: UUID, email_key: str) -> None:
    """With its sessions, links, invites and exports, and sign-ups that wait for its address."""
    await work.write("DELETE FROM accounts_sign_ups WHERE email_key = $1", email_key)
    await work.write("DELETE FROM accounts_accounts WHERE id = $1", account_id)


async def find_own_account(work: Work, account_id: UUID) -> OwnAccount | None:
    """The account as its owner's export has it."""
    row = await work.row(
        """
        SELECT id, email, email_verified_at, role, language, created_at, password_hash IS NOT NULL
        FROM accounts_accounts WHERE id = $1
        """,
        account_id,
    )
    return OwnAccount(row[0], row[1], row[2], Role(row[3]), row[4], row[5], row[6]) if row else None
