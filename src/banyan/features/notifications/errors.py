"""Refusals of notifications."""

from banyan.kernel.errors import NotFound


class NotificationNotFound(NotFound):
    """Also for one that somebody else was told, and one about what its reader may no longer see."""

    code = "notification_not_found"
    title = "There is no such notification"
