"""What export and deletion of a person mean for notifications."""

from banyan.features.notifications.service.personal import Own
from banyan.infra.declare import DataSection, PersonalData


def personal_data(own: Own) -> PersonalData:
    return PersonalData(
        feature="notifications",
        sections=(
            DataSection("notifications", "Notifications", own.list_notifications),
            DataSection("notification_preferences", "How you want to be told", own.list_preferences),
            DataSection("push_subscriptions", "Browsers that are told by push", own.list_subscriptions),
            DataSection("push_devices", "Devices that are told by push", own.list_devices),
        ),
        erase=own.erase,
    )
