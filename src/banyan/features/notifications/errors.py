"""Refusals of notifications."""

from banyan.kernel.errors import NotFound


class NotificationNotFound(NotFound):
    """Also for one that somebody else was told, and one about what its reader may no longer see."""

    code = "notification_not_found"
    title = "There is no such notification"


class PushUnavailable(NotFound):
    """The operator has not set it up."""

    code = "push_unavailable"
    title = "There is no push of this kind here"


class SubscriptionNotFound(NotFound):
    """Also for one of somebody else."""

    code = "subscription_not_found"
    title = "There is no such subscription"


class DeviceNotFound(NotFound):
    """Also for one of somebody else."""

    code = "device_not_found"
    title = "There is no such device"
