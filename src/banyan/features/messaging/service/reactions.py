"""Reactions to messages: one per person, a new one takes the place of the old."""

from uuid import UUID

from banyan.features.messaging.errors import MessageNotFound
from banyan.features.messaging.happenings import Reacted
from banyan.features.messaging.models import REACTION_KINDS, MessageReactions, ReactionKind
from banyan.features.messaging.queries import messages as queries
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.log import tell
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
        counts = await _change(work, person_id, row.conversation_id, message_id, wanted, only=None)
        return MessageReactions(counts, wanted)

    async def remove_reaction(self, work: Work, person_id: UUID, message_id: UUID, kind: str) -> None:
        """Takes back one's reaction of that kind; where there is none nothing happens. Raises Invalid,
        MessageNotFound.
        """
        wanted = _check_kind(kind)
        row, _ = await self._access.get_message(work, person_id, message_id)
        await _change(work, person_id, row.conversation_id, message_id, None, only=wanted)


async def _change(
    work: Work, person_id: UUID, conversation_id: UUID, message_id: UUID, kind: str | None, *, only: str | None
) -> dict[str, int]:
    """Sets or takes back (None) a reaction, the latter only where it is `only`; the counts after it."""
    locked = await queries.lock_reactions(work, message_id, person_id)
    if locked is None:
        raise MessageNotFound
    counts, present = locked
    if present == kind or (only is not None and present != only):
        return counts
    counts = moved(counts, present, kind)
    await queries.put_reaction(work, message_id, person_id, kind, now(), counts)
    await tell(work, conversation_id, Reacted(message_id, person_id, kind, counts))
    return counts


async def take_back(work: Work, person_id: UUID, conversation_id: UUID, message_id: UUID) -> None:
    """Whatever a person chose."""
    await _change(work, person_id, conversation_id, message_id, None, only=None)


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
