"""The first admin and the one link that makes it."""

from banyan.infra.database.work import Work


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
