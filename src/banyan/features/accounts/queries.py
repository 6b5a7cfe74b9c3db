"""All SQL of accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import AccountImport, Login, Role
from banyan.infra.database.work import Work


class SecretLogin(Struct, frozen=True):
    """An account, or a sign-up that waits for its address, with the hash to check a password against."""

    id: UUID
    email: str
    email_verified: bool
    role: Role
    password_hash: str | None
    waiting: bool


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


class SignUpRow(Struct, frozen=True):
    """A sign-up that waits for its address."""

    id: UUID
    email: str
    email_key: str
    password_hash: str
    handle: str
    display_name: str
    language: str


class Recipient(Struct, frozen=True):
    """Whom to write to; `handle` only of a sign-up that waits."""

    email: str
    language: str
    handle: str | None


class VerifiedSubject(Struct, frozen=True):
    """What a used link was for: one of the two."""

    account_id: UUID | None
    sign_up_id: UUID | None


async def find_login(work: Work, account_id: UUID) -> Login | None:
    row = await work.row(
        "SELECT id, email, email_verified_at IS NOT NULL, role FROM accounts_accounts WHERE id = $1", account_id
    )
    return Login(row[0], row[1], row[2], Role(row[3])) if row else None


async def find_secret_login(work: Work, email_key: str) -> SecretLogin | None:
    """The account of an address, else its newest sign-up that waits."""
    row = await work.row(
        """
        SELECT id, email, email_verified_at IS NOT NULL, role, password_hash, false AS waiting
        FROM accounts_accounts WHERE email_key = $1
        UNION ALL
        SELECT id, email, false, 'member', password_hash, true
        FROM accounts_sign_ups WHERE email_key = $1 AND expires_at > now()
        ORDER BY waiting, id DESC LIMIT 1
        """,
        email_key,
    )
    return SecretLogin(row[0], row[1], row[2], Role(row[3]), row[4], row[5]) if row else None


async def find_owner(work: Work, email_key: str) -> Recipient | None:
    """Who has an account with this address."""
    row = await work.row("SELECT email, language FROM accounts_accounts WHERE email_key = $1", email_key)
    return Recipient(row[0], row[1], None) if row else None


async def insert_account(
    work: Work,
    account_id: UUID,
    email: str,
    email_key: str,
    password_hash: str,
    *,
    role: Role,
    language: str,
    verified: bool,
) -> bool:
    """False when the address has an account."""
    row = await work.write_row(
        """
        INSERT INTO accounts_accounts (id, email, email_key, password_hash, role, language, email_verified_at)
        VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END)
        ON CONFLICT (email_key) DO NOTHING RETURNING id
        """,
        account_id,
        email,
        email_key,
        password_hash,
        role.value,
        language,
        verified,
    )
    return row is not None


async def insert_accounts(work: Work, accounts: Sequence[AccountImport], email_keys: Sequence[str]) -> int:
    """How many were new: an address or id that is taken is left out."""
    rows = await work.write(
        """
        INSERT INTO accounts_accounts (id, email, email_key, email_verified_at, password_hash, created_at)
        SELECT id, email, email_key, CASE WHEN verified THEN created_at END, password_hash, created_at
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::timestamptz[])
            AS given (id, email, email_key, verified, password_hash, created_at)
        ON CONFLICT DO NOTHING RETURNING 1
        """,
        [account.id for account in accounts],
        [account.email for account in accounts],
        list(email_keys),
        [account.email_verified for account in accounts],
        [account.password_hash for account in accounts],
        [account.created_at for account in accounts],
    )
    return len(rows)


async def update_password_hash(work: Work, account_id: UUID, old_hash: str, new_hash: str) -> None:
    """Unless the password was changed meanwhile."""
    await work.write(
        "UPDATE accounts_accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        account_id,
        old_hash,
        new_hash,
    )


# Sign-in failures


async def find_failures(work: Work, email_digest: bytes) -> list[datetime]:
    """The newest failed sign-ins of an address, oldest first."""
    failed_at = await work.value(
        "SELECT failed_at FROM accounts_sign_in_failures WHERE email_digest = $1", email_digest
    )
    return list(failed_at or ())


async def lock_failures(work: Work, email_digest: bytes) -> list[datetime]:
    """As `find_failures`; other sign-ins of this address wait until the transaction ends."""
    failed_at = await work.write_value(
        "SELECT failed_at FROM accounts_sign_in_failures WHERE email_digest = $1 FOR UPDATE", email_digest
    )
    return list(failed_at or ())


async def add_failure(work: Work, email_digest: bytes, at: datetime, kept: int) -> None:
    """Remembers one more, of which the newest `kept` count."""
    await work.write(
        """
        INSERT INTO accounts_sign_in_failures AS known (email_digest, failed_at, last_failed_at)
        VALUES ($1, ARRAY[$2::timestamptz], $2)
        ON CONFLICT (email_digest) DO UPDATE SET
            failed_at = (known.failed_at || excluded.failed_at)[greatest(1, cardinality(known.failed_at) + 2 - $3):],
            last_failed_at = excluded.last_failed_at
        """,
        email_digest,
        at,
        kept,
    )


async def delete_failures(work: Work, email_digest: bytes) -> None:
    await work.write("DELETE FROM accounts_sign_in_failures WHERE email_digest = $1", email_digest)


# Sessions


async def insert_session(
    work: Work, session_id: UUID, account_id: UUID, expires_at: datetime, user_agent: str, ip: str, digest: bytes
) -> None:
    await work.write(
        """
        INSERT INTO accounts_sessions (id, account_id, expires_at, user_agent, ip, refresh_digests)
        VALUES ($1, $2, $3, $4, $5, ARRAY[$6::bytea])
        """,
        session_id,
        account_id,
        expires_at,
        user_agent,
        ip,
        digest,
    )


async def find_session_role(work: Work, account_id: UUID, session_id: UUID) -> str | None:
    """The account's role while the session lives."""
    role: str | None = await work.value(
        """
        SELECT a.role FROM accounts_sessions s JOIN accounts_accounts a ON a.id = s.account_id
        WHERE s.id = $2 AND s.account_id = $1 AND s.ended_at IS NULL AND s.expires_at > now()
        """,
        account_id,
        session_id,
    )
    return role


async def lock_session(work: Work, session_id: UUID) -> SessionState | None:
    """The session, whose row nobody else changes until the transaction ends."""
    row = await work.write_row(
        """
        SELECT s.id, s.account_id, a.role, s.ended_at IS NULL AND s.expires_at > now(),
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


async def end_other_sessions(work: Work, account_id: UUID, kept_id: UUID) -> list[UUID]:
    """The ids of those that lived."""
    rows = await work.write(
        """
        UPDATE accounts_sessions SET ended_at = now()
        WHERE account_id = $1 AND id <> $2 AND ended_at IS NULL RETURNING id
        """,
        account_id,
        kept_id,
    )
    return [row[0] for row in rows]


# Proving an address


async def insert_sign_up(work: Work, sign_up: SignUpRow, expires_at: datetime, per_day: int) -> bool:
    """False when this address has been signed up `per_day` times within a day."""
    row = await work.write_row(
        """
        INSERT INTO accounts_sign_ups
            (id, email, email_key, password_hash, handle, display_name, language, expires_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
        WHERE (SELECT count(*) FROM accounts_sign_ups
               WHERE email_key = $3 AND created_at > now() - interval '1 day') < $9
        RETURNING id
        """,
        sign_up.id,
        sign_up.email,
        sign_up.email_key,
        sign_up.password_hash,
        sign_up.handle,
        sign_up.display_name,
        sign_up.language,
        expires_at,
        per_day,
    )
    return row is not None


async def insert_verification(
    work: Work, token_hash: bytes, subject: VerifiedSubject, expires_at: datetime, per_day: int
) -> bool:
    """False when `per_day` links have been made for this account or sign-up within a day."""
    row = await work.write_row(
        """
        INSERT INTO accounts_verifications (token_hash, account_id, sign_up_id, expires_at)
        SELECT $1, $2, $3, $4
        WHERE (SELECT count(*) FROM accounts_verifications
               WHERE (account_id = $2 OR sign_up_id = $3) AND created_at > now() - interval '1 day') < $5
        RETURNING 1
        """,
        token_hash,
        subject.account_id,
        subject.sign_up_id,
        expires_at,
        per_day,
    )
    return row is not None


async def find_recipient(work: Work, email_key: str) -> tuple[VerifiedSubject, Recipient] | None:
    """Who has still to prove this address: its account, else its newest sign-up that waits."""
    row = await work.row(
        """
        SELECT id, email, language, NULL::text AS handle, false AS waiting
        FROM accounts_accounts WHERE email_key = $1 AND email_verified_at IS NULL
        UNION ALL
        SELECT id, email, language, handle, true
        FROM accounts_sign_ups WHERE email_key = $1 AND expires_at > now()
            AND NOT EXISTS (SELECT FROM accounts_accounts WHERE email_key = $1)
        ORDER BY waiting, id DESC LIMIT 1
        """,
        email_key,
    )
    if row is None:
        return None
    subject = VerifiedSubject(None, row["id"]) if row["waiting"] else VerifiedSubject(row["id"], None)
    return subject, Recipient(row["email"], row["language"], row["handle"])


async def find_verification(work: Work, token_hash: bytes) -> VerifiedSubject | None:
    """What a link is for."""
    row = await work.row(
        "SELECT account_id, sign_up_id FROM accounts_verifications WHERE token_hash = $1 AND expires_at > now()",
        token_hash,
    )
    return VerifiedSubject(*row) if row else None


async def lock_subject(work: Work, subject: VerifiedSubject) -> None:
    """Whoever uses another link of this account, or of a sign-up with the same address, waits until the
    transaction ends. Always in one order: using a link voids the others, so two at once would deadlock.
    """
    await work.write("SELECT FROM accounts_accounts WHERE id = $1 FOR UPDATE", subject.account_id)
    await work.write(
        """
        SELECT FROM accounts_sign_ups
        WHERE email_key = (SELECT email_key FROM accounts_sign_ups WHERE id = $1) ORDER BY id FOR UPDATE
        """,
        subject.sign_up_id,
    )


async def take_verification(work: Work, token_hash: bytes) -> bool:
    """False when the link has been used meanwhile."""
    row = await work.write_row("DELETE FROM accounts_verifications WHERE token_hash = $1 RETURNING 1", token_hash)
    return row is not None


async def mark_verified(work: Work, account_id: UUID) -> str | None:
    """The address that is proven now; the account's other links are void."""
    email: str | None = await work.write_value(
        """
        WITH other_links AS (DELETE FROM accounts_verifications WHERE account_id = $1)
        UPDATE accounts_accounts SET email_verified_at = coalesce(email_verified_at, now())
        WHERE id = $1 RETURNING email
        """,
        account_id,
    )
    return email


async def take_sign_up(work: Work, sign_up_id: UUID) -> SignUpRow | None:
    """A sign-up that waited, removed with all others of its address."""
    row = await work.write_row(
        """
        WITH gone AS (
            DELETE FROM accounts_sign_ups
            WHERE email_key = (SELECT email_key FROM accounts_sign_ups WHERE id = $1)
            RETURNING id, email, email_key, password_hash, handle, display_name, language
        )
        SELECT * FROM gone WHERE id = $1
        """,
        sign_up_id,
    )
    return SignUpRow(*row) if row else None


# The first admin


async def has_admin(work: Work) -> bool:
    found: bool = await work.value("SELECT EXISTS (SELECT FROM accounts_accounts WHERE role = 'admin')")
    return found


async def set_first_admin_token(work: Work, token_hash: bytes) -> None:
    """Replaces the one before."""
    await work.write(
        """
        INSERT INTO accounts_first_admin (token_hash) VALUES ($1)
        ON CONFLICT (only_row) DO UPDATE SET token_hash = excluded.token_hash, created_at = now()
        """,
        token_hash,
    )


async def find_first_admin_token(work: Work) -> bytes | None:
    token_hash: bytes | None = await work.value("SELECT token_hash FROM accounts_first_admin")
    return token_hash


async def lock_first_admin_token(work: Work) -> bytes | None:
    """As `find_first_admin_token`; whoever comes later waits and then finds none."""
    token_hash: bytes | None = await work.write_value("SELECT token_hash FROM accounts_first_admin FOR UPDATE")
    return token_hash


async def delete_first_admin_token(work: Work) -> None:
    await work.write("DELETE FROM accounts_first_admin")


# Forgetting


async def delete_outdated(work: Work, sessions_before: datetime, failures_before: datetime) -> None:
    """Removes what has no effect any more."""
    await work.write("DELETE FROM accounts_sign_ups WHERE expires_at < now() - interval '1 day'")
    # Links of the last day count towards the limit of links a day, also when they have expired.
    await work.write(
        "DELETE FROM accounts_verifications WHERE expires_at < now() AND created_at < now() - interval '1 day'"
    )
    await work.write("DELETE FROM accounts_sign_in_failures WHERE last_failed_at < $1", failures_before)
    await work.write("DELETE FROM accounts_sessions WHERE ended_at < $1 OR expires_at < $1", sessions_before)
