"""Sessions and the digests of their refresh tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import Role
from banyan.infra.database.work import Work


class SessionRow(Struct, frozen=True):
    """A live session as its list shows it."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    ip: str


class SessionState(Struct, frozen=True):
    """A session as rotation needs it; digests are SHA-256 of tokens."""

    id: UUID
    account_id: UUID
    role: Role
    live: bool
    refresh_digests: list[bytes]
    rotated_digest: bytes | None
    rotated_key_digest: bytes | None
    rotated_at: datetime | None


async def insert_session(
    work: Work, session_id: UUID, account_id: UUID, expires_at: datetime, user_agent: str, ip: str, digest: bytes
) -> bool:
    """False for an account that is suspended or being deleted; of either under way the outcome is waited for."""
    row = await work.write_row(
        """
        INSERT INTO accounts_sessions (id, account_id, expires_at, user_agent, ip, refresh_digests)
        SELECT $1, id, $3, $4, $5, ARRAY[$6::bytea] FROM accounts_accounts
        WHERE id = $2 AND suspended_at IS NULL AND deletes_at IS NULL FOR KEY SHARE
        RETURNING id
        """,
        session_id,
        account_id,
        expires_at,
        user_agent,
        ip,
        digest,
    )
    return row is not None


async def find_session_role(work: Work, account_id: UUID, session_id: UUID) -> str | None:
    """The account's role while the session lives and the account is neither suspended nor being deleted."""
    role: str | None = await work.value(
        """
        SELECT a.role FROM accounts_sessions s JOIN accounts_accounts a ON a.id = s.account_id
        WHERE s.id = $2 AND s.account_id = $1 AND s.ended_at IS NULL AND s.expires_at > now()
            AND a.suspended_at IS NULL AND a.deletes_at IS NULL
        """,
        account_id,
        session_id,
    )
    return role


async def find_session_ids(work: Work, account_id: UUID) -> list[UUID]:
    """Those that have not been ended."""
    rows = await work.rows("SELECT id FROM accounts_sessions WHERE account_id = $1 AND ended_at IS NULL", account_id)
    return [row[0] for row in rows]


async def find_live_ids(work: Work, session_ids: Sequence[UUID]) -> list[UUID]:
    """Those that live, of accounts that are neither suspended nor being deleted."""
    rows = await work.rows(
        """
        SELECT s.id FROM accounts_sessions s JOIN accounts_accounts a ON a.id = s.account_id
        WHERE s.id = ANY ($1) AND s.ended_at IS NULL AND s.expires_at > now()
            AND a.suspended_at IS NULL AND a.deletes_at IS NULL
        """,
        session_ids,
    )
    return [row[0] for row in rows]


async def lock_session(work: Work, session_id: UUID) -> SessionState | None:
    """The session, whose row nobody else changes until the transaction ends."""
    row = await work.write_row(
        """
        SELECT s.id, s.account_id, a.role,
            s.ended_at IS NULL AND s.expires_at > now() AND a.suspended_at IS NULL AND a.deletes_at IS NULL,
            s.refresh_digests, s.rotated_digest, s.rotated_key_digest, s.rotated_at
        FROM accounts_sessions s JOIN accounts_accounts a ON a.id = s.account_id
        WHERE s.id = $1 FOR UPDATE OF s
        """,
        session_id,
    )
    return SessionState(row[0], row[1], Role(row[2]), *row[3:]) if row else None


async def rotate_session(
    work: Work,
    session_id: UUID,
    used_digest: bytes,
    key_digest: bytes | None,
    new_digest: bytes,
    *,
    at: datetime,
    expires_at: datetime,
    ip: str,
) -> None:
    """From now on only the new token may be used."""
    await work.write(
        """
        UPDATE accounts_sessions SET refresh_digests = ARRAY[$4::bytea], rotated_digest = $2,
            rotated_key_digest = $3, rotated_at = $5, last_used_at = $5, expires_at = $6, ip = $7
        WHERE id = $1
        """,
        session_id,
        used_digest,
        key_digest,
        new_digest,
        at,
        expires_at,
        ip,
    )


async def set_refresh_digests(work: Work, session_id: UUID, digests: Sequence[bytes]) -> None:
    """The tokens that may be used now, of which the first used ends the others."""
    await work.write("UPDATE accounts_sessions SET refresh_digests = $2 WHERE id = $1", session_id, list(digests))


async def list_sessions(work: Work, account_id: UUID, after: UUID | None, limit: int) -> list[SessionRow]:
    """Live sessions, newest first."""
    rows = await work.rows(
        """
        SELECT id, created_at, last_used_at, user_agent, ip FROM accounts_sessions
        WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now() AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        """,
        account_id,
        after,
        limit,
    )
    return [SessionRow(*row) for row in rows]


async def end_session(work: Work, account_id: UUID, session_id: UUID) -> bool:
    """False when it is not a live session of this account."""
    row = await work.write_row(
        """
        UPDATE accounts_sessions SET ended_at = now()
        WHERE id = $2 AND account_id = $1 AND ended_at IS NULL AND expires_at > now() RETURNING id
        """,
        account_id,
        session_id,
    )
    return row is not None


async def end_sessions(work: Work, account_id: UUID, kept_id: UUID | None) -> list[UUID]:
    """Ends all but one. The ids of those that lived."""
    rows = await work.write(
        """
        UPDATE accounts_sessions SET ended_at = now()
        WHERE account_id = $1 AND ($2::uuid IS NULL OR id <> $2) AND ended_at IS NULL RETURNING id
        """,
        account_id,
        kept_id,
    )
    return [row[0] for row in rows]
