"""The newest part of a feed, as a client keeps it offline."""

from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.posts.models import Post
from banyan.features.posts.service.homes import Homes
from banyan.infra.database.work import Work
from banyan.infra.streams.versions import version_of

SYNCED_POSTS = 500


class SyncedPosts:
    """Versions and values of the newest posts of a person's feed; older ones leave as newer ones come."""

    def __init__(self, people: PeopleApi, homes: Homes, newest: int = SYNCED_POSTS) -> None:
        self._people = people
        self._homes = homes
        self._newest = newest

    async def feed_versions(self, work: Work, person_id: UUID) -> dict[UUID, int]:
        """Newest first. A version is of the post's rows and of its author's card."""
        marks = await self._homes.list_marks(work, person_id, self._newest)
        cards = await self._people.cards(work, {mark.author_id for mark in marks})
        by_author = {author_id: version_of(card) for author_id, card in cards.items()}
        return {mark.id: mark.version ^ by_author[mark.author_id] for mark in marks if mark.author_id in by_author}

    async def feed_values(self, work: Work, person_id: UUID, post_ids: list[UUID]) -> dict[UUID, Post]:
        """Those that stand in the feed at this moment."""
        return {post.id: post for post in await self._homes.list_in_feed(work, person_id, post_ids)}
