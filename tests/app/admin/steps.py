"""What tests of the operator's routes do again and again."""

from typing import Any

from tests.support.platform import Api


async def appoint(member: Api) -> Api:
    """Makes a member an admin, by the database."""
    async with member.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET role = 'admin' WHERE id = $1", member.id)
    # Nothing announced it: forget what was known of their tokens.
    member.platform.bus._reset()
    return member


async def audit_of(admin: Api, query: str = "") -> list[dict[str, Any]]:
    """The newest hundred entries."""
    answer = await admin.get(f"/v1/admin/audit?limit=100{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
