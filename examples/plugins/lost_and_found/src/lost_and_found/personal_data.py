"""What export and deletion of a person mean here: all goes, nothing stays."""

from banyan.infra.declare import DataSection, PersonalData
from lost_and_found.service import LostAndFound


def personal_data(items: LostAndFound) -> PersonalData:
    return PersonalData(
        feature="lost_and_found",
        sections=(DataSection("items", "Things lost and found", items.list_own),),
        erase=items.erase,
    )
