"""What export and deletion of a person mean for messaging."""

from banyan.features.messaging.service import personal
from banyan.infra.declare import DataSection, PersonalData

PERSONAL_DATA = PersonalData(
    feature="messaging",
    sections=(
        DataSection("conversations", "Conversations", personal.CONVERSATIONS),
        DataSection("messages", "Messages", personal.MESSAGES),
        DataSection("message_reactions", "Reactions to messages", personal.REACTIONS),
    ),
    erase=personal.erase,
)
