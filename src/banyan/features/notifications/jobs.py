"""Work that notifications leave for later."""

from uuid import UUID

from banyan.infra.declare import Gone, Notice
from banyan.kernel.signals import Job


class TellMany(Job, frozen=True):
    """Tell the next of a notice's recipients, those after `after` in the order of ids."""

    kind: str
    notice: Notice
    after: UUID | None = None


class ForgetNotices(Job, frozen=True):
    """Take back what need not be told any more, some at a time."""

    gone: Gone


class MailNotification(Job, frozen=True):
    """Send a new notification by mail."""

    item_id: UUID
    person_id: UUID


class MailDigest(Job, frozen=True):
    """Send a person's digest."""

    person_id: UUID


class SendPushes(Job, frozen=True):
    """Send what is due on a lane. One worker at a time does: slow services take one place only."""

    lane: str


class CloseUnlisted(Job, frozen=True):
    """End a notification that only pushes have told of: what follows is a new one."""

    item_id: UUID


class SweepPushes(Job, frozen=True):
    """Set going what is overdue, whatever became of its job."""


class PruneNotifications(Job, frozen=True):
    """Remove notifications that are too old to be kept."""
