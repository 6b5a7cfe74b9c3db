"""Reactions to messages: one per person, a new one takes the place of the old."""

from uuid import UUID

from banyan.features.messaging.errors import MessageNotFound
from banyan.features.messaging.happenings import Reacted
from banyan.features.messaging.models import REACTION_KINDS, MessageReactions, MessageRow, ReactionKind
from banyan.features.messaging.queries import messages as queries
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import closed, tell
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid


class Reactions:
    """Only who may read a message may react to it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def put_reaction(self, work: Work, person_id: UUID, message_id: UUID, kind: str) -> MessageReactions:
        """Raises Invalid, MessageNotFound."""
        wanted = _check_kind(kind)
        row, _ = await self._access.get_message(work, person_id, message_id)
        divided = await self._access.is_divided(work, person_id, row.conversation_id)
        counts = await _change(work, person_id, row, wanted, only=None, divided=divided)
        return MessageReactions(counts, wanted)

    async def remove_reaction(self, work: Work, person_id: UUID, message_id: UUID, kind: str) -> None:
        """Takes back one's reaction of that kind; where there is none nothing happens. Raises Invalid,
        MessageNotFound.
        """
        wanted = _check_kind(kind)
        row, _ = await self._access.get_message(work, person_id, message_id)
        divided = await self._access.is_divided(work, person_id, row.conversation_id)
        await _change(work, person_id, row, None, only=wanted, divided=divided)


async def _change(
    work: Work, person_id: UUID, message: MessageRow, kind: str | None, *, only: str | None, divided: bool
) -> dict[str, int]:
    """Sets or takes back (None) a reaction, the latter only where it is `only`; the counts after it. Of whom a block
    hides from a member (`divided`) it is not told whose it is.
    """
    locked = await queries.lock_reactions(work, message.id, person_id)
    if locked is None:
        raise MessageNotFound
    counts, present = locked
    if present == kind or (only is not None and present != only):
        return counts
    counts = moved(counts, present, kind)
    await queries.put_reaction(work, message.id, person_id, kind, now(), counts)
    event = Reacted(message.id, person_id, kind, counts)
    await tell(work, message.conversation_id, closed(event) if divided else event)
    return counts


async def take_back(work: Work, person_id: UUID, message: MessageRow) -> None:
    """Whatever a person chose who leaves for good: nobody is told who."""
    await _change(work, person_id, message, None, only=None, divided=True)


def moved(counts: dict[str, int], old: str | None, new: str | None) -> dict[str, int]:
    """The counts with one person's choice changed; kinds that nobody chose are left out."""
    changed = dict(counts)
    if old is not None:
        changed[old] = changed.get(old, 0) - 1
    if new is not None:
        changed[new] = changed.get(new, 0) + 1
    return {kind: count for kind, count in changed.items() if count > 0}


def _check_kind(value: str) -> ReactionKind:
    for kind in REACTION_KINDS:
        if kind == value:
            return kind
    raise Invalid.field("kind", "unknown_kind", f"One of {', '.join(REACTION_KINDS)}.")
