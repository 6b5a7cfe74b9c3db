"""Invites: made by members, used by sign-ups."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work


class InviteRow(Struct, frozen=True):
    """An invite as its maker sees it."""

    id: UUID
    code: str
    note: str
    email: str | None
    max_uses: int
    used_count: int
    created_at: datetime
    expires_at: datetime


async def lock_invites_of(work: Work, account_id: UUID) -> int:
    """The uses of all invites that an account has made within 30 days; until the transaction ends nobody else
    makes one for it.
    """
    await work.write("SELECT FROM accounts_accounts WHERE id = $1 FOR NO KEY UPDATE", account_id)
    given: int = await work.write_value(
        """
        SELECT coalesce(sum(max_uses), 0)::integer FROM accounts_invites
        WHERE account_id = $1 AND created_at > now() - interval '30 days'
        """,
        account_id,
    )
    return given


async def insert_invite(work: Work, account_id: UUID, invite: InviteRow, email_key: str | None) -> None:
    await work.write(
        """
        INSERT INTO accounts_invites (id, account_id, code, note, email, email_key, max_uses, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        invite.id,
        account_id,
        invite.code,
        invite.note,
        invite.email,
        email_key,
        invite.max_uses,
        invite.created_at,
        invite.expires_at,
    )


async def list_invites(work: Work, account_id: UUID, after: UUID | None, limit: int) -> list[InviteRow]:
    """Those not revoked, newest first."""
    rows = await work.rows(
        """
        SELECT id, code, note, email, max_uses, used_count, created_at, expires_at FROM accounts_invites
        WHERE account_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        account_id,
        after,
        limit,
    )
    return [InviteRow(*row) for row in rows]


async def revoke_invite(work: Work, account_id: UUID, invite_id: UUID) -> bool:
    """False when it is not one of this account's, or is revoked already."""
    row = await work.write_row(
        """
        UPDATE accounts_invites SET revoked_at = now()
        WHERE id = $2 AND account_id = $1 AND revoked_at IS NULL RETURNING 1
        """,
        account_id,
        invite_id,
    )
    return row is not None


async def find_open_invite(work: Work, code: str, email_key: str) -> UUID | None:
    """The id of an invite that this address could use now."""
    found: UUID | None = await work.value(
        """
        SELECT id FROM accounts_invites
        WHERE code = $1 AND used_count < max_uses AND expires_at > now() AND revoked_at IS NULL
            AND (email_key IS NULL OR email_key = $2)
        """,
        code,
        email_key,
    )
    return found


async def use_invite(work: Work, invite_id: UUID, account_id: UUID, email_key: str) -> bool:
    """Counts one use, by an account made in this transaction. False when nothing is left of it: of many at once
    each waits for the row and then sees what those before it have used.
    """
    row = await work.write_row(
        """
        WITH used AS (
            UPDATE accounts_invites SET used_count = used_count + 1
            WHERE id = $1 AND used_count < max_uses AND expires_at > now() AND revoked_at IS NULL
                AND (email_key IS NULL OR email_key = $3)
            RETURNING id
        )
        UPDATE accounts_accounts SET invite_id = used.id FROM used WHERE accounts_accounts.id = $2 RETURNING 1
        """,
        invite_id,
        account_id,
        email_key,
    )
    return row is not None
