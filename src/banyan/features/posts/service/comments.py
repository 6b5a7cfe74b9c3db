"""Comments under posts."""

from uuid import UUID

from msgspec import structs

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import DELETED_ACCOUNT, Card, Relations
from banyan.features.posts.errors import CommentNotFound, NotTheAuthor, PostNotFound
from banyan.features.posts.models import (
    MAX_DEPTH,
    NO_MARKS,
    Branch,
    Comment,
    CommentRow,
    CommentText,
    NewComment,
    PostRow,
    Reach,
)
from banyan.features.posts.queries import comments as queries
from banyan.features.posts.queries.posts import lock_counters
from banyan.features.posts.service.announcing import announce_change, emit_unless_hidden
from banyan.features.posts.service.marking import Draft, Marking, tell_mentioned
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.signals import CommentDeleted, CommentEdited, CommentWritten, HiddenCommentDeleted
from banyan.features.posts.visibility import is_hidden
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import FIRST_ID, id_time, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_lines

COMMENT_MAX_CHARS = 2000


class Comments:
    """Only who may see a post may read or write under it."""

    def __init__(self, people: PeopleApi, posts: Posts) -> None:
        self._people = people
        self._posts = posts
        self._marking = Marking(people)

    async def write_comment(self, work: Work, author_id: UUID, post_id: UUID, new: NewComment) -> Comment:
        """Below the post or below another comment on it. Raises Invalid, PostNotFound, CommentNotFound."""
        body = check_comment(new.body)
        post = await self._posts.get_visible(work, author_id, post_id)
        parent_id, depth = await self._find_place(work, author_id, post_id, new.parent_id)
        comment_id = new_id()
        marks = await self._marking.mark(work, Draft(body, _reach(post), author_id))
        row = CommentRow(
            comment_id,
            post_id,
            author_id,
            body,
            id_time(comment_id),
            parent_id=parent_id,
            depth=depth,
            marks=marks,
        )
        comment = await self._dress_one(work, row)
        if not await queries.insert_comment(work, row):
            raise PostNotFound if parent_id is None else CommentNotFound
        emit_unless_hidden(work, post.audience, CommentWritten(comment_id, post_id, author_id))
        tell_mentioned(work, NO_MARKS, marks, post_id=post_id, by_id=author_id, comment_id=comment_id)
        announce_change(work, post_id, post.author_id, post.audience, "commented", comment_id)
        return comment

    async def list_comments(
        self,
        work: Work,
        viewer_id: UUID | None,
        post_id: UUID,
        limit: int,
        cursor: str | None,
        branch: Branch = "all",
    ) -> Page[Comment]:
        """Oldest first, without those of people whom a block hides. Raises PostNotFound, CommentNotFound."""
        after = decode_cursor(cursor) or FIRST_ID
        await self._posts.get_visible(work, viewer_id, post_id)
        relations = await self._people.relations(work, viewer_id)
        if isinstance(branch, UUID):
            await self._check_branch(work, relations, post_id, branch)
        return await self._list(work, relations, post_id, branch, after, limit)

    async def get_comment(self, work: Work, viewer_id: UUID | None, comment_id: UUID) -> Comment:
        """One comment, also a placeholder. Raises CommentNotFound."""
        row, _ = await self._get_visible(work, viewer_id, comment_id)
        return _dress(row, await self._people.find_card(work, row.author_id))

    async def list_replies(
        self, work: Work, viewer_id: UUID | None, comment_id: UUID, limit: int, cursor: str | None
    ) -> Page[Comment]:
        """The direct replies to a comment, oldest first. Raises CommentNotFound."""
        after = decode_cursor(cursor) or FIRST_ID
        row, _ = await self._get_visible(work, viewer_id, comment_id)
        relations = await self._people.relations(work, viewer_id)
        return await self._list(work, relations, row.post_id, comment_id, after, limit)

    async def edit_comment(self, work: Work, viewer_id: UUID, comment_id: UUID, text: CommentText) -> Comment:
        """The author changes the text. Raises CommentNotFound, NotTheAuthor, Invalid."""
        body = check_comment(text.body)
        row, post = await self._get_written(work, viewer_id, comment_id)
        if row.author_id != viewer_id:
            raise NotTheAuthor
        # Of two edits at once the later one finds whom the earlier one told.
        old = await queries.lock_marks(work, comment_id)
        if old is None:
            raise CommentNotFound
        marks = await self._marking.mark(work, Draft(body, _reach(post), viewer_id, old))
        edited_at = now()
        edited = structs.replace(row, body=body, marks=marks, edited_at=edited_at)
        comment = await self._dress_one(work, edited)
        await queries.update_comment(work, comment_id, body, marks, edited_at)
        tell_mentioned(work, old, marks, post_id=row.post_id, by_id=viewer_id, comment_id=comment_id)
        emit_unless_hidden(work, post.audience, CommentEdited(comment_id, row.post_id, viewer_id))
        announce_change(work, row.post_id, post.author_id, post.audience, "comment_edited", comment_id)
        return comment

    async def delete_comment(self, work: Work, viewer_id: UUID, comment_id: UUID, *, moderates: bool = False) -> None:
        """The author, the post's owner or a moderator removes it. Raises CommentNotFound, NotTheAuthor."""
        row, post = await self._get_written(work, viewer_id, comment_id)
        if viewer_id not in (row.author_id, post.author_id) and not moderates:
            raise NotTheAuthor
        if await lock_counters(work, row.post_id) is None:
            raise CommentNotFound
        if not await queries.delete_comment(work, row.post_id, comment_id):
            raise CommentNotFound
        hidden = post.audience == "self"
        work.emit(
            HiddenCommentDeleted(comment_id) if hidden else CommentDeleted(comment_id, row.post_id, row.author_id)
        )
        announce_change(work, row.post_id, post.author_id, post.audience, "comment_deleted", comment_id)

    async def _list(
        self, work: Work, relations: Relations, post_id: UUID, branch: Branch, after: UUID, limit: int
    ) -> Page[Comment]:
        rows = await queries.list_comments(work, post_id, branch, list(relations.hidden), after, limit + 1)
        page = cut_page(rows, limit, lambda row: row.id)
        cards = await self._people.cards_in_order(work, [row.author_id for row in page.items])
        comments = [_dress(row, card) for row, card in zip(page.items, cards, strict=True)]
        return Page(comments, page.next_cursor)

    async def _find_place(
        self, work: Work, author_id: UUID, post_id: UUID, parent_id: UUID | None
    ) -> tuple[UUID | None, int]:
        """Parent and depth of a new comment; below the deepest level it stands beside the one that it answers."""
        if parent_id is None:
            return None, 0
        relations = await self._people.relations(work, author_id)
        parent = await self._check_branch(work, relations, post_id, parent_id)
        if parent.deleted:
            raise CommentNotFound
        if parent.depth >= MAX_DEPTH:
            return parent.parent_id, parent.depth
        return parent.id, parent.depth + 1

    async def _check_branch(self, work: Work, relations: Relations, post_id: UUID, comment_id: UUID) -> CommentRow:
        """A comment on this post whose author is not hidden. Raises CommentNotFound."""
        row = await queries.find_comment(work, comment_id)
        if row is None or row.post_id != post_id or is_hidden(relations, row.author_id):
            raise CommentNotFound
        return row

    async def _get_visible(self, work: Work, viewer_id: UUID | None, comment_id: UUID) -> tuple[CommentRow, PostRow]:
        """A comment and its post, both of which this reader may see. Raises CommentNotFound."""
        row = await queries.find_comment(work, comment_id)
        if row is None:
            raise CommentNotFound
        try:
            post = await self._posts.get_visible(work, viewer_id, row.post_id)
        except PostNotFound:
            raise CommentNotFound from None
        relations = await self._people.relations(work, viewer_id)
        if is_hidden(relations, row.author_id):
            raise CommentNotFound
        return row, post

    async def _get_written(self, work: Work, viewer_id: UUID | None, comment_id: UUID) -> tuple[CommentRow, PostRow]:
        """As `_get_visible`, but no placeholder of a deleted one. Raises CommentNotFound."""
        row, post = await self._get_visible(work, viewer_id, comment_id)
        if row.deleted:
            raise CommentNotFound
        return row, post

    async def _dress_one(self, work: Work, row: CommentRow) -> Comment:
        card = await self._people.find_card(work, row.author_id)
        if card is None:
            raise PersonNotFound
        return _dress(row, card)


def check_comment(value: str) -> str:
    """The text of a comment. Raises Invalid."""
    return check_lines(value, "body", max_chars=COMMENT_MAX_CHARS)


def _reach(post: PostRow) -> Reach:
    return Reach(post.author_id, post.audience, post.list_id)


def _dress(row: CommentRow, author: Card | None) -> Comment:
    """What somebody wrote whose account is gone stays, and so do the replies below it."""
    return Comment(
        row.id,
        row.post_id,
        row.parent_id,
        row.depth,
        row.body,
        row.marks.tags,
        row.marks.mentions,
        row.created_at,
        row.edited_at,
        row.deleted,
        row.reply_count,
        None if row.deleted else author or DELETED_ACCOUNT,
    )
