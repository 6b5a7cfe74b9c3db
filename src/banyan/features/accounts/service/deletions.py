"""Leaving for good: hidden at once, taken back within the grace period, then erased feature by feature.

Each step of erasing is a job with a transaction of its own, and enqueues the next one in it: killed anywhere, it goes
on where it was, and nothing is done twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from banyan.features.accounts.errors import AccountNotFound, LastAdmin
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Client, Deletion, EraseDueAccounts, ErasePart
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.queries import deletions as queries
from banyan.features.accounts.queries import failures
from banyan.features.accounts.queries import roles as role_queries
from banyan.features.accounts.queries import sessions as session_queries
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.owner import OwnerCheck
from banyan.features.accounts.settings import AccountsSettings
from banyan.features.accounts.signals import AccountDeleted
from banyan.infra.auth.api_keys import API_KEYS_TOPIC
from banyan.infra.auth.tokens import SESSIONS_TOPIC
from banyan.infra.database.work import Work
from banyan.infra.declare import PersonalData
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now

_ACCOUNTS_AT_ONCE = 50


class Deletions:
    """Asked for by the owner with their password, or begun by an operator."""

    def __init__(
        self,
        settings: AccountsSettings,
        owners: OwnerCheck,
        mailer: Mailer,
        mails: AccountMails,
        person: PersonLink,
    ) -> None:
        self._grace = timedelta(days=settings.deletion_grace_days)
        self._owners = owners
        self._mailer = mailer
        self._mails = mails
        self._person = person

    async def ask_deletion(self, work: Work, account_id: UUID, password: str, client: Client) -> Deletion:
        """The owner leaves. Raises WrongPassword, LockedOut, LastAdmin, AccountNotFound, TooManyRequests."""
        login = await self._owners.prove(work, account_id, password, client)
        await self._owners.settle(work, login)
        return await self.start_deletion(work, account_id)

    async def start_deletion(self, work: Work, account_id: UUID) -> Deletion:
        """Hides the person from everybody and ends all sessions; again changes nothing.

        Raises AccountNotFound, LastAdmin.
        """
        # The admins first, as whoever takes a role does: two at once would deadlock, or both succeed.
        if await role_queries.lock_admins(work) == [account_id]:
            raise LastAdmin("Make somebody else an admin first.")
        begun = await queries.begin_deletion(work, account_id, now() + self._grace)
        leaving = await queries.find_leaving(work, account_id)
        if begun is None or leaving is None:
            raise AccountNotFound
        deletes_at, is_new = begun
        ended = await session_queries.end_sessions(work, account_id, None)
        if ended:
            work.announce(SESSIONS_TOPIC, *map(str, ended))
        work.announce(API_KEYS_TOPIC, str(account_id))
        await self._person.hide(work, account_id)
        if is_new:
            work.enqueue(EraseDueAccounts(), run_at=deletes_at, key=str(account_id))
            date = f"{deletes_at:%Y-%m-%d}"
            self._mailer.send(work, self._mails.deletion_begun(leaving.email, leaving.language, date))
        return Deletion(deletes_at)

    async def restore(self, work: Work, account_id: UUID) -> bool:
        """Takes a deletion back: everything is as it was. False when there was none, or it is too late."""
        restored = await queries.end_deletion(work, account_id)
        if restored:
            work.announce(API_KEYS_TOPIC, str(account_id))
            await self._person.show(work, account_id)
        return restored


class Erasures:
    """What follows the grace period. `parts` are what each feature declares, that of accounts first; they are erased
    from the last one down, since those above may look at those below.
    """

    def __init__(self, parts: Sequence[PersonalData]) -> None:
        self._parts = tuple(reversed(parts))
        self._next = {
            part.feature: following.feature for part, following in zip(self._parts, self._parts[1:], strict=False)
        }

    async def erase_due(self, work: Work, job: EraseDueAccounts) -> None:
        """Begins with the accounts whose time has come."""
        accounts = await queries.begin_erasing(work, _ACCOUNTS_AT_ONCE)
        for account_id in accounts:
            work.enqueue(ErasePart(account_id, self._parts[0].feature))
        if len(accounts) == _ACCOUNTS_AT_ONCE:
            work.enqueue(job)

    async def erase_part(self, work: Work, job: ErasePart) -> None:
        """A bounded step of erasing one account in one feature, and then the next."""
        # A feature that is gone, a plug-in taken out meanwhile: from the beginning, what is erased costs little.
        part = next((one for one in self._parts if one.feature == job.feature), self._parts[0])
        if await part.erase(work, job.account_id):
            work.enqueue(ErasePart(job.account_id, part.feature))
        elif part.feature in self._next:
            work.enqueue(ErasePart(job.account_id, self._next[part.feature]))


class AccountEraser:
    """The last step: the account itself. `forget` removes what the house keeps by the account's id."""

    def __init__(
        self,
        lockout: Lockout,
        mailer: Mailer,
        mails: AccountMails,
        forget: Callable[[Work, UUID], Awaitable[None]],
    ) -> None:
        self._lockout = lockout
        self._mailer = mailer
        self._mails = mails
        self._forget = forget

    async def erase(self, work: Work, account_id: UUID) -> bool:
        """Never any more to do."""
        leaving = await queries.find_leaving(work, account_id)
        if leaving is not None:
            await self._forget(work, account_id)
            await failures.delete_failures(work, self._lockout.key(leaving.email_key))
            await queries.delete_account(work, account_id, leaving.email_key)
            work.emit(AccountDeleted(account_id))
            self._mailer.send(work, self._mails.account_deleted(leaving.email, leaving.language))
        return False
