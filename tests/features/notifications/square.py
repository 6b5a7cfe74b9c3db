"""A town in which people are told what concerns them: jobs run when a test says so."""

from typing import Any
from uuid import UUID

import msgspec

from banyan.app.messaging import build_messaging
from banyan.app.notifications import MailParts, NotificationParts, PushParts, build_notifications
from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications import subscribers
from banyan.features.notifications.jobs import SendPushes
from banyan.features.notifications.mails import NotificationMails, Unsubscribing
from banyan.features.notifications.models import (
    AppService,
    NewDevice,
    NewSubscription,
    Notification,
    PreferenceChanges,
    ReadAll,
)
from banyan.features.notifications.settings import NotificationsSettings
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind
from banyan.infra.mail.mailer import Mailer, SendMail
from banyan.infra.mail.templates import MailTemplates
from banyan.infra.push.settings import PushSettings
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.infra.push.browser import Browser

NO_PUSH = PushParts(PushSettings(), {}, None, "Testville")
LANES = ("web", "web.troubled", "fcm", "fcm.troubled", "apns", "apns.troubled")


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

    def __init__(self, pool: Pool, *further: AnyNotificationKind, push: PushParts | None = None) -> None:
        super().__init__(pool)
        # These run when a test asks for pushes: they come back until nothing is in line.
        self.push_jobs: list[SendPushes] = []
        self.sent = Outbox()
        self.messaging = build_messaging(self.api)
        self.parts: NotificationParts = build_notifications(
            NotificationsSettings(), self.api, self.messaging, make_mail_parts(self.sent), push or NO_PUSH, further
        )
        self._followers: dict[type, list[Any]] = {}
        for subscriber in subscribers.subscribers(self.parts.kinds, self.parts.ends, self.parts.telling):
            self._followers.setdefault(subscriber.signal, []).append(subscriber.handler)
        for kind in subscribers.job_kinds(self.parts.telling, self.parts.mailing, self.parts.pushing):
            self._followers.setdefault(kind.job, []).append(kind.handler)
        self.memory.followed = {*self.memory.followed, *self._followers}

    async def run(self, work: Work, job: Any) -> None:
        if isinstance(job, SendPushes):
            self.push_jobs.append(job)
            return
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

    async def session(self, person_id: UUID) -> UUID:
        """A session in which devices may be registered."""
        session_id = new_id()
        async with self.work() as work:
            await work.write(
                """INSERT INTO accounts_sessions (id, account_id, expires_at, user_agent, ip, refresh_digests)
                   VALUES ($1, $2, now() + interval '1 day', 'Test', '127.0.0.1', '{}')""",
                session_id,
                person_id,
            )
        return session_id

    async def browse(self, person_id: UUID, browser: Browser, session_id: UUID | None = None) -> UUID:
        """Subscribes a browser; its id."""
        session_id = session_id or await self.session(person_id)
        new = msgspec.convert(browser.subscription(), NewSubscription)
        async with self.work() as work:
            return (await self.parts.devices.subscribe(work, person_id, session_id, "Test browser", new)).id

    async def install(self, person_id: UUID, service: AppService, token: str) -> UUID:
        """Registers an app; its id."""
        session_id = await self.session(person_id)
        async with self.work() as work:
            new = NewDevice(service=service, token=token)
            return (await self.parts.devices.add_device(work, person_id, session_id, "Test app", new)).id

    async def push(self, *, hurry: bool = True) -> None:
        """Sends what is in line once all jobs have run; in a hurry also what is not due yet."""
        await self.drain()
        if hurry:
            async with self.work() as work:
                await work.write("UPDATE notifications_pushes SET due_at = now() - interval '1 second'")
        for lane in LANES:
            async with self.work() as work:
                await self.parts.pushing.send_due(work, SendPushes(lane))

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
