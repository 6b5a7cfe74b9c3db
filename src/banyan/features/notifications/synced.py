"""What of notifications a client keeps offline."""

from banyan.features.notifications.service.synced import SyncedNotifications
from banyan.infra.declare import SyncedKind


def synced_kinds(notifications: SyncedNotifications) -> tuple[SyncedKind, ...]:
    return (
        SyncedKind("notification", notifications.versions, notifications.values),
        SyncedKind("unread_notifications", notifications.unread_versions, notifications.unread_values),
    )
