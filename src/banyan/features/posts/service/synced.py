"""Posts that a client keeps offline: the newest part of the feed, and what was saved."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Card
from banyan.features.posts.models import FeedMark, Post, PostRow
from banyan.features.posts.queries.posts import list_by_id
from banyan.features.posts.queries.reactions import list_saved_marks
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.visibility import may_see
from banyan.infra.database.work import Work
from banyan.infra.streams.versions import Versions

SYNCED_POSTS = 500


class SyncedPosts:
    """Versions and values, each of the newest `newest`: older ones leave as newer ones come."""

    def __init__(self, people: PeopleApi, posts: Posts, homes: Homes, newest: int = SYNCED_POSTS) -> None:
        self._people = people
        self._posts = posts
        self._homes = homes
        self._newest = newest
        self._cards = Versions()

    async def feed_versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """Newest first. A version is of the post's rows and of its author's card."""
        return await self._versions(work, await self._homes.list_marks(work, person_id, self._newest))

    async def whole_feed(
        self, work: Work, person_id: UUID, valued: int
    ) -> tuple[list[tuple[UUID, int]], list[tuple[UUID, Post]]]:
        """The versions of all, and the values of the newest `valued`."""
        rows = await self._homes.list_whole(work, person_id, self._newest)
        cards = await self._people.cards_in_order(work, [row.author_id for row in rows])
        posts = await self._posts.dress_with(work, person_id, rows[:valued], cards[:valued])
        return self._with_cards(rows, cards), [(post.id, post) for post in posts]

    async def feed_values(self, work: Work, person_id: UUID, post_ids: list[UUID]) -> list[tuple[UUID, Post]]:
        """Those that stand in the feed at this moment."""
        return [(post.id, post) for post in await self._homes.list_in_feed(work, person_id, post_ids)]

    async def saved_versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """Newest saved first, without what one may no longer see."""
        relations = await self._people.relations(work, person_id)
        marks = await list_saved_marks(work, person_id, self._newest)
        return await self._versions(work, [mark for mark in marks if may_see(person_id, relations, mark)])

    async def saved_values(self, work: Work, person_id: UUID, post_ids: list[UUID]) -> list[tuple[UUID, Post]]:
        """Those that are saved, and may be seen, at this moment."""
        relations = await self._people.relations(work, person_id)
        rows = [
            row
            for row in await list_by_id(work, person_id, post_ids)
            if row.saved and may_see(person_id, relations, row)
        ]
        return [(post.id, post) for post in await self._posts.dress_rows(work, person_id, rows)]

    async def _versions(self, work: Work, marks: list[FeedMark]) -> list[tuple[UUID, int]]:
        return self._with_cards(marks, await self._people.cards_in_order(work, [mark.author_id for mark in marks]))

    def _with_cards(self, marks: Sequence[FeedMark | PostRow], cards: Sequence[Card | None]) -> list[tuple[UUID, int]]:
        return [
            (mark.id, mark.version ^ of_card)
            for mark, of_card in zip(marks, self._cards.of_each(cards), strict=True)
            if of_card is not None
        ]
