"""What sockets may join of messaging."""

from typing import Any
from uuid import UUID

from banyan.features.messaging.happenings import Happening
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import CONVERSATION, TYPING, ConversationLog
from banyan.features.messaging.service.typing import Typing, TypingRoom
from banyan.infra.database.work import Work
from banyan.infra.declare import Topic
from banyan.kernel.errors import NotFound


def topics(access: Access, log: ConversationLog, typing: TypingRoom) -> tuple[Topic, ...]:
    async def may_join(work: Work, viewer_id: UUID | None, key: str) -> bool:
        conversation_id = _read_id(key)
        if viewer_id is None or conversation_id is None:
            return False
        return await access.is_member(work, viewer_id, conversation_id)

    async def publish(work: Work, person_id: UUID, key: str, data: Any) -> None:
        conversation_id = _read_id(key)
        if conversation_id is None:
            raise NotFound
        await typing.publish_typing(work, person_id, conversation_id, data)

    key = "{conversation_id}"
    return (
        Topic(CONVERSATION, may_join, log=log, heads=log.heads, address=f"{CONVERSATION}:{key}", events=Happening),
        Topic(TYPING, may_join, publish=publish, address=f"{TYPING}:{key}", events=Typing),
    )


def _read_id(key: str) -> UUID | None:
    """Only as ids are written by us: a topic has one name."""
    try:
        found = UUID(key)
    except ValueError:
        return None
    return found if str(found) == key else None
