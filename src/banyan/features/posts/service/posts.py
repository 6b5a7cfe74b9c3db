"""Publishing, reading, editing and deleting posts."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import UNSET, structs

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import HandleMoved, PersonNotFound
from banyan.features.people.models import Card
from banyan.features.posts.errors import NotTheAuthor, PostNotFound
from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.models import (
    AUDIENCES,
    NO_MARKS,
    Audience,
    AudienceKind,
    NewPost,
    PlainAudience,
    Post,
    PostChanges,
    PostRow,
    PostText,
    Reach,
    Revision,
    RevisionRow,
)
from banyan.features.posts.queries import posts as queries
from banyan.features.posts.queries.attributes import find_attributes, list_public_with, put_attributes
from banyan.features.posts.queries.tags import replace_tags
from banyan.features.posts.service.announcing import announce_change, announce_published, emit_unless_hidden
from banyan.features.posts.service.marking import Draft, Marking, tell_mentioned
from banyan.features.posts.signals import PostDeleted, PostEdited, PostPublished
from banyan.features.posts.visibility import may_see, visible_audiences
from banyan.infra.attributes.declared import Declared
from banyan.infra.attributes.filters import read_conditions
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import LAST_ID, id_time, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_lines

BODY_MAX_CHARS = 5000


class Posts:
    """Posts one by one and in lists; every method works inside the caller's unit of work."""

    def __init__(self, people: PeopleApi, attributes: Declared | None = None) -> None:
        self._people = people
        self._attributes = attributes or Declared()
        self._marking = Marking(people)

    async def publish_post(self, work: Work, author_id: UUID, new: NewPost) -> Post:
        """Raises Invalid."""
        body = check_body(new.body)
        attributes = self._attributes.check_new(new.attributes)
        audience, list_id = await self._check_audience(work, author_id, new.audience)
        card = await self._people.find_card(work, author_id)
        if card is None:
            raise PersonNotFound
        post_id = new_id()
        at = id_time(post_id)
        marks = await self._marking.mark(work, Draft(body, Reach(author_id, audience, list_id), author_id))
        text = PostText(body, audience, list_id, marks)
        await queries.insert_post(work, post_id, author_id, text, at)
        if attributes:
            await put_attributes(work, post_id, attributes, None)
        emit_unless_hidden(work, audience, PostPublished(post_id, author_id, list_id))
        if audience == "self":
            work.announce(ME_TOPIC, str(author_id))
        announce_published(work, post_id, audience)
        tell_mentioned(work, NO_MARKS, marks, post_id=post_id, by_id=author_id)
        row = PostRow(post_id, author_id, body, audience, list_id, marks, at, None, 0, {}, None, False)
        post = dress(row, card, author_id)
        return structs.replace(post, attributes=attributes) if self._attributes else post

    async def get_post(self, work: Work, viewer_id: UUID | None, post_id: UUID) -> Post:
        """Raises PostNotFound."""
        row = await self.get_visible(work, viewer_id, post_id)
        return await self._dress_one(work, viewer_id, row)

    async def get_visible(self, work: Work, viewer_id: UUID | None, post_id: UUID) -> PostRow:
        """A post as it is stored, for a reader who may see it. Raises PostNotFound."""
        row = await queries.find_post(work, viewer_id, post_id)
        if row is None:
            raise PostNotFound
        relations = await self._people.relations(work, viewer_id)
        if not may_see(viewer_id, relations, row):
            raise PostNotFound
        return row

    async def list_public(
        self,
        work: Work,
        viewer_id: UUID | None,
        limit: int,
        cursor: str | None,
        query: Iterable[tuple[str, str]] = (),
    ) -> Page[Post]:
        """The newest public posts, without those of people whom a block hides or the reader has muted; `query` may
        name attributes that they must have. Raises Invalid.
        """
        conditions = read_conditions(self._attributes, query)
        relations = await self._people.relations(work, viewer_id)
        before = decode_cursor(cursor) or LAST_ID
        unwanted = relations.unwanted()
        if conditions:
            rows = await list_public_with(work, viewer_id, unwanted, conditions, before, limit + 1)
        else:
            rows = await queries.list_public(work, viewer_id, unwanted, before, limit + 1)
        return await self.dress_page(work, viewer_id, rows, limit)

    async def list_by_author(
        self, work: Work, viewer_id: UUID | None, handle: str, limit: int, cursor: str | None
    ) -> Page[Post]:
        """What this reader may see of one person's posts, newest first.

        Raises PersonNotFound; HandleMoved for a handle given up.
        """
        before = decode_cursor(cursor) or LAST_ID
        author_id = await self._people.find_by_handle(work, handle)
        if author_id is None:
            present = await self._people.find_present_handle(work, viewer_id, handle)
            raise PersonNotFound if present is None else HandleMoved(present)
        relations = await self._people.relations(work, viewer_id)
        audiences = visible_audiences(viewer_id, relations, author_id)
        if not audiences:
            raise PersonNotFound
        listed = list(relations.listed)
        rows = await queries.list_by_author(work, viewer_id, author_id, audiences, listed, before, limit + 1)
        return await self.dress_page(work, viewer_id, rows, limit)

    async def edit_post(self, work: Work, viewer_id: UUID, post_id: UUID, changes: PostChanges) -> Post:
        """The author changes text or audience. Raises PostNotFound, NotTheAuthor, Invalid."""
        await self._check_author(work, viewer_id, post_id)
        body = None if changes.body is UNSET else check_body(changes.body)
        attributes = self._attributes.check_changes(changes.attributes)
        chosen = None
        if changes.audience is not UNSET:
            chosen = await self._check_audience(work, viewer_id, changes.audience)
        old = await queries.lock_post(work, post_id)
        if old is None:
            raise PostNotFound
        audience, list_id = chosen or (old.audience, old.list_id)
        new = PostText(body or old.body, audience, list_id, old.marks)
        if new != old:
            await self._write_edit(work, post_id, viewer_id, old, new)
        if attributes:
            await put_attributes(work, post_id, attributes, now())
            if new == old:
                emit_unless_hidden(work, old.audience, PostEdited(post_id, viewer_id))
                announce_change(work, post_id, viewer_id, old.audience, "edited")
        return await self.get_post(work, viewer_id, post_id)

    async def list_revisions(
        self, work: Work, viewer_id: UUID | None, post_id: UUID, limit: int, cursor: str | None
    ) -> Page[Revision]:
        """What a post said before its edits, newest first. Raises PostNotFound.

        Others than the author find an earlier text only when they may see the post now and belonged to those for
        whom that text was: making a post public does not publish what it said before.
        """
        before = decode_cursor(cursor) or LAST_ID
        post = await self.get_visible(work, viewer_id, post_id)
        relations = await self._people.relations(work, viewer_id)
        own = post.author_id == viewer_id
        audiences = visible_audiences(viewer_id, relations, post.author_id)
        listed = None if own else list(relations.listed)
        rows = await queries.list_revisions(work, post_id, audiences, listed, before, limit + 1)
        page = cut_page(rows, limit, lambda row: row.id)
        return Page([_show_revision(row, own=own) for row in page.items], page.next_cursor)

    async def delete_post(self, work: Work, viewer_id: UUID, post_id: UUID) -> None:
        """The author removes a post with all that hangs on it. Raises PostNotFound, NotTheAuthor."""
        await self._check_author(work, viewer_id, post_id)
        if await queries.lock_counters(work, post_id) is None:
            raise PostNotFound
        # An edit that was under way may have changed for whom it is.
        audience = await queries.delete_post(work, post_id, viewer_id)
        if audience is None:
            raise PostNotFound
        emit_unless_hidden(work, audience, PostDeleted(post_id, viewer_id))
        announce_change(work, post_id, viewer_id, audience, "deleted")
        work.cut(f"post:{post_id}")

    async def dress_page(self, work: Work, viewer_id: UUID | None, rows: Sequence[PostRow], limit: int) -> Page[Post]:
        """A page for `limit` posts from up to one more than that."""
        page = cut_page(rows, limit, lambda row: row.id)
        return Page(await self.dress_rows(work, viewer_id, page.items), page.next_cursor)

    async def dress_rows(self, work: Work, viewer_id: UUID | None, rows: Sequence[PostRow]) -> list[Post]:
        """Stored posts as they are answered; an author who is gone in this moment takes their posts along."""
        cards = await self._people.cards_in_order(work, [row.author_id for row in rows])
        return await self.dress_with(work, viewer_id, rows, cards)

    async def dress_with(
        self, work: Work, viewer_id: UUID | None, rows: Sequence[PostRow], cards: Sequence[Card | None]
    ) -> list[Post]:
        """As `dress_rows`, with the card of each author."""
        posts = [dress(row, card, viewer_id) for row, card in zip(rows, cards, strict=True) if card is not None]
        return await self._with_attributes(work, viewer_id, posts) if self._attributes and posts else posts

    async def _with_attributes(self, work: Work, viewer_id: UUID | None, posts: Sequence[Post]) -> list[Post]:
        """The same posts with what this installation declares, by one statement more."""
        stored = await find_attributes(work, [post.id for post in posts])
        show = self._attributes.show
        return [
            structs.replace(post, attributes=show(stored.get(post.id), own=post.author.id == viewer_id))
            for post in posts
        ]

    async def _dress_one(self, work: Work, viewer_id: UUID | None, row: PostRow) -> Post:
        card = await self._people.find_card(work, row.author_id)
        if card is None:
            raise PostNotFound
        post = dress(row, card, viewer_id)
        return (await self._with_attributes(work, viewer_id, [post]))[0] if self._attributes else post

    async def _check_audience(
        self, work: Work, author_id: UUID, given: Audience | PlainAudience
    ) -> tuple[AudienceKind, UUID | None]:
        """Kind and list from either form of input. Raises Invalid."""
        audience = AUDIENCES[given] if isinstance(given, str) else given
        if audience.kind != "list":
            if audience.id is not UNSET:
                raise Invalid.field("audience.id", "not_a_list", 'Only `{"kind": "list"}` has an id.')
            return audience.kind, None
        list_id = None if audience.id is UNSET else audience.id
        if list_id is None or not await self._people.owns_list(work, author_id, list_id):
            raise Invalid.field("audience.id", "unknown_list", "Give the id of one of your own lists.")
        return audience.kind, list_id

    async def _write_edit(self, work: Work, post_id: UUID, author_id: UUID, old: PostText, new: PostText) -> None:
        """The caller holds the post's lock; the marks of `new` are still those of `old`."""
        reach = Reach(author_id, new.audience, new.list_id)
        marks = await self._marking.mark(work, Draft(new.body, reach, author_id, old.marks))
        new = structs.replace(new, marks=marks)
        await queries.update_post(work, post_id, new_id(), new, now())
        if marks.tags or old.marks.tags:
            await replace_tags(work, post_id, author_id, new)
        tell_mentioned(work, old.marks, marks, post_id=post_id, by_id=author_id)
        if _reaches_others(old, new):
            work.enqueue(FanOutPost(post_id, author_id, list_id=new.list_id))
        if (old.audience, new.audience) != ("self", "self"):
            work.emit(PostEdited(post_id, author_id))
        announce_change(work, post_id, author_id, old.audience, "edited")
        if (old.audience, old.list_id) != (new.audience, new.list_id):
            work.cut(f"post:{post_id}")
            if new.audience == "public":
                announce_published(work, post_id, new.audience)

    async def _check_author(self, work: Work, viewer_id: UUID, post_id: UUID) -> PostRow:
        row = await self.get_visible(work, viewer_id, post_id)
        if row.author_id != viewer_id:
            raise NotTheAuthor
        return row


def check_body(value: str) -> str:
    """The text of a post. Raises Invalid."""
    return check_lines(value, "body", max_chars=BODY_MAX_CHARS)


def dress(row: PostRow, author: Card, viewer_id: UUID | None) -> Post:
    """A stored post as it is answered to one reader."""
    list_id = row.list_id
    marks = row.marks
    return Post(
        row.id,
        row.body,
        AUDIENCES[row.audience] if list_id is None or row.author_id != viewer_id else Audience("list", list_id),
        row.created_at,
        row.edited_at,
        author,
        row.comment_count,
        row.reaction_counts,
        row.my_reaction,
        row.saved,
        marks.tags,
        marks.mentions,
    )


def _reaches_others(old: PostText, new: PostText) -> bool:
    """Whether an edit lets people see a post into whose homes it was not written yet."""
    if new.audience == "self" or (new.audience, new.list_id) == (old.audience, old.list_id):
        return False
    return old.audience in ("self", "list")


def _show_revision(row: RevisionRow, *, own: bool) -> Revision:
    audience = None
    if own:
        audience = AUDIENCES[row.audience] if row.list_id is None else Audience("list", row.list_id)
    return Revision(row.id, row.body, audience, row.edited_at)
