"""The first admin: made through a one-time link that the server prints, as there is no default password."""

import hmac
from uuid import UUID

from banyan.features.accounts.emails import read_address
from banyan.features.accounts.errors import InvalidSetupToken, SetupDone
from banyan.features.accounts.models import Client, FirstAdminSignUp, Role, SignedIn
from banyan.features.accounts.password_rules import check_new_password
from banyan.features.accounts.queries import first_admin as queries
from banyan.features.accounts.service.accounts import Accounts
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.sessions import Sessions
from banyan.infra.auth.digests import hash_token, make_secret
from banyan.infra.auth.passwords import Passwords
from banyan.infra.database.work import Work
from banyan.infra.mail.message import Language
from banyan.kernel.ids import new_id


class FirstAdmin:
    """At most one link holds at a time, and none once there is an admin."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, lockout: Lockout, passwords: Passwords, public_url: str
    ) -> None:
        self._lockout = lockout
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._public_url = public_url.rstrip("/")

    async def make_link(self, work: Work) -> str | None:
        """A new link, which voids the one before; None when there is an admin."""
        if await queries.has_admin(work):
            return None
        token = make_secret()
        await queries.set_first_admin_token(work, hash_token(token))
        return f"{self._public_url}/setup#token={token}"

    async def create_admin(self, work: Work, sign_up: FirstAdminSignUp, language: Language, client: Client) -> SignedIn:
        """The first admin, signed in.

        Raises SetupDone, InvalidSetupToken, Invalid, EmailTaken, what people say of the handle.
        """
        address = read_address(sign_up.email)
        self._lockout.check_limits(address.key, client)
        token_hash = hash_token(sign_up.token)
        await self._check(work, token_hash, await queries.find_first_admin_token(work))
        password = check_new_password(sign_up.password, address.email, sign_up.handle)
        password_hash = await self._passwords.hash(password)
        # Of two that use the link at once the second waits here, and then finds the first one's admin.
        await self._check(work, token_hash, await queries.lock_first_admin_token(work))
        account = await self._accounts.create_account(
            work, new_id(), sign_up, address, password_hash, language, Role.ADMIN
        )
        await queries.delete_first_admin_token(work)
        return await self._sessions.open_session(work, account, client)

    async def sign_in_again(self, work: Work, account_id: UUID, client: Client) -> SignedIn:
        """The answer to a retry: fresh tokens for the admin it made."""
        return await self._accounts.sign_in_again(work, account_id, client)

    async def _check(self, work: Work, given: bytes, stored: bytes | None) -> None:
        if await queries.has_admin(work):
            raise SetupDone("Ask an admin to make you one.")
        if stored is None or not hmac.compare_digest(given, stored):
            raise InvalidSetupToken("Use the newest link that the server printed.")
