"""New passwords: chosen by whoever knows the old one, or by whoever reads the account's mail."""

from datetime import timedelta
from uuid import UUID

from banyan.features.accounts.emails import read_address
from banyan.features.accounts.errors import InvalidResetToken, WrongPassword
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Client, PasswordChange, PasswordReset, ResetSent, SendPasswordReset
from banyan.features.accounts.password_rules import check_new_password
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.queries import passwords as queries
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.owner import OwnerCheck
from banyan.features.accounts.service.sessions import Sessions
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.auth.digests import hash_token, make_secret
from banyan.infra.auth.passwords import Passwords
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now

# Whoever has the shell makes as many links as they like.
_NO_LIMIT = 1_000_000


class PasswordChanges:
    """Hashing happens before the first write, so that no transaction is open meanwhile."""

    def __init__(
        self,
        settings: AccountsSettings,
        passwords: Passwords,
        owners: OwnerCheck,
        sessions: Sessions,
        lockout: Lockout,
        mailer: Mailer,
        mails: AccountMails,
        person: PersonLink,
    ) -> None:
        self._seconds = settings.password_reset_seconds
        self._per_day = settings.verifications_per_day
        self._passwords = passwords
        self._owners = owners
        self._sessions = sessions
        self._lockout = lockout
        self._mailer = mailer
        self._mails = mails
        self._person = person

    def ask_reset(self, work: Work, email: str, client: Client) -> ResetSent:
        """Sends a link later, from a job: looking now would tell by its time whether there is an account.

        Raises Invalid, TooManyRequests.
        """
        address = read_address(email)
        self._lockout.check_limits(address.key, client)
        work.enqueue(SendPasswordReset(address.key), key=address.key)
        return ResetSent()

    async def send_reset(self, work: Work, job: SendPasswordReset) -> None:
        """The job of `ask_reset`: nothing where there is no account, or were enough links for today."""
        owner = await queries.find_login_of(work, job.email_key)
        if owner is None:
            return
        token = make_secret()
        expires_at = now() + timedelta(seconds=self._seconds)
        if await queries.insert_reset(work, hash_token(token), owner.id, expires_at, self._per_day):
            self._mailer.send(work, self._mails.reset_password(owner.email, owner.language, token, self._seconds))

    async def make_reset_link(self, work: Work, account_id: UUID) -> str:
        """A link for whoever has the server's shell to hand over by other ways than mail."""
        token = make_secret()
        expires_at = now() + timedelta(seconds=self._seconds)
        await queries.insert_reset(work, hash_token(token), account_id, expires_at, _NO_LIMIT)
        return self._mails.reset_link(token)

    async def reset(self, work: Work, reset: PasswordReset) -> None:
        """Uses a link: the password is new, its owner's address proven, every session ended, a lockout lifted.

        Raises InvalidResetToken; Invalid, after which the link stays good; HashingBusy.
        """
        login = await queries.find_reset(work, hash_token(reset.token))
        if login is None:
            raise InvalidResetToken("Ask for a new link.")
        names = await self._person.find_names(work, login.id)
        password = check_new_password(reset.password, login.email, names.handle)
        password_hash = await self._passwords.hash(password)
        # In the order of a sign-in, failures before the account: two at once must not wait for each other.
        await self._lockout.lift(work, self._lockout.key(login.email_key))
        if not await queries.set_password(work, login.id, password_hash, login.version, proven=True):
            raise InvalidResetToken("Ask for a new link.")
        await self._sessions.end_sessions(work, login.id)
        self._mailer.send(work, self._mails.password_changed(login.email, login.language))

    async def change(
        self, work: Work, account_id: UUID, session_id: UUID, change: PasswordChange, client: Client
    ) -> None:
        """A new password for whoever knows the present one; all other sessions end.

        Raises WrongPassword, LockedOut, Invalid, TooManyRequests, HashingBusy.
        """
        login = await self._owners.prove(work, account_id, change.current_password, client)
        names = await self._person.find_names(work, account_id)
        password = check_new_password(change.new_password, login.email, names.handle, field="new_password")
        password_hash = await self._passwords.hash(password)
        await self._owners.settle(work, login)
        if not await queries.set_password(work, account_id, password_hash, login.version, proven=False):
            raise WrongPassword("It was changed a moment ago.")
        await self._sessions.end_sessions(work, account_id, session_id)
        self._mailer.send(work, self._mails.password_changed(login.email, login.language))
