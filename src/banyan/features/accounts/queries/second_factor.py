"""Second factors and recovery codes."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work


class TotpRow(Struct, frozen=True):
    """The second factor of an account; `last_step` is the time step of the last code that was used."""

    sealed_secret: bytes
    confirmed: bool
    last_step: int


async def insert_totp(work: Work, account_id: UUID, sealed_secret: bytes) -> bool:
    """Replaces one that was never confirmed. False when there is a confirmed one."""
    row = await work.write_row(
        """
        INSERT INTO accounts_totp AS known (account_id, sealed_secret) VALUES ($1, $2)
        ON CONFLICT (account_id) DO UPDATE
            SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at, last_step = 0
            WHERE known.confirmed_at IS NULL
        RETURNING 1
        """,
        account_id,
        sealed_secret,
    )
    return row is not None


async def find_totp(work: Work, account_id: UUID) -> TotpRow | None:
    row = await work.row(
        "SELECT sealed_secret, confirmed_at IS NOT NULL, last_step FROM accounts_totp WHERE account_id = $1", account_id
    )
    return TotpRow(*row) if row else None


async def lock_totp(work: Work, account_id: UUID) -> TotpRow | None:
    """As `find_totp`; it stays as it is until the transaction ends."""
    row = await work.write_row(
        """
        SELECT sealed_secret, confirmed_at IS NOT NULL, last_step FROM accounts_totp WHERE account_id = $1 FOR UPDATE
        """,
        account_id,
    )
    return TotpRow(*row) if row else None


async def use_step(work: Work, account_id: UUID, step: int) -> bool:
    """False when the code of this time step, or a later one, has been used."""
    row = await work.write_row(
        "UPDATE accounts_totp SET last_step = $2 WHERE account_id = $1 AND last_step < $2 RETURNING 1",
        account_id,
        step,
    )
    return row is not None


async def confirm_totp(work: Work, account_id: UUID) -> None:
    await work.write("UPDATE accounts_totp SET confirmed_at = now() WHERE account_id = $1", account_id)


async def delete_totp(work: Work, account_id: UUID) -> bool:
    """Its recovery codes go with it. False when there was no confirmed one."""
    row = await work.write_row(
        "DELETE FROM accounts_totp WHERE account_id = $1 AND confirmed_at IS NOT NULL RETURNING 1", account_id
    )
    return row is not None


async def add_version(work: Work, account_id: UUID) -> None:
    """Sign-ins that began before do not end in a session."""
    await work.write("UPDATE accounts_accounts SET secrets_version = secrets_version + 1 WHERE id = $1", account_id)


async def replace_recovery_codes(work: Work, account_id: UUID, digests: Sequence[bytes]) -> None:
    """Lock the second factor before: of two at once only one set may hold."""
    await work.write("DELETE FROM accounts_recovery_codes WHERE account_id = $1", account_id)
    await work.write(
        "INSERT INTO accounts_recovery_codes (account_id, digest) SELECT $1, unnest($2::bytea[])",
        account_id,
        list(digests),
    )


async def take_recovery_code(work: Work, account_id: UUID, digest: bytes) -> bool:
    """False when there is no such code, or not any more."""
    row = await work.write_row(
        "DELETE FROM accounts_recovery_codes WHERE account_id = $1 AND digest = $2 RETURNING 1", account_id, digest
    )
    return row is not None


async def count_recovery_codes(work: Work, account_id: UUID) -> int:
    count: int = await work.value("SELECT count(*) FROM accounts_recovery_codes WHERE account_id = $1", account_id)
    return count
