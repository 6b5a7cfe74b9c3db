"""Publishing, reading, editing and deleting posts."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import Card
from banyan.features.posts.errors import NotTheAuthor, PostNotFound
from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.models import (
    AUDIENCES,
    Audience,
    AudienceKind,
    NewPost,
    Post,
    PostChanges,
    PostRow,
)
from banyan.features.posts.queries import posts as queries
from banyan.features.posts.signals import PostDeleted, PostEdited, PostPublished
from banyan.features.posts.visibility import may_see, unwanted_authors, visible_audiences
from banyan.infra.database.work import Work
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.ids import id_time, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_lines

BODY_MAX_CHARS = 5000


class Posts:
    """Posts one by one and in lists; every method works inside the caller's unit of work."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people

    async def publish_post(self, work: Work, author_id: UUID, new: NewPost) -> Post:
        """Raises Invalid."""
        body = check_body(new.body)
        audience = audience_kind(new.audience)
        card = await self._people.find_card(work, author_id)
        if card is None:
            raise PersonNotFound
        post_id = new_id()
        at = id_time(post_id)
        await queries.insert_post(work, post_id, author_id, body, audience, at)
        if audience != "self":
            work.emit(PostPublished(post_id, author_id))
        return Post(post_id, body, AUDIENCES[audience], at, None, card, 0, {}, None)

    async def get_post(self, work: Work, viewer_id: UUID | None, post_id: UUID) -> Post:
        """Raises PostNotFound."""
        row = await self.get_visible(work, viewer_id, post_id)
        return await self._dress_one(work, row)

    async def get_visible(self, work: Work, viewer_id: UUID | None, post_id: UUID) -> PostRow:
        """A post as it is stored, for a reader who may see it. Raises PostNotFound."""
        row = await queries.find_post(work, viewer_id, post_id)
        if row is None:
            raise PostNotFound
        relations = await self._people.relations(work, viewer_id)
        if not may_see(viewer_id, relations, row.author_id, row.audience):
            raise PostNotFound
        return row

    async def list_public(self, work: Work, viewer_id: UUID | None, limit: int, cursor: str | None) -> Page[Post]:
        """The newest public posts, without those of people whom a block hides or the reader has muted."""
        relations = await self._people.relations(work, viewer_id)
        before = decode_cursor(cursor) or queries.LAST_ID
        rows = await queries.list_public(work, viewer_id, unwanted_authors(relations), before, limit + 1)
        return await self.dress_page(work, rows, limit)

    async def list_by_author(
        self, work: Work, viewer_id: UUID | None, handle: str, limit: int, cursor: str | None
    ) -> Page[Post]:
        """What this reader may see of one person's posts, newest first. Raises PersonNotFound."""
        before = decode_cursor(cursor) or queries.LAST_ID
        author_id = await self._people.find_by_handle(work, handle)
        if author_id is None:
            raise PersonNotFound
        relations = await self._people.relations(work, viewer_id)
        audiences = visible_audiences(viewer_id, relations, author_id)
        if not audiences:
            raise PersonNotFound
        rows = await queries.list_by_author(work, viewer_id, author_id, audiences, before, limit + 1)
        return await self.dress_page(work, rows, limit)

    async def edit_post(self, work: Work, viewer_id: UUID, post_id: UUID, changes: PostChanges) -> Post:
        """The author changes text or audience. Raises PostNotFound, NotTheAuthor, Invalid."""
        await self._check_author(work, viewer_id, post_id)
        body = None if changes.body is UNSET else check_body(changes.body)
        audience = None if changes.audience is UNSET else audience_kind(changes.audience)
        before = await queries.lock_post(work, post_id)
        if before is None:
            raise PostNotFound
        old_body, old_audience = before
        edited_at = now() if body is not None and body != old_body else None
        await queries.update_post(work, post_id, body or old_body, audience or old_audience, edited_at)
        if old_audience == "self" and audience not in (None, "self"):
            work.enqueue(FanOutPost(post_id, viewer_id))
        if (old_audience, audience or old_audience) != ("self", "self"):
            work.emit(PostEdited(post_id, viewer_id))
        announce_change(work, post_id, old_audience)
        return await self.get_post(work, viewer_id, post_id)

    async def delete_post(self, work: Work, viewer_id: UUID, post_id: UUID) -> None:
        """The author removes a post with all that hangs on it. Raises PostNotFound, NotTheAuthor."""
        row = await self._check_author(work, viewer_id, post_id)
        if await queries.lock_counters(work, post_id) is None:
            raise PostNotFound
        await queries.delete_post(work, post_id, viewer_id)
        if row.audience != "self":
            work.emit(PostDeleted(post_id, viewer_id))
        announce_change(work, post_id, row.audience)

    async def dress_page(self, work: Work, rows: Sequence[PostRow], limit: int) -> Page[Post]:
        """A page for `limit` posts from up to one more than that."""
        page = cut_page(rows, limit, lambda row: row.id)
        cards = await self._people.cards_in_order(work, [row.author_id for row in page.items])
        # An author who is gone in this moment takes their posts along.
        posts = [dress(row, card) for row, card in zip(page.items, cards, strict=True) if card is not None]
        return Page(posts, page.next_cursor)

    async def _dress_one(self, work: Work, row: PostRow) -> Post:
        card = await self._people.find_card(work, row.author_id)
        if card is None:
            raise PostNotFound
        return dress(row, card)

    async def _check_author(self, work: Work, viewer_id: UUID, post_id: UUID) -> PostRow:
        row = await self.get_visible(work, viewer_id, post_id)
        if row.author_id != viewer_id:
            raise NotTheAuthor
        return row


def check_body(value: str) -> str:
    """The text of a post. Raises Invalid."""
    return check_lines(value, "body", max_chars=BODY_MAX_CHARS)


def audience_kind(given: Audience | AudienceKind) -> AudienceKind:
    """The kind from either form of input."""
    return given.kind if isinstance(given, Audience) else given


def dress(row: PostRow, author: Card) -> Post:
    """A stored post as it is answered."""
    return Post(
        row.id,
        row.body,
        AUDIENCES[row.audience],
        row.created_at,
        row.edited_at,
        author,
        row.comment_count,
        row.reaction_counts,
        row.my_reaction,
    )


def announce_change(work: Work, post_id: UUID, audience: AudienceKind) -> None:
    """What anonymous readers see of a post has changed; of other than public posts they see nothing."""
    if audience == "public":
        work.announce(ANSWERS_TOPIC, f"post:{post_id}")
