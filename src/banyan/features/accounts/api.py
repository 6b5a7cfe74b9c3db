"""What other features may ask of accounts."""

from collections.abc import Collection
from uuid import UUID

from banyan.features.accounts.errors import AccountNotFound
from banyan.features.accounts.models import Login, Role
from banyan.features.accounts.queries import accounts as queries
from banyan.features.accounts.queries import sessions
from banyan.features.accounts.service import roles
from banyan.infra.database.work import Work
from banyan.infra.mail.message import Language


class AccountsApi:
    """Reads about accounts, and what an operator may change of them."""

    async def get_login(self, work: Work, account_id: UUID) -> Login:
        """Address, role and language. Raises AccountNotFound."""
        login = await queries.find_login(work, account_id)
        if login is None:
            raise AccountNotFound
        return login

    async def list_languages(self, work: Work, account_ids: Collection[UUID]) -> dict[UUID, Language]:
        """Of those who have an account."""
        return await queries.list_languages(work, list(account_ids)) if account_ids else {}

    async def find_live_sessions(self, work: Work, session_ids: Collection[UUID]) -> set[UUID]:
        """Those that have not ended, of accounts that are neither suspended nor being deleted."""
        return set(await sessions.find_live_ids(work, list(session_ids))) if session_ids else set()

    async def set_language(self, work: Work, account_id: UUID, language: Language) -> None:
        """The language of mails to the account."""
        await queries.set_language(work, account_id, language)

    async def set_role(self, work: Work, account_id: UUID, role: Role) -> Role:
        """Gives the account a role, in every process at once. The one that it had.

        Raises AccountNotFound, LastAdmin.
        """
        return await roles.set_role(work, account_id, role)
