"""Who has which role."""

from uuid import UUID

from banyan.features.accounts.models import Role
from banyan.infra.database.work import Work


async def lock_admins(work: Work) -> list[UUID]:
    """The admins who can sign in, in one order. They stay so until the transaction ends: of two who take the role
    from each other at once, or suspend each other, one must remain.
    """
    rows = await work.write(
        "SELECT id, suspended_at, deletes_at FROM accounts_accounts WHERE role = 'admin' ORDER BY id FOR UPDATE"
    )
    return [row["id"] for row in rows if row["suspended_at"] is None and row["deletes_at"] is None]


async def set_role(work: Work, account_id: UUID, role: Role) -> Role | None:
    """The role before; None without such an account."""
    before: str | None = await work.write_value(
        """
        WITH present AS (SELECT id, role FROM accounts_accounts WHERE id = $1 FOR UPDATE)
        UPDATE accounts_accounts a SET role = $2 FROM present WHERE a.id = present.id RETURNING present.role
        """,
        account_id,
        role.value,
    )
    return Role(before) if before is not None else None
