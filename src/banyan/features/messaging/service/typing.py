"""Who is typing: told to those who listen, stored nowhere."""

import math
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.features.messaging.models import POINTED_MEMBERS
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import TYPING
from banyan.infra.database.work import Work
from banyan.kernel.errors import Invalid

# Of one person in one conversation; what comes sooner is left out, and so is everything in large groups, and where a
# block stands between two of the members: all hear the same.
_EVERY_SECONDS = 1.0
_REMEMBERED = 10_000


class TypingInput(Struct, forbid_unknown_fields=True):
    """`typing` false: stopped."""

    typing: bool = True


class Typing(Struct, frozen=True, tag_field="type", tag="typing"):
    """Somebody is typing, or no longer; without another word, for some seconds."""

    person_id: UUID
    typing: bool


class TypingRoom:
    """Passes on who types, at most once a second for each."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        # When one's typing was last told, and whether it still stands.
        self._last: dict[tuple[UUID, UUID], tuple[float, bool]] = {}

    async def publish_typing(self, work: Work, person_id: UUID, conversation_id: UUID, data: Any) -> None:
        """Raises ConversationNotFound, Invalid."""
        try:
            told = msgspec.convert({} if data is None else data, TypingInput)
        except msgspec.ValidationError as error:
            raise Invalid.field("data", "invalid", str(error)) from None
        membership = await self._access.get_membership(work, person_id, conversation_id)
        if membership.member_count > POINTED_MEMBERS or await self._access.is_divided(work, person_id, conversation_id):
            return
        if self._may_tell(person_id, conversation_id, told.typing):
            work.publish(f"{TYPING}:{conversation_id}", Typing(person_id, told.typing))

    def _may_tell(self, person_id: UUID, conversation_id: UUID, typing: bool) -> bool:
        now = self._clock()
        key = (person_id, conversation_id)
        at, stands = self._last.get(key, (-math.inf, False))
        if not typing:
            if stands:
                # The moment stays: stopping makes no room for the next.
                self._last[key] = (at, False)
            # Once: what was not begun cannot stop.
            return stands
        if now - at < _EVERY_SECONDS:
            return False
        if len(self._last) >= _REMEMBERED:
            self._last = {one: last for one, last in self._last.items() if now - last[0] < _EVERY_SECONDS}
        self._last[key] = (now, True)
        return True
