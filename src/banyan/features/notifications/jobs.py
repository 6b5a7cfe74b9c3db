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


class PruneNotifications(Job, frozen=True):
    """Remove notifications that are too old to be kept."""
