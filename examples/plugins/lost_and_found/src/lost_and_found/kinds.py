"""What lost and found tells people of: that a thing which they have found is back with its owner."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.infra.declare import AnyNotificationKind, KindText, Notice, NotificationKind
from lost_and_found.service import LostAndFound
from lost_and_found.signals import ItemReturned

_RETURNED: Final = {
    "en": KindText("Things you have found", "{actors} has it back: thank you", "{actors} have it back: thank you"),
    "fr": KindText("Vos trouvailles", "{actors} l’a retrouvé : merci", "{actors} l’ont retrouvé : merci"),
}


async def _tell_helper(work: Work, signal: ItemReturned) -> Notice | None:
    if signal.helper_id is None:
        return None
    return Notice(
        subject_id=signal.item_id, source_id=signal.item_id, actor_id=signal.person_id, person_id=signal.helper_id
    )


def notification_kinds(items: LostAndFound) -> tuple[AnyNotificationKind, ...]:
    async def visible(work: Work, viewer_id: UUID, item_ids: Sequence[UUID]) -> Sequence[UUID]:
        return await items.list_visible(work, viewer_id, item_ids)

    return (NotificationKind("lost_and_found.returned", ItemReturned, "item", _tell_helper, visible, _RETURNED),)
