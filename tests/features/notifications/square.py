"""A town in which people are told what concerns them: jobs run when a test says so."""

from typing import Any
from uuid import UUID

from banyan.app.messaging import build_messaging
from banyan.app.notifications import MailParts, NotificationParts, build_notifications
from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications import subscribers
from banyan.features.notifications.mails import NotificationMails, Unsubscribing
from banyan.features.notifications.models import Notification, PreferenceChanges, ReadAll
from banyan.features.notifications.settings import NotificationsSettings
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind
from banyan.infra.mail.mailer import Mailer, SendMail
from banyan.infra.mail.templates import MailTemplates
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.features.town import Town


class Outbox:
    """Takes mails away and keeps them; handing one over is part of the transaction, as with a real transport."""

    def __init__(self) -> None:
        self.mails: list[SendMail] = []

    async def deliver(self, work: Work, mail: SendMail) -> None:
        self.mails.append(mail)


def make_mail_parts(outbox: Outbox) -> MailParts:
    unsubscribing = Unsubscribing("s" * 43)
    templates = MailTemplates(None, "Testville")
    return MailParts(Mailer(outbox), NotificationMails("http://banyan.test", templates, unsubscribing), unsubscribing)


class Square(Town):
    """A town whose people have accounts, and notifications."""

    def __init__(self, pool: Pool, *further: AnyNotificationKind) -> None:
        super().__init__(pool)
        self.sent = Outbox()
        self.messaging = build_messaging(self.api)
        self.parts: NotificationParts = build_notifications(
            NotificationsSettings(), self.api, self.messaging, make_mail_parts(self.sent), further
        )
        self._followers: dict[type, list[Any]] = {}
        for subscriber in subscribers.subscribers(self.parts.kinds, self.parts.ends, self.parts.telling):
            self._followers.setdefault(subscriber.signal, []).append(subscriber.handler)
        for kind in subscribers.job_kinds(self.parts.telling, self.parts.mailing):
            self._followers.setdefault(kind.job, []).append(kind.handler)
        self.memory.followed = {*self.memory.followed, *self._followers}

    async def run(self, work: Work, job: Any) -> None:
        await super().run(work, job)
        for follower in self._followers.get(type(job), ()):
            await follower(work, job)

    async def person(self, handle: str) -> UUID:
        """With an account, so that there is a language."""
        person_id = await super().person(handle)
        async with self.work() as work:
            await work.write(
                """INSERT INTO accounts_accounts
                       (id, email, email_key, password_hash, role, language, email_verified_at, created_at)
                   VALUES ($1, $2, $2, 'x', 'member', 'en', $3, $3)""",
                person_id,
                f"{handle}@example.org",
                now(),
            )
        return person_id

    async def speak(self, person_id: UUID, language: str) -> None:
        async with self.work() as work:
            await AccountsApi().set_language(work, person_id, language)  # type: ignore[arg-type]

    async def inbox(self, person_id: UUID, *, unread: bool = False) -> list[Notification]:
        """The first page, once all jobs have run."""
        await self.drain()
        async with self.work() as work:
            return (await self.parts.inbox.list_notifications(work, person_id, 100, None, unread=unread)).items

    async def unread(self, person_id: UUID) -> int:
        await self.drain()
        async with self.work() as work:
            return (await self.parts.inbox.count_unread(work, person_id)).unread_count

    async def texts(self, person_id: UUID) -> list[str]:
        return [one.text for one in await self.inbox(person_id)]

    async def read(self, person_id: UUID, item_id: UUID) -> None:
        async with self.work() as work:
            await self.parts.inbox.read(work, person_id, item_id)

    async def read_all(self, person_id: UUID, before: str | None = None) -> int:
        async with self.work() as work:
            return (await self.parts.inbox.read_all(work, person_id, ReadAll(before=before))).unread_count

    async def prefer(self, person_id: UUID, changes: PreferenceChanges) -> None:
        async with self.work() as work:
            await self.parts.book.update_preferences(work, person_id, changes)

    async def crowd(self, number: int) -> list[UUID]:
        return [await self.person(f"person_{new_id().hex[-12:]}_{n}") for n in range(number)]
