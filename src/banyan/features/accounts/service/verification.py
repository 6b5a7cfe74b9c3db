"""Proving that an address belongs to whoever signed up with it."""

from datetime import datetime, timedelta
from uuid import UUID

from banyan.features.accounts.errors import InvalidVerification
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Role, SendVerification, Verified
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.queries import accounts as account_queries
from banyan.features.accounts.queries import verification as queries
from banyan.features.accounts.queries.verification import SignUpRow, VerifiedSubject
from banyan.features.accounts.service.invites import Invites
from banyan.features.accounts.settings import AccountsSettings
from banyan.features.accounts.signals import AccountCreated
from banyan.infra.auth.digests import hash_token, make_secret
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now


class Verification:
    """Links are random, work once and are stored as digests."""

    def __init__(
        self,
        settings: AccountsSettings,
        mailer: Mailer,
        mails: AccountMails,
        person: PersonLink,
        invites: Invites,
    ) -> None:
        self._seconds = settings.verification_seconds
        self._per_day = settings.verifications_per_day
        self._mailer = mailer
        self._mails = mails
        self._person = person
        self._invites = invites

    async def ask_owner(self, work: Work, account_id: UUID, email: str, language: str) -> None:
        """Sends the link for an account that exists."""
        token = await self._make_token(work, VerifiedSubject(account_id, None))
        if token:
            self._mailer.send(work, self._mails.verify_email(email, language, token))

    async def ask_newcomer(self, work: Work, sign_up: SignUpRow) -> None:
        """Keeps a sign-up until its address is proven. Where the address has an account its owner is told, by the
        same number of statements: neither answer nor time tells which it was.
        """
        owner = await account_queries.find_owner(work, sign_up.email_key)
        if not await queries.insert_sign_up(work, sign_up, self._expiry(), self._per_day):
            return
        token = await self._make_token(work, VerifiedSubject(None, sign_up.id))
        if owner:
            self._mailer.send(work, self._mails.already_registered(owner.email, owner.language))
        elif token:
            self._mailer.send(work, self._mails.finish_sign_up(sign_up.email, sign_up.language, token, sign_up.handle))

    def ask_again(self, work: Work, email_key: str) -> None:
        """Sends another link later, from a job: looking now would tell by its time whether there is an account.
        Asked again before it was sent, one is enough.
        """
        work.enqueue(SendVerification(email_key), key=email_key)

    async def send_verification(self, work: Work, job: SendVerification) -> None:
        """The job of `ask_again`."""
        found = await queries.find_recipient(work, job.email_key)
        if found is None:
            return
        subject, recipient = found
        token = await self._make_token(work, subject)
        if token is None:
            return
        if recipient.handle is None:
            message = self._mails.verify_email(recipient.email, recipient.language, token)
        else:
            message = self._mails.finish_sign_up(recipient.email, recipient.language, token, recipient.handle)
        self._mailer.send(work, message)

    async def verify_email(self, work: Work, token: str, handle: str | None) -> Verified:
        """Uses a link. A sign-up that waited becomes an account; `handle` replaces the one it asked for.

        Raises InvalidVerification, InviteInvalid, what people say of the handle; the link then stays good.
        """
        token_hash = hash_token(token)
        email: str | None = None
        subject = await queries.find_verification(work, token_hash)
        if subject is not None:
            await queries.lock_subject(work, subject)
            if await queries.take_verification(work, token_hash):
                email = await self._prove(work, subject, handle)
        if email is None:
            raise InvalidVerification("Ask for a new link.")
        return Verified(email)

    async def _prove(self, work: Work, subject: VerifiedSubject, handle: str | None) -> str | None:
        """The address that is proven now; None when there is an account with it meanwhile."""
        if subject.account_id is not None:
            return await queries.mark_verified(work, subject.account_id)
        sign_up = await queries.take_sign_up(work, subject.sign_up_id) if subject.sign_up_id else None
        if sign_up is None or not await account_queries.insert_account(
            work,
            sign_up.id,
            sign_up.email,
            sign_up.email_key,
            sign_up.password_hash,
            role=Role.MEMBER,
            language=sign_up.language,
            verified=True,
        ):
            return None
        await self._invites.use_invite(work, sign_up.invite_id, sign_up.id, sign_up.email_key)
        await self._person.create(work, sign_up.id, handle or sign_up.handle, sign_up.display_name)
        work.emit(AccountCreated(sign_up.id))
        return sign_up.email

    async def _make_token(self, work: Work, subject: VerifiedSubject) -> str | None:
        """None when there were enough for today."""
        token = make_secret()
        made = await queries.insert_verification(work, hash_token(token), subject, self._expiry(), self._per_day)
        return token if made else None

    def _expiry(self) -> datetime:
        return now() + timedelta(seconds=self._seconds)
