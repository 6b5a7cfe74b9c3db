"""What export and deletion of a person mean for notifications."""

from banyan.features.notifications.service.personal import Own
from banyan.infra.declare import DataSection, PersonalData


def personal_data(own: Own) -> PersonalData:
    return PersonalData(
        feature="notifications",
        sections=(
            DataSection("notifications", "Notifications", own.list_notifications),
            DataSection("notification_preferences", "How you want to be told", own.list_preferences),
        ),
        erase=own.erase,
    )
