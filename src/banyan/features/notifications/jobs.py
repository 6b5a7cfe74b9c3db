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


class PruneNotifications(Job, frozen=True):
    """Remove notifications that are too old to be kept."""
