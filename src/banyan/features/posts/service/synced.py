"""Posts that a client keeps offline: the newest part of the feed, and what was saved."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.posts.models import FeedMark, Post, PostRow
from banyan.features.posts.queries.posts import list_by_id
from banyan.features.posts.queries.reactions import list_saved_marks
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.visibility import may_see
from banyan.infra.database.work import Work
from banyan.infra.declare import Present
from banyan.infra.streams.versions import Versioned, Versions

SYNCED_POSTS = 500


class SyncedPosts:
    """Versions and values, each of the newest `newest`: older ones leave as newer ones come."""

    def __init__(self, people: PeopleApi, posts: Posts, homes: Homes, newest: int = SYNCED_POSTS) -> None:
        self._people = people
        self._posts = posts
        self._homes = homes
        self._newest = newest
        self._cards = Versions()

    async def feed_versions(self, work: Work, person_id: UUID) -> Present:
        """Newest first. A version is of the post's rows and of its author's card."""
        return await self._present(work, await self._homes.list_marks(work, person_id, self._newest))

    async def whole_feed(self, work: Work, person_id: UUID, valued: int) -> tuple[Present, Mapping[str, Post]]:
        """The versions of all, and the values of the newest `valued`."""
        rows, rest = await self._homes.list_whole(work, person_id, self._newest, valued)
        marks: list[PostRow | FeedMark] = [*rows, *rest]
        cards = await self._people.cards_in_order(work, [mark.author_id for mark in marks])
        posts = await self._posts.dress_with(work, person_id, rows, cards[: len(rows)])
        return _versions(marks, self._cards.of_each(cards)), _by_id(posts)

    async def feed_values(self, work: Work, person_id: UUID, post_ids: Sequence[str]) -> Mapping[str, Post]:
        """Those that stand in the feed at this moment."""
        return _by_id(await self._homes.list_in_feed(work, person_id, post_ids))

    async def saved_versions(self, work: Work, person_id: UUID) -> Present:
        """Newest saved first, without what one may no longer see."""
        relations = await self._people.relations(work, person_id)
        marks = await list_saved_marks(work, person_id, self._newest)
        return await self._present(work, [mark for mark in marks if may_see(person_id, relations, mark)])

    async def saved_values(self, work: Work, person_id: UUID, post_ids: Sequence[str]) -> Mapping[str, Post]:
        """Those that are saved, and may be seen, at this moment."""
        relations = await self._people.relations(work, person_id)
        rows = [
            row
            for row in await list_by_id(work, person_id, post_ids)
            if row.saved and may_see(person_id, relations, row)
        ]
        return _by_id(await self._posts.dress_rows(work, person_id, rows))

    async def _present(self, work: Work, marks: Sequence[FeedMark]) -> Present:
        cards = await self._people.cards_in_order(work, [mark.author_id for mark in marks])
        return _versions(marks, self._cards.of_each(cards))


def _versions(marks: Sequence[FeedMark | PostRow], cards: Sequence[Versioned | None]) -> Present:
    """Without the posts of authors who are gone or hidden."""
    found = [(mark, card.version) for mark, card in zip(marks, cards, strict=True) if card is not None]
    return Present([str(mark.id) for mark, _ in found], [mark.version ^ of_card for mark, of_card in found])


def _by_id(posts: Sequence[Post]) -> Mapping[str, Post]:
    return {str(post.id): post for post in posts}
