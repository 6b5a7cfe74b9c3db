"""Mail: at once or in the daily digest, never in quiet hours, and never of what has been read or may not be seen."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from banyan.features.accounts.api import AccountsApi
from banyan.features.accounts.errors import AccountNotFound
from banyan.features.accounts.models import Login
from banyan.features.notifications.jobs import MailDigest, MailNotification
from banyan.features.notifications.mails import DIGEST, NotificationMails, Unsubscribing
from banyan.features.notifications.models import Channels, ItemRow, StoredPreferences, Told
from banyan.features.notifications.queries import items as queries
from banyan.features.notifications.queries.preferences import find_preferences, lock_preferences, put_preferences
from banyan.features.notifications.service.inbox import Inbox
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.quiet import next_digest, quiet_until
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid

# What happens within so long is told in one mail.
_COLLECT = timedelta(seconds=5)
# The rest of a day is one line.
_MOST_LINES = 20


class Mailing:
    """One mail per notification while it is unread, or one a day. Its id is given in the job's own transaction, so
    every try to send it carries the same.
    """

    def __init__(
        self,
        kinds: Kinds,
        inbox: Inbox,
        accounts: AccountsApi,
        mailer: Mailer,
        mails: NotificationMails,
        unsubscribing: Unsubscribing,
    ) -> None:
        self._kinds = kinds
        self._inbox = inbox
        self._accounts = accounts
        self._mailer = mailer
        self._mails = mails
        self._unsubscribing = unsubscribing

    async def plan(
        self, work: Work, told: Sequence[Told], ways: dict[UUID, Channels], chosen: dict[UUID, StoredPreferences]
    ) -> None:
        """What is to be sent of new notifications, and when."""
        daily: list[tuple[UUID, UUID]] = []
        for one in told:
            stored, way = chosen.get(one.person_id) or StoredPreferences(), ways[one.person_id]
            # What no inbox shows stays unread until a mail could be sent: it is tried with everything that happens.
            if way.email == "now" and (one.fresh or not way.in_app):
                at = now() + _COLLECT
                work.enqueue(MailNotification(one.item_id, one.person_id), run_at=quiet_until(stored, at) or at)
            elif way.email == "daily":
                daily.append((one.item_id, one.person_id))
        await self._keep_for_digest(work, daily, chosen)

    async def mail_one(self, work: Work, job: MailNotification) -> None:
        """Sends one, unless it is too late for it."""
        row = await queries.lock_unmailed(work, job.item_id)
        stored = await find_preferences(work, job.person_id)
        if row is not None and self._wants(stored, row, "daily"):
            # The person has changed their mind since.
            await self._keep_for_digest(work, [(row.id, row.person_id)], {row.person_id: stored})
        if row is None or not self._wants(stored, row, "now"):
            return
        until = quiet_until(stored, now())
        if until is not None:
            work.enqueue(job, run_at=until)
            return
        login = await self._find_login(work, job.person_id)
        shown = await self._inbox.look(work, job.person_id, [row])
        if login is None or not shown:
            return
        text = self._inbox.write(shown[0], login.language).text
        self._mailer.send(work, self._mails.notification(login.email, login.language, row.person_id, row.kind, text))
        await queries.mark_mailed(work, [row.id], now())

    async def mail_digest(self, work: Work, job: MailDigest) -> None:
        """Sends what has waited for the digest and is still news."""
        stored = await find_preferences(work, job.person_id)
        until = quiet_until(stored, now())
        if until is not None:
            work.enqueue(job, run_at=until, key=str(job.person_id))
            return
        rows = await queries.take_for_digest(work, job.person_id)
        wanted = [row for row in rows if self._wants(stored, row, "daily")]
        for row in rows:
            if self._wants(stored, row, "now"):
                work.enqueue(MailNotification(row.id, row.person_id))
        login = await self._find_login(work, job.person_id) if wanted else None
        shown = await self._inbox.look(work, job.person_id, wanted)
        if login is None or not shown:
            return
        lines = [self._inbox.write(one, login.language).text for one in shown[:_MOST_LINES]]
        if len(shown) > _MOST_LINES:
            lines.append(f"+ {len(shown) - _MOST_LINES}")
        self._mailer.send(work, self._mails.digest(login.email, login.language, job.person_id, lines))
        await queries.mark_mailed(work, [one.row.id for one in shown], now())

    async def unsubscribe(self, work: Work, token: str) -> None:
        """Who has the token wants no more of these mails; again changes nothing. Raises Invalid."""
        found = self._unsubscribing.read(token)
        if found is None:
            raise Invalid.field("token", "unknown_token", "Use the link of the mail as it is.")
        person_id, scope = found
        stored = await lock_preferences(work, person_id)
        kinds = dict(stored.kinds)
        for name, kind in self._kinds.by_name.items():
            old = self._kinds.channels(stored, kind)
            if name == scope or (scope == DIGEST and old.email == "daily"):
                kinds[name] = Channels(old.in_app, "off", old.push)
        changed = StoredPreferences(kinds, stored.quiet, stored.time_zone, stored.digest_hour)
        await put_preferences(work, person_id, changed, now())

    async def _keep_for_digest(
        self, work: Work, items: Sequence[tuple[UUID, UUID]], chosen: Mapping[UUID, StoredPreferences]
    ) -> None:
        """(item, person) of each. One digest per person waits, for the earliest time that was asked for."""
        for _, person_id in items:
            due_at = next_digest(chosen.get(person_id) or StoredPreferences(), now())
            work.enqueue(MailDigest(person_id), run_at=due_at, key=str(person_id))
        if items:
            await queries.mark_for_digest(work, [item_id for item_id, _ in items])

    def _wants(self, stored: StoredPreferences, row: ItemRow, when: str) -> bool:
        kind = self._kinds.find(row.kind)
        return kind is not None and row.read_at is None and self._kinds.channels(stored, kind).email == when

    async def _find_login(self, work: Work, person_id: UUID) -> Login | None:
        """Only proven addresses get mail of this kind."""
        try:
            login = await self._accounts.get_login(work, person_id)
        except AccountNotFound:
            return None
        return login if login.email_verified else None
