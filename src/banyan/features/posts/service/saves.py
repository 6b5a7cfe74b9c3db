"""Posts that people keep for later; nobody else learns of it."""

from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import Post, PostRow
from banyan.features.posts.queries import reactions as queries
from banyan.features.posts.queries.posts import lock_counters
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.visibility import may_see
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.ids import LAST_ID, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor

# Where much of what was saved may no longer be seen, larger steps bound the number of statements.
_REFILL_ROWS = 100


class Saves:
    """Only who may see a post may save it; what one may no longer see stays saved, but is not shown."""

    def __init__(self, people: PeopleApi, posts: Posts) -> None:
        self._people = people
        self._posts = posts

    async def save_post(self, work: Work, person_id: UUID, post_id: UUID) -> None:
        """Saved again, a post keeps its place. Raises PostNotFound."""
        await self._lock(work, person_id, post_id)
        await queries.save_post(work, post_id, person_id, new_id(), now())
        work.announce(ME_TOPIC, str(person_id))

    async def unsave_post(self, work: Work, person_id: UUID, post_id: UUID) -> None:
        """Where nothing is saved nothing happens. Raises PostNotFound."""
        await self._lock(work, person_id, post_id)
        await queries.unsave_post(work, post_id, person_id)
        work.announce(ME_TOPIC, str(person_id))

    async def list_saved(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[Post]:
        """Newest saved first, without what one may no longer see."""
        before = decode_cursor(cursor) or LAST_ID
        rows = await self._read_visible(work, person_id, before, limit + 1)
        page = cut_page(rows, limit, lambda row: row[0])
        return Page(await self._posts.dress_rows(work, person_id, [post for _, post in page.items]), page.next_cursor)

    async def _read_visible(self, work: Work, person_id: UUID, before: UUID, wanted: int) -> list[tuple[UUID, PostRow]]:
        """Reads on while some of what was read may not be shown."""
        relations = await self._people.relations(work, person_id)
        found: list[tuple[UUID, PostRow]] = []
        step = wanted
        while True:
            rows = await queries.list_saved(work, person_id, before, step)
            found += [row for row in rows if may_see(person_id, relations, row[1])]
            if len(found) >= wanted or len(rows) < step:
                return found[:wanted]
            before = rows[-1][0]
            step = max(wanted, _REFILL_ROWS)

    async def _lock(self, work: Work, person_id: UUID, post_id: UUID) -> None:
        await self._posts.get_visible(work, person_id, post_id)
        if await lock_counters(work, post_id) is None:
            raise PostNotFound
