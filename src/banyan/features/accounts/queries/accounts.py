"""Accounts themselves."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import AccountImport, Login, Role
from banyan.infra.database.work import Work
from banyan.infra.mail.message import Language


class SecretLogin(Struct, frozen=True):
    """An account, or a sign-up that waits for its address, with the hash to check a password against."""

    id: UUID
    email: str
    email_verified: bool
    role: Role
    password_hash: str | None
    waiting: bool
    # Counts changes of its secrets.
    version: int
    second_factor: bool


class Recipient(Struct, frozen=True):
    """Whom to write to; `handle` only of a sign-up that waits."""

    email: str
    language: str
    handle: str | None


async def find_login(work: Work, account_id: UUID) -> Login | None:
    row = await work.row(
        "SELECT id, email, email_verified_at IS NOT NULL, role, language FROM accounts_accounts WHERE id = $1",
        account_id,
    )
    return Login(row[0], row[1], row[2], Role(row[3]), row[4]) if row else None


async def list_languages(work: Work, account_ids: Sequence[UUID]) -> dict[UUID, Language]:
    rows = await work.rows("SELECT id, language FROM accounts_accounts WHERE id = ANY ($1)", account_ids)
    return {row[0]: row[1] for row in rows}


async def find_secret_login(work: Work, email_key: str) -> tuple[SecretLogin | None, str | None]:
    """The account of an address, else its newest sign-up that waits; and the hash of a neighbour in the order of
    addresses, whose cost stands for that of an address without an account: asked about an address or one just
    before it, the same hash is met whether the address has an account or not.
    """
    rows = await work.rows(
        """
        SELECT 0 AS rank, id, email, email_verified_at IS NOT NULL, role, password_hash, secrets_version,
            EXISTS (SELECT FROM accounts_totp WHERE account_id = id AND confirmed_at IS NOT NULL)
        FROM accounts_accounts WHERE email_key = $1 AND erasing_at IS NULL
        UNION ALL
        SELECT 1, id, email, false, 'member', password_hash, 0, false
        FROM accounts_sign_ups WHERE email_key = $1 AND expires_at > now()
        UNION ALL
        (SELECT 2, id, email, false, role, password_hash, 0, false FROM accounts_accounts
         WHERE email_key > $1 AND password_hash IS NOT NULL ORDER BY email_key LIMIT 1)
        ORDER BY rank, id DESC
        """,
        email_key,
    )
    like = rows[-1][5] if rows and rows[-1][0] == 2 else None
    if not rows or rows[0][0] == 2:
        return None, like
    row = rows[0]
    return SecretLogin(row[1], row[2], row[3], Role(row[4]), row[5], row[0] == 1, row[6], row[7]), like


async def hold_login(work: Work, account_id: UUID, version: int) -> Login | None:
    """The account, whose secrets stay as they are until the transaction ends; None when they have changed."""
    row = await work.write_row(
        """
        SELECT id, email, email_verified_at IS NOT NULL, role, language FROM accounts_accounts
        WHERE id = $1 AND secrets_version = $2 FOR SHARE
        """,
        account_id,
        version,
    )
    return Login(row[0], row[1], row[2], Role(row[3]), row[4]) if row else None


async def find_owner(work: Work, email_key: str) -> Recipient | None:
    """Who has an account with this address."""
    row = await work.row("SELECT email, language FROM accounts_accounts WHERE email_key = $1", email_key)
    return Recipient(row[0], row[1], None) if row else None


async def find_language(work: Work, account_id: UUID) -> str:
    """The language that mails to an account are in."""
    language: str | None = await work.value("SELECT language FROM accounts_accounts WHERE id = $1", account_id)
    return language or "en"


async def set_language(work: Work, account_id: UUID, language: str) -> None:
    """Mails are in this language from now on."""
    await work.write("UPDATE accounts_accounts SET language = $2 WHERE id = $1", account_id, language)


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
        INSERT INTO accounts_accounts
            (id, email, email_key, email_verified_at, password_hash, created_at, role, language)
        SELECT id, email, email_key, CASE WHEN verified THEN created_at END, password_hash, created_at, role, language
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::timestamptz[], $7::text[],
                    $8::text[])
            AS given (id, email, email_key, verified, password_hash, created_at, role, language)
        ON CONFLICT DO NOTHING RETURNING 1
        """,
        [account.id for account in accounts],
        [account.email for account in accounts],
        list(email_keys),
        [account.email_verified for account in accounts],
        [account.password_hash for account in accounts],
        [account.created_at for account in accounts],
        [account.role.value for account in accounts],
        [account.language for account in accounts],
    )
    return len(rows)


async def find_ids_by_email(work: Work, email_keys: Sequence[str]) -> dict[str, UUID]:
    """The accounts of those addresses that have one."""
    rows = await work.rows(
        "SELECT email_key, id FROM accounts_accounts WHERE email_key = ANY($1::text[])", list(email_keys)
    )
    return {row[0]: row[1] for row in rows}


async def update_password_hash(work: Work, account_id: UUID, old_hash: str, new_hash: str) -> None:
    """Unless the password was changed meanwhile."""
    await work.write(
        "UPDATE accounts_accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        account_id,
        old_hash,
        new_hash,
    )
