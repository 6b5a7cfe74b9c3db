"""SQL of comments. All that write here change the counters of the post first, which locks them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from banyan.features.people.models import NOBODY
from banyan.features.posts.models import Branch, CommentRow, Marks
from banyan.features.posts.queries.posts import read_marks, write_marks
from banyan.infra.database.work import Work

_COLUMNS = """id, post_id, author_id, body, created_at, edited_at, parent_id, depth, reply_count, deleted, marks"""

_LIST = f"""SELECT {_COLUMNS} FROM posts_comments
    WHERE {{where}} AND id > $2 AND author_id <> ALL($4::uuid[]) ORDER BY id LIMIT $3"""
_LIST_ALL = _LIST.format(where="post_id = $1")
_LIST_TOP = _LIST.format(where="post_id = $1 AND parent_id IS NULL")
_LIST_REPLIES = _LIST.format(where="parent_id = $1")

# A comment with replies stays as a placeholder. Without, it goes, and so does each placeholder above it whose only
# reply goes.
_DELETE = """WITH RECURSIVE gone AS (
        SELECT id, parent_id FROM posts_comments WHERE id = $1 AND NOT deleted AND reply_count = 0
        UNION ALL
        SELECT above.id, above.parent_id
        FROM gone JOIN posts_comments above ON above.id = gone.parent_id
        WHERE above.deleted AND above.reply_count = 1),
    hollow AS (
        UPDATE posts_comments SET deleted = true, body = '', author_id = $2, edited_at = NULL, marks = NULL
        WHERE id = $1 AND NOT deleted AND reply_count > 0 RETURNING id),
    removed AS (DELETE FROM posts_comments WHERE id IN (SELECT id FROM gone)),
    fewer AS (
        UPDATE posts_comments SET reply_count = reply_count - 1
        WHERE id IN (SELECT parent_id FROM gone) AND id NOT IN (SELECT id FROM gone))
    UPDATE posts_counters SET comment_count = comment_count - 1
    WHERE post_id = $3 AND (EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM hollow)) RETURNING true"""


async def insert_comment(work: Work, comment: CommentRow) -> bool:
    """Counts it as well, at the post and at the comment that it answers; False when one of these is gone."""
    # Whoever waited for the counters finds the comment above as it is by then: rows to be changed are looked at anew.
    added = await work.write_value(
        """WITH counted AS (
               UPDATE posts_counters SET comment_count = comment_count + 1 WHERE post_id = $2 RETURNING post_id),
           above AS (
               UPDATE posts_comments SET reply_count = reply_count + 1 FROM counted
               WHERE id = $6 AND posts_comments.post_id = counted.post_id RETURNING id)
           INSERT INTO posts_comments (id, post_id, author_id, body, created_at, parent_id, depth, marks)
           SELECT $1, post_id, $3, $4, $5, $6, $7, $8 FROM counted
           WHERE $6::uuid IS NULL OR EXISTS (SELECT FROM above) RETURNING true""",
        comment.id,
        comment.post_id,
        comment.author_id,
        comment.body,
        comment.created_at,
        comment.parent_id,
        comment.depth,
        write_marks(comment.marks),
    )
    return added is not None


async def find_comment(work: Work, comment_id: UUID) -> CommentRow | None:
    rows = _comments(await work.rows(f"SELECT {_COLUMNS} FROM posts_comments WHERE id = $1", comment_id))
    return rows[0] if rows else None


async def list_places(work: Work, comment_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, UUID]]:
    """Id, author and post of those that exist and were not deleted."""
    rows = await work.rows(
        "SELECT id, author_id, post_id FROM posts_comments WHERE id = ANY ($1) AND NOT deleted", comment_ids
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def list_comments(
    work: Work, post_id: UUID, branch: Branch, hidden: Sequence[UUID], after: UUID, limit: int
) -> list[CommentRow]:
    """Oldest first, without the comments of `hidden`."""
    if isinstance(branch, UUID):
        return _comments(await work.rows(_LIST_REPLIES, branch, after, limit, hidden))
    sql = _LIST_ALL if branch == "all" else _LIST_TOP
    return _comments(await work.rows(sql, post_id, after, limit, hidden))


async def lock_marks(work: Work, comment_id: UUID) -> Marks | None:
    """The marks of a comment, which nobody else edits until the transaction ends; None when it is gone."""
    row = await work.write_row(
        "SELECT marks FROM posts_comments WHERE id = $1 AND NOT deleted FOR NO KEY UPDATE", comment_id
    )
    return None if row is None else read_marks(row[0])


async def update_comment(work: Work, comment_id: UUID, body: str, marks: Marks, edited_at: datetime) -> None:
    """The caller holds the comment's lock."""
    await work.write(
        "UPDATE posts_comments SET body = $2, marks = $3, edited_at = $4 WHERE id = $1",
        comment_id,
        body,
        write_marks(marks),
        edited_at,
    )


async def delete_comment(work: Work, post_id: UUID, comment_id: UUID) -> bool:
    """The caller holds the lock of the counters. False when it is gone."""
    return await work.write_value(_DELETE, comment_id, NOBODY, post_id) is not None


def _comments(rows: Iterable[Any]) -> list[CommentRow]:
    return [
        CommentRow(comment, post, author, body, created, edited, parent, depth, replies, deleted, read_marks(marks))
        for comment, post, author, body, created, edited, parent, depth, replies, deleted, marks in rows
    ]
