"""SQL of what operators see of accounts and do to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import AccountState, Role
from banyan.infra.database.work import Work

_COLUMNS = "id, email, email_verified_at IS NOT NULL, role, created_at, suspended_at, suspended_reason, deletes_at"
# The states that AccountState names.
_STATE = """CASE WHEN deletes_at IS NOT NULL THEN 'deleting' WHEN suspended_at IS NOT NULL THEN 'suspended'
    ELSE 'active' END"""


class AccountRow(Struct, frozen=True):
    """An account without its person."""

    id: UUID
    email: str
    email_verified: bool
    role: Role
    created_at: datetime
    suspended_at: datetime | None
    suspended_reason: str | None
    deletes_at: datetime | None


class AccountUse(Struct, frozen=True):
    """How an account is used: its language, and its live sessions."""

    email_key: str
    language: str
    live_sessions: int
    last_used_at: datetime | None


class Match(Struct, frozen=True):
    """Accounts that a search is after: those of `ids`, and those with `email_part` in their address."""

    ids: list[UUID]
    email_part: str


async def list_accounts(
    work: Work,
    match: Match | None,
    role: Role | None,
    state: AccountState | None,
    *,
    before: UUID | None,
    from_id: UUID | None,
    limit: int,
) -> list[AccountRow]:
    """Newest first, with ids below `before` and from `from_id` on."""
    rows = await work.rows(
        f"""
        SELECT {_COLUMNS} FROM accounts_accounts
        WHERE ($1::uuid IS NULL OR id < $1) AND ($2::uuid IS NULL OR id >= $2)
            AND ($3::uuid[] IS NULL OR id = ANY ($3) OR strpos(email_key, $4) > 0)
            AND ($5::text IS NULL OR role = $5)
            AND ($6::text IS NULL OR {_STATE} = $6)
        ORDER BY id DESC LIMIT $7
        """,
        before,
        from_id,
        match.ids if match else None,
        match.email_part if match else None,
        role.value if role else None,
        state.value if state else None,
        limit,
    )
    return [_account(row) for row in rows]


async def find_account(work: Work, account_id: UUID) -> AccountRow | None:
    row = await work.row(f"SELECT {_COLUMNS} FROM accounts_accounts WHERE id = $1", account_id)
    return _account(row) if row else None


async def find_id_by_email(work: Work, email_key: str) -> UUID | None:
    found: UUID | None = await work.value("SELECT id FROM accounts_accounts WHERE email_key = $1", email_key)
    return found


async def find_use(work: Work, account_id: UUID) -> AccountUse | None:
    row = await work.row(
        """
        SELECT a.email_key, a.language, count(s.id), max(s.last_used_at)
        FROM accounts_accounts a LEFT JOIN accounts_sessions s
            ON s.account_id = a.id AND s.ended_at IS NULL AND s.expires_at > now()
        WHERE a.id = $1 GROUP BY a.id
        """,
        account_id,
    )
    return AccountUse(*row) if row else None


async def lock_account(work: Work, account_id: UUID) -> AccountRow | None:
    """The account, of which nobody opens a session or changes anything until the transaction ends."""
    row = await work.write_row(f"SELECT {_COLUMNS} FROM accounts_accounts WHERE id = $1 FOR UPDATE", account_id)
    return _account(row) if row else None


async def set_suspension(work: Work, account_id: UUID, reason: str | None) -> None:
    """Suspends with a reason, or lifts the suspension with None; one suspended already keeps its time."""
    await work.write(
        """
        UPDATE accounts_accounts SET suspended_reason = $2,
            suspended_at = CASE WHEN $2::text IS NOT NULL THEN coalesce(suspended_at, now()) END
        WHERE id = $1
        """,
        account_id,
        reason,
    )


async def end_all_sessions(work: Work, account_id: UUID) -> list[UUID]:
    """The ids of those that lived."""
    rows = await work.write(
        """
        UPDATE accounts_sessions SET ended_at = now()
        WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now() RETURNING id
        """,
        account_id,
    )
    return [row["id"] for row in rows]


async def count_accounts(work: Work) -> dict[str, int]:
    """By role, how many are suspended, and live sessions."""
    rows: Sequence[Any] = await work.rows(
        """
        SELECT 'accounts.' || role, count(*) FROM accounts_accounts GROUP BY role
        UNION ALL SELECT 'accounts', count(*) FROM accounts_accounts
        UNION ALL SELECT 'accounts.suspended', count(*) FROM accounts_accounts WHERE suspended_at IS NOT NULL
        UNION ALL SELECT 'accounts.deleting', count(*) FROM accounts_accounts WHERE deletes_at IS NOT NULL
        UNION ALL SELECT 'accounts.unverified', count(*) FROM accounts_accounts WHERE email_verified_at IS NULL
        UNION ALL SELECT 'sessions', count(*) FROM accounts_sessions WHERE ended_at IS NULL AND expires_at > now()
        UNION ALL SELECT 'sign_ups.waiting', count(*) FROM accounts_sign_ups WHERE expires_at > now()
        """
    )
    return {row[0]: row[1] for row in rows}


def _account(row: Any) -> AccountRow:
    return AccountRow(row[0], row[1], row[2], Role(row[3]), row[4], row[5], row[6], row[7])


async def find_suspension_reason(work: Work, account_id: UUID) -> str | None:
    reason: str | None = await work.value("SELECT suspended_reason FROM accounts_accounts WHERE id = $1", account_id)
    return reason
