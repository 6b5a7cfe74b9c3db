"""Roles: who may do more than their own things."""

from uuid import UUID

from banyan.features.accounts.errors import AccountNotFound, LastAdmin
from banyan.features.accounts.models import Role
from banyan.features.accounts.queries import roles as queries
from banyan.features.accounts.queries import sessions as session_queries
from banyan.infra.auth.api_keys import API_KEYS_TOPIC
from banyan.infra.auth.tokens import SESSIONS_TOPIC
from banyan.infra.database.work import Work


async def set_role(work: Work, account_id: UUID, role: Role) -> Role:
    """Gives the account a role, in every process at once; the one that it had. Raises AccountNotFound, LastAdmin."""
    admins = await queries.lock_admins(work)
    if admins == [account_id] and role is not Role.ADMIN:
        raise LastAdmin("Make somebody else an admin first.")
    before = await queries.set_role(work, account_id, role)
    if before is None:
        raise AccountNotFound
    if before is not role:
        await announce_change(work, account_id)
    return before


async def announce_change(work: Work, account_id: UUID) -> None:
    """What processes know of the account's sessions and API keys is outdated: they look again."""
    work.announce(API_KEYS_TOPIC, str(account_id))
    sessions = await session_queries.find_session_ids(work, account_id)
    if sessions:
        work.announce(SESSIONS_TOPIC, *map(str, sessions))
