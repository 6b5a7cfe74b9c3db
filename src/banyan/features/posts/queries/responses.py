"""SQL of comments and reactions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from banyan.features.posts.models import CommentRow, ReactionKind
from banyan.infra.database.work import Work


async def insert_comment(work: Work, comment: CommentRow) -> bool:
    """Counts it as well; False when the post is gone."""
    added = await work.write_value(
        """WITH counted AS (
               UPDATE posts_counters SET comment_count = comment_count + 1 WHERE post_id = $2 RETURNING post_id)
           INSERT INTO posts_comments (id, post_id, author_id, body, created_at)
           SELECT $1, post_id, $3, $4, $5 FROM counted RETURNING true""",
        comment.id,
        comment.post_id,
        comment.author_id,
        comment.body,
        comment.created_at,
    )
    return added is not None


async def find_comment(work: Work, comment_id: UUID) -> CommentRow | None:
    row = await work.row(
        "SELECT id, post_id, author_id, body, created_at, edited_at FROM posts_comments WHERE id = $1",
        comment_id,
    )
    return None if row is None else CommentRow(*row)


async def list_comments(work: Work, post_id: UUID, hidden: Sequence[UUID], after: UUID, limit: int) -> list[CommentRow]:
    """Oldest first, without the comments of `hidden`."""
    rows = await work.rows(
        """SELECT id, post_id, author_id, body, created_at, edited_at FROM posts_comments
           WHERE post_id = $1 AND id > $2 AND author_id <> ALL($4::uuid[]) ORDER BY id LIMIT $3""",
        post_id,
        after,
        limit,
        hidden,
    )
    return [CommentRow(*row) for row in rows]


async def update_comment(work: Work, comment_id: UUID, body: str, edited_at: datetime) -> bool:
    """False when it is gone."""
    changed = await work.write_value(
        "UPDATE posts_comments SET body = $2, edited_at = $3 WHERE id = $1 RETURNING true",
        comment_id,
        body,
        edited_at,
    )
    return changed is not None


async def delete_comment(work: Work, comment_id: UUID) -> bool:
    """The caller holds the lock of the counters. False when it is gone."""
    counted = await work.write_value(
        """WITH gone AS (DELETE FROM posts_comments WHERE id = $1 RETURNING post_id)
           UPDATE posts_counters c SET comment_count = comment_count - 1
           FROM gone WHERE c.post_id = gone.post_id RETURNING true""",
        comment_id,
    )
    return counted is not None


async def find_reaction(work: Work, post_id: UUID, person_id: UUID) -> ReactionKind | None:
    kind: ReactionKind | None = await work.value(
        "SELECT kind FROM posts_reactions WHERE post_id = $1 AND person_id = $2", post_id, person_id
    )
    return kind


async def put_reaction(
    work: Work, post_id: UUID, person_id: UUID, kind: ReactionKind, at: datetime, counts: dict[str, int]
) -> None:
    """Stores a reaction and the post's new counts; the caller holds the lock of the counters."""
    await work.write(
        """WITH put AS (
               INSERT INTO posts_reactions (post_id, person_id, kind, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (post_id, person_id) DO UPDATE SET kind = $3, created_at = $4)
           UPDATE posts_counters SET reaction_counts = $5 WHERE post_id = $1""",
        post_id,
        person_id,
        kind,
        at,
        msgspec.json.encode(counts).decode(),
    )


async def delete_reaction(work: Work, post_id: UUID, person_id: UUID, counts: dict[str, int]) -> None:
    """Removes a reaction and stores the post's new counts; the caller holds the lock of the counters."""
    await work.write(
        """WITH gone AS (DELETE FROM posts_reactions WHERE post_id = $1 AND person_id = $2)
           UPDATE posts_counters SET reaction_counts = $3 WHERE post_id = $1""",
        post_id,
        person_id,
        msgspec.json.encode(counts).decode(),
    )
