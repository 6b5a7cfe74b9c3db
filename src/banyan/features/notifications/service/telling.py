"""Telling: a signal becomes one notification for each person whom it concerns, exactly once, collapsed while unread."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from banyan.features.notifications.jobs import ForgetNotices, PruneNotifications, TellMany
from banyan.features.notifications.models import Channels, StoredPreferences
from banyan.features.notifications.queries import items as queries
from banyan.features.notifications.queries.preferences import list_preferences
from banyan.features.notifications.service.announcing import announce
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.mailing import Mailing
from banyan.features.notifications.service.pushing import Pushing
from banyan.features.notifications.settings import NotificationsSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind, Gone, Notice
from banyan.kernel.clock import now
from banyan.kernel.ids import first_id_at, new_id

# A batch is one transaction of a few statements: 5,000 people are told by ten jobs.
TOLD_AT_ONCE = 500
_PRUNED_AT_ONCE = 2000
_NO_PREFERENCES = StoredPreferences()


class Telling:
    """Runs in jobs, each of which ends in the transaction that it wrote in: what is told twice is written once."""

    def __init__(self, settings: NotificationsSettings, kinds: Kinds, mailing: Mailing, pushing: Pushing) -> None:
        self._settings = settings
        self._kinds = kinds
        self._mailing = mailing
        self._pushing = pushing

    async def tell(self, work: Work, kind: AnyNotificationKind, signal: Any) -> None:
        """Whom a signal concerns."""
        notice = await kind.notice(work, signal)
        if notice is None:
            return
        if notice.person_id is not None:
            await self._tell(work, kind, notice, [notice.person_id])
        else:
            work.enqueue(TellMany(kind.name, notice), run_at=now() + timedelta(seconds=kind.wait_seconds))

    async def tell_many(self, work: Work, job: TellMany) -> None:
        """The next of many, then the rest in a job of its own."""
        kind = self._kinds.find(job.kind)
        if kind is None or kind.recipients is None:
            return
        people = await kind.recipients(work, job.notice, job.after, TOLD_AT_ONCE)
        if len(people) == TOLD_AT_ONCE:
            work.enqueue(TellMany(job.kind, job.notice, people[-1]))
        await self._tell(work, kind, job.notice, people)

    async def forget(self, work: Work, job: ForgetNotices) -> None:
        """Takes back what need not be told any more; further jobs do what is left."""
        gone = job.gone
        if gone.source_id is None:
            people = await queries.delete_by_subject(work, gone, TOLD_AT_ONCE)
            more = len(people) == TOLD_AT_ONCE
        else:
            held = await queries.hold_by_source(work, gone, TOLD_AT_ONCE)
            people = await queries.delete_events(work, held, source_id=gone.source_id) if held else []
            more = len(held) == TOLD_AT_ONCE
        announce(work, people)
        if more:
            work.enqueue(job)

    async def forget_all(self, work: Work, gone: Sequence[Gone]) -> None:
        """Each of several."""
        for one in gone:
            await self.forget(work, ForgetNotices(one))

    async def prune(self, work: Work, job: PruneNotifications) -> None:
        """Removes what is too old, a part at a time."""
        oldest = now() - timedelta(days=self._settings.kept_days)
        more = await queries.delete_old(work, first_id_at(oldest), _PRUNED_AT_ONCE) == _PRUNED_AT_ONCE
        if await self._pushing.forget(work) or more:
            work.enqueue(job)

    async def _tell(self, work: Work, kind: AnyNotificationKind, notice: Notice, people: Sequence[UUID]) -> None:
        concerned = sorted({person_id for person_id in people if person_id != notice.actor_id})
        if not concerned:
            return
        chosen = await list_preferences(work, concerned)
        ways = {one: self._kinds.channels(chosen.get(one, _NO_PREFERENCES), kind) for one in concerned}
        rows = [(new_id(), one, ways[one].in_app) for one in concerned if _wanted(ways[one])]
        if not rows:
            return
        held = await queries.hold_items(work, kind.name, notice, rows)
        if not held:
            return
        told = await queries.add_events(work, kind.name, notice, held, [new_id() for _ in held])
        announce(work, [one.person_id for one in told if ways[one.person_id].in_app])
        await self._mailing.plan(work, told, ways, chosen)
        await self._pushing.plan(work, told, ways, chosen)


def _wanted(channels: Channels) -> bool:
    return channels.in_app or channels.push or channels.email != "off"
