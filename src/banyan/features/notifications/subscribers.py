"""What notifications do after signals and as jobs; wiring collects all of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from banyan.features.notifications.jobs import (
    CloseUnlisted,
    ForgetNotices,
    MailDigest,
    MailNotification,
    PruneNotifications,
    SendPushes,
    SweepPushes,
    TellMany,
)
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.mailing import Mailing
from banyan.features.notifications.service.pushing import Pushing
from banyan.features.notifications.service.telling import Telling
from banyan.infra.database.work import Work
from banyan.infra.declare import (
    AnyJobKind,
    AnyNoticeEnd,
    AnyNotificationKind,
    AnySubscriber,
    JobKind,
    Priority,
    Schedule,
    Subscriber,
)

SCHEDULES = (
    Schedule("notifications.prune", 3600, PruneNotifications()),
    Schedule("notifications.sweep_pushes", 300, SweepPushes()),
)

Handler = Callable[[Work, Any], Awaitable[None]]


def subscribers(kinds: Kinds, ends: Sequence[AnyNoticeEnd], telling: Telling) -> tuple[AnySubscriber, ...]:
    """One for each kind, and one for each signal that ends something."""

    def tells(kind: AnyNotificationKind) -> Handler:
        async def handle(work: Work, signal: Any) -> None:
            await telling.tell(work, kind, signal)

        return handle

    def forgets(end: AnyNoticeEnd) -> Handler:
        async def handle(work: Work, signal: Any) -> None:
            await telling.forget_all(work, end.gone(signal))

        return handle

    return (
        *(Subscriber(kind.signal, f"notifications.tell.{name}", tells(kind)) for name, kind in kinds.by_name.items()),
        *(Subscriber(end.signal, f"notifications.forget.{end.signal.__name__}", forgets(end)) for end in ends),
    )


def job_kinds(telling: Telling, mailing: Mailing, pushing: Pushing) -> tuple[AnyJobKind, ...]:
    return (
        JobKind(TellMany, telling.tell_many),
        JobKind(ForgetNotices, telling.forget),
        JobKind(MailNotification, mailing.mail_one),
        JobKind(MailDigest, mailing.mail_digest),
        JobKind(SendPushes, pushing.send_due, priority=Priority.OUTGOING),
        JobKind(CloseUnlisted, pushing.close_unlisted, priority=Priority.LOW),
        JobKind(SweepPushes, pushing.sweep),
        JobKind(PruneNotifications, telling.prune, priority=Priority.LOW),
    )
