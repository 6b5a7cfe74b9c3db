"""Proof that whoever uses a session knows the account's password too, before anything that keeps others out."""

from uuid import UUID

from banyan.features.accounts.errors import AccountNotFound, WrongPassword
from banyan.features.accounts.models import Client
from banyan.features.accounts.password_rules import normalise_password
from banyan.features.accounts.queries import passwords as queries
from banyan.features.accounts.queries.passwords import OwnLogin
from banyan.features.accounts.service.lockout import Lockout
from banyan.infra.auth.passwords import Passwords
from banyan.infra.database.work import Work


class OwnerCheck:
    """Guesses here count as failed sign-ins: a stolen session must not be a way around the lockout."""

    def __init__(self, passwords: Passwords, lockout: Lockout) -> None:
        self._passwords = passwords
        self._lockout = lockout

    async def prove(self, work: Work, account_id: UUID, password: str, client: Client) -> OwnLogin:
        """The account. Opens no transaction when the password is right: call `settle` before the first write.

        Raises WrongPassword, LockedOut, AccountNotFound, TooManyRequests, HashingBusy.
        """
        login = await queries.find_own_login(work, account_id)
        if login is None:
            raise AccountNotFound
        self._lockout.check_limits(login.email_key, client)
        key = self._lockout.key(login.email_key)
        await self._lockout.check(work, key)
        if not await self._passwords.verify(login.password_hash, normalise_password(password)):
            await self._lockout.add_failure(work, key)
            raise WrongPassword("It is the account's present password that is asked for.")
        return login

    async def settle(self, work: Work, login: OwnLogin) -> None:
        """The proof holds: failures are forgotten. Raises LockedOut when others failed meanwhile."""
        await self._lockout.clear(work, self._lockout.key(login.email_key))
