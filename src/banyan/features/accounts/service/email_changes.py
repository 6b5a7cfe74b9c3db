"""Another address for an account: proven before it counts, and the old one is told."""

from datetime import timedelta
from uuid import UUID

from banyan.features.accounts.emails import read_address
from banyan.features.accounts.errors import EmailTaken, InvalidVerification
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Client, EmailChange, SendEmailChange, VerificationSent, Verified
from banyan.features.accounts.queries import accounts as account_queries
from banyan.features.accounts.queries import email_changes as queries
from banyan.features.accounts.queries import passwords as login_queries
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.owner import OwnerCheck
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.auth.digests import hash_token, make_secret
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid


class EmailChanges:
    """Whether the new address has an account is only told to whoever reads its mail."""

    def __init__(
        self, settings: AccountsSettings, owners: OwnerCheck, lockout: Lockout, mailer: Mailer, mails: AccountMails
    ) -> None:
        self._seconds = settings.verification_seconds
        self._per_day = settings.verifications_per_day
        self._owners = owners
        self._lockout = lockout
        self._mailer = mailer
        self._mails = mails

    async def ask(self, work: Work, account_id: UUID, change: EmailChange, client: Client) -> VerificationSent:
        """Sends a link to the new address, later and from a job: looking now would tell by its time whether it has
        an account. The old one is told at once, while its owner can still do something about it.

        Raises Invalid, WrongPassword, LockedOut, TooManyRequests, HashingBusy.
        """
        address = read_address(change.email)
        login = await self._owners.prove(work, account_id, change.password, client)
        self._lockout.check_limits(address.key, client)
        await self._owners.settle(work, login)
        if address.email == login.email:
            raise Invalid.field("email", "unchanged", "This is the account's address.")
        job = SendEmailChange(account_id, address.email, address.key, login.version)
        work.enqueue(job, key=f"{account_id} {address.key}")
        self._mailer.send(work, self._mails.email_change_asked(login.email, login.language, address.email))
        return VerificationSent()

    async def send_link(self, work: Work, job: SendEmailChange) -> None:
        """The job of `ask`: nothing when the account's secrets have changed since, or were enough links today."""
        login = await login_queries.find_own_login(work, job.account_id)
        if login is None or login.version != job.version:
            return
        token = make_secret()
        expires_at = now() + timedelta(seconds=self._seconds)
        made = await queries.insert_change(
            work,
            hash_token(token),
            job.account_id,
            job.email,
            job.email_key,
            expires_at=expires_at,
            per_day=self._per_day,
        )
        if not made:
            return
        owner = await account_queries.find_owner(work, job.email_key)
        if owner is not None and job.email_key != login.email_key:
            self._mailer.send(work, self._mails.address_in_use(owner.email, owner.language))
        else:
            self._mailer.send(work, self._mails.confirm_email(job.email, login.language, token))

    async def confirm(self, work: Work, token: str) -> Verified:
        """Uses a link: from now on the account has the new address.

        Raises InvalidVerification, EmailTaken when somebody has an account with it meanwhile.
        """
        change = await queries.find_change(work, hash_token(token))
        if change is None:
            raise InvalidVerification("Ask for a new link.")
        outcome = await queries.set_email(work, change)
        if outcome == "taken":
            raise EmailTaken("Somebody has an account with it meanwhile.")
        if outcome == "outdated":
            raise InvalidVerification("Ask for a new link.")
        self._mailer.send(work, self._mails.email_changed(change.old_email, change.language, change.email))
        return Verified(change.email)
