"""Who is mentioned and which tags stand in a text. Only people who may see it are mentioned, and each is told once."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from msgspec import Struct

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import IdSet, Relations
from banyan.features.posts.marks import find_handles, find_tags
from banyan.features.posts.models import NO_MARKS, Marks, Mention, Reach
from banyan.features.posts.signals import PersonMentioned
from banyan.features.posts.visibility import is_hidden, may_see
from banyan.infra.database.work import Work

# Whoever edits names in and out for ever tells nobody any more.
_TOLD_AT_MOST = 200

Pair = tuple[UUID, UUID]


class Draft(Struct, frozen=True):
    """A text to be marked: under which post it stands, who writes it, and what was found in it before an edit."""

    body: str
    post: Reach
    by_id: UUID
    old: Marks = NO_MARKS


class _Facts(Struct, frozen=True):
    """What was read about everybody who is named in some texts."""

    ids: dict[str, UUID]
    there: Collection[UUID]
    connected: set[Pair]
    hidden: set[Pair]
    # (person, list)
    listed: set[Pair]


class Marking:
    """Reads marks; a text without `@` costs no statement, others some, however many texts there are."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people

    async def mark(self, work: Work, draft: Draft) -> Marks:
        """The marks of one text."""
        return (await self.mark_all(work, [draft]))[0]

    async def mark_all(self, work: Work, drafts: Sequence[Draft]) -> list[Marks]:
        """The marks of many texts, with a constant number of statements."""
        named = [find_handles(draft.body) for draft in drafts]
        naming = [(draft, handles) for draft, handles in zip(drafts, named, strict=True) if handles]
        facts = await self._read(work, naming) if naming else None
        return [
            _marks(draft, _mentions(draft, handles, facts) if facts is not None and handles else [])
            for draft, handles in zip(drafts, named, strict=True)
        ]

    async def _read(self, work: Work, naming: Sequence[tuple[Draft, list[str]]]) -> _Facts:
        ids = await self._people.ids_by_handle(work, {handle for _, handles in naming for handle in handles})
        # A handle in an earlier text means who it meant then, whoever may have it now.
        kept = {mention.person_id for draft, _ in naming for mention in draft.old.mentions}
        there = await self._people.cards(work, {*ids.values(), *kept})
        pairs: set[Pair] = set()
        on_lists: dict[UUID, set[UUID]] = {}
        for draft, handles in naming:
            for person_id in _candidates(draft, handles, ids).values():
                pairs |= {(person_id, draft.post.author_id), (person_id, draft.by_id)}
                if draft.post.list_id is not None:
                    on_lists.setdefault(draft.post.list_id, set()).add(person_id)
        connected, hidden = await self._people.relations_between(work, pairs) if pairs else (set(), set())
        listed: set[Pair] = set()
        for list_id, people in on_lists.items():
            listed |= {(one, list_id) for one in await self._people.list_members_among(work, list_id, people)}
        return _Facts(ids, there, connected, hidden, listed)


def tell_mentioned(
    work: Work, old: Marks, new: Marks, *, post_id: UUID, by_id: UUID, comment_id: UUID | None = None
) -> None:
    """A signal for each person whom `new` mentions and who was never told of it."""
    for person_id in new.told[len(old.told) :]:
        work.emit(PersonMentioned(person_id, post_id, comment_id, by_id))


def _candidates(draft: Draft, handles: Iterable[str], ids: dict[str, UUID]) -> dict[str, UUID]:
    before = {mention.handle: mention.person_id for mention in draft.old.mentions}
    found: dict[str, UUID] = {}
    for handle in handles:
        person_id = before.get(handle) or ids.get(handle)
        if person_id is not None:
            found[handle] = person_id
    return found


def _mentions(draft: Draft, handles: Iterable[str], facts: _Facts) -> list[Mention]:
    """Those who may see the post, and from whom no block hides the one who writes."""
    mentions: list[Mention] = []
    for handle, person_id in _candidates(draft, handles, facts.ids).items():
        if person_id not in facts.there:
            continue
        relations = _relations(person_id, draft, facts)
        if may_see(person_id, relations, draft.post) and not is_hidden(relations, draft.by_id):
            mentions.append(Mention(handle, person_id))
    return mentions


def _relations(person_id: UUID, draft: Draft, facts: _Facts) -> Relations:
    """What the author of the post, and whoever writes here, are to the one who is named."""
    others = (draft.post.author_id, draft.by_id)
    list_id = draft.post.list_id
    return Relations(
        connected=IdSet.of(other for other in others if (person_id, other) in facts.connected),
        hidden=IdSet.of(other for other in others if (person_id, other) in facts.hidden),
        listed=IdSet.of([list_id] if list_id is not None and (person_id, list_id) in facts.listed else []),
    )


def _marks(draft: Draft, mentions: list[Mention]) -> Marks:
    told = list(draft.old.told)
    for mention in mentions:
        if mention.person_id not in told and mention.person_id != draft.by_id and len(told) < _TOLD_AT_MOST:
            told.append(mention.person_id)
    return Marks(find_tags(draft.body), mentions, told)
