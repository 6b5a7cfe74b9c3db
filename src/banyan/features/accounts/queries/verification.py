"""Proving an address: sign-ups that wait, and links."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.queries.accounts import Recipient
from banyan.infra.database.work import Work


class SignUpRow(Struct, frozen=True):
    """A sign-up that waits for its address."""

    id: UUID
    email: str
    email_key: str
    password_hash: str
    handle: str
    display_name: str
    language: str
    invite_id: UUID | None


class VerifiedSubject(Struct, frozen=True):
    """What a used link was for: one of the two."""

    account_id: UUID | None
    sign_up_id: UUID | None


async def insert_sign_up(work: Work, sign_up: SignUpRow, expires_at: datetime, per_day: int) -> bool:
    """False when this address has been signed up `per_day` times within a day."""
    row = await work.write_row(
        """
        INSERT INTO accounts_sign_ups
            (id, email, email_key, password_hash, handle, display_name, language, expires_at, invite_id)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $10
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
        sign_up.invite_id,
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
            RETURNING id, email, email_key, password_hash, handle, display_name, language, invite_id
        )
        SELECT * FROM gone WHERE id = $1
        """,
        sign_up_id,
    )
    return SignUpRow(*row) if row else None
