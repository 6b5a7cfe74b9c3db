"""Reactions to posts: one per person, a new one takes the place of the old."""

from uuid import UUID

from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import REACTION_KINDS, ReactionKind, ReactionSummary
from banyan.features.posts.queries import reactions as queries
from banyan.features.posts.queries.posts import lock_counters
from banyan.features.posts.service.announcing import announce_change, emit_unless_hidden
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.signals import ReactionPut, ReactionRemoved
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid


class Reactions:
    """Only who may see a post may react to it."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts

    async def put_reaction(self, work: Work, person_id: UUID, post_id: UUID, kind: str) -> ReactionSummary:
        """Raises Invalid, PostNotFound."""
        wanted = check_kind(kind)
        post = await self._posts.get_visible(work, person_id, post_id)
        counts = await _lock_counts(work, post_id)
        # Read under the lock: of two at once by one person the later one sees what the earlier one chose.
        present = await queries.find_reaction(work, post_id, person_id)
        if present != wanted:
            counts = _moved(counts, present, wanted)
            await queries.put_reaction(work, post_id, person_id, wanted, now(), counts)
            emit_unless_hidden(work, post.audience, ReactionPut(post_id, person_id, wanted))
            announce_change(work, post_id, post.author_id, post.audience, "reacted")
            work.announce(ME_TOPIC, str(person_id))
        return ReactionSummary(counts, wanted)

    async def remove_reaction(self, work: Work, person_id: UUID, post_id: UUID, kind: str) -> None:
        """Takes back one's reaction of that kind; where there is none nothing happens. Raises Invalid, PostNotFound."""
        wanted = check_kind(kind)
        post = await self._posts.get_visible(work, person_id, post_id)
        counts = await _lock_counts(work, post_id)
        if await queries.find_reaction(work, post_id, person_id) == wanted:
            await queries.delete_reaction(work, post_id, person_id, _moved(counts, wanted, None))
            emit_unless_hidden(work, post.audience, ReactionRemoved(post_id, person_id, wanted))
            announce_change(work, post_id, post.author_id, post.audience, "reacted")
            work.announce(ME_TOPIC, str(person_id))


def check_kind(value: str) -> ReactionKind:
    """Raises Invalid."""
    for kind in REACTION_KINDS:
        if kind == value:
            return kind
    raise Invalid.field("kind", "unknown_kind", f"One of {', '.join(REACTION_KINDS)}.")


async def _lock_counts(work: Work, post_id: UUID) -> dict[str, int]:
    counts = await lock_counters(work, post_id)
    if counts is None:
        raise PostNotFound
    return counts


def without(counts: dict[str, int], kind: str) -> dict[str, int]:
    """The counts when one person has taken a reaction back."""
    return _moved(counts, kind, None)


def _moved(counts: dict[str, int], old: str | None, new: str | None) -> dict[str, int]:
    """The counts with one person's choice changed; kinds that nobody chose are left out."""
    moved = dict(counts)
    if old is not None:
        moved[old] = moved.get(old, 0) - 1
    if new is not None:
        moved[new] = moved.get(new, 0) + 1
    return {kind: count for kind, count in moved.items() if count > 0}
