"""An account as its owner's export has it."""

from uuid import UUID

from banyan.features.accounts.models import OwnAccount
from banyan.features.accounts.queries import deletions as queries
from banyan.infra.database.work import Work


async def find_own_account(work: Work, account_id: UUID) -> OwnAccount | None:
    """None when it is gone."""
    return await queries.find_own_account(work, account_id)
