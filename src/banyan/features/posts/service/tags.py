"""Tag pages, and the tags that are used most."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from banyan.features.people.api import PeopleApi
from banyan.features.posts.marks import read_tag
from banyan.features.posts.models import Post, TagUse
from banyan.features.posts.queries import tags as queries
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.visibility import may_see
from banyan.infra.cache import Cache
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import LAST_ID, first_id_at
from banyan.kernel.pages import MAX_LIMIT, Page, decode_cursor

_USED_WITHIN: Final = timedelta(days=7)
_TTL_SECONDS = 60.0
# Counting takes about 0.3 µs a use. Up to the first bound it is done for everybody who asks, so that a small
# community sees its newest tags at once; beyond the second only the newest uses are counted.
_ALWAYS_COUNTED_USES = 5_000
_COUNTED_USES = 100_000


class _Counted(Struct, frozen=True):
    uses: list[TagUse]
    total: int


class Tags:
    """The posts with one tag that a reader may see, and what is talked about."""

    def __init__(self, people: PeopleApi, posts: Posts) -> None:
        self._people = people
        self._posts = posts
        self._used: Cache[str, _Counted] = Cache(max_entries=1, ttl_seconds=_TTL_SECONDS)

    async def list_tagged(
        self, work: Work, viewer_id: UUID | None, tag: str, limit: int, cursor: str | None
    ) -> Page[Post]:
        """Newest first, without the posts of people whom a block hides or the reader has muted."""
        before = decode_cursor(cursor) or LAST_ID
        wanted = read_tag(tag)
        if wanted is None:
            return Page([])
        relations = await self._people.relations(work, viewer_id)
        unwanted = relations.unwanted()
        known = [] if viewer_id is None else [viewer_id, *relations.connected]
        if relations.muted:
            known = [author_id for author_id in known if author_id not in relations.muted]
        listed = list(relations.listed)
        rows = await queries.list_tagged(work, viewer_id, wanted, unwanted, known, listed, before, limit + 1)
        visible = [row for row in rows if may_see(viewer_id, relations, row)]
        return await self._posts.dress_page(work, viewer_id, visible, limit)

    async def list_used(self, work: Work, limit: int) -> Page[TagUse]:
        """The most used in public posts of the last seven days, the same for every reader: 100 at most."""
        counted = await self._used.get("", lambda: self._count(work))
        if counted.total <= _ALWAYS_COUNTED_USES:
            self._used.drop("")
        return Page(counted.uses[:limit])

    async def _count(self, work: Work) -> _Counted:
        since = first_id_at(now() - _USED_WITHIN)
        return _Counted(*await queries.count_tags(work, since, _COUNTED_USES, MAX_LIMIT))
