"""What other features may ask of accounts."""

from uuid import UUID

from banyan.features.accounts.errors import AccountNotFound
from banyan.features.accounts.models import Login
from banyan.features.accounts.queries import accounts as queries
from banyan.infra.database.work import Work


class AccountsApi:
    """Reads about accounts."""

    async def get_login(self, work: Work, account_id: UUID) -> Login:
        """Address and role. Raises AccountNotFound."""
        login = await queries.find_login(work, account_id)
        if login is None:
            raise AccountNotFound
        return login
