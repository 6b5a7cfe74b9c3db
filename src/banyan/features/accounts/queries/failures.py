"""Failed sign-ins, which lock an address out."""

from datetime import datetime

from banyan.infra.database.work import Work


async def find_failures(work: Work, email_digest: bytes) -> list[datetime]:
    """The newest failed sign-ins of an address, oldest first."""
    failed_at = await work.value(
        "SELECT failed_at FROM accounts_sign_in_failures WHERE email_digest = $1", email_digest
    )
    return list(failed_at or ())


async def hold_failures(work: Work, email_digest: bytes, at: datetime) -> list[datetime]:
    """As `lock_failures`, and others wait where nobody has failed yet too."""
    failed_at = await work.write_value(
        """
        INSERT INTO accounts_sign_in_failures AS known (email_digest, failed_at, last_failed_at) VALUES ($1, '{}', $2)
        ON CONFLICT (email_digest) DO UPDATE SET last_failed_at = known.last_failed_at RETURNING failed_at
        """,
        email_digest,
        at,
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
