"""All that one person wrote and chose: for their export, and to be erased."""

from uuid import UUID

import msgspec
from msgspec import UNSET

from banyan.features.people.models import NOBODY
from banyan.features.posts.models import (
    AudienceKind,
    EarlierText,
    SavedPost,
    WrittenComment,
    WrittenPost,
    WrittenReaction,
)
from banyan.infra.database.work import Work


async def list_posts(work: Work, author_id: UUID, after: UUID, limit: int) -> list[WrittenPost]:
    """Oldest first."""
    rows = await work.rows(
        """SELECT id, body, audience, created_at, edited_at, attributes FROM posts_posts
           WHERE author_id = $1 AND id > $2 ORDER BY id LIMIT $3""",
        author_id,
        after,
        limit,
    )
    return [
        WrittenPost(id, body, audience, created, edited, UNSET if stored is None else msgspec.json.decode(stored))
        for id, body, audience, created, edited, stored in rows
    ]


async def list_earlier_texts(work: Work, author_id: UUID, after: UUID, limit: int) -> list[EarlierText]:
    """What posts said before their edits, oldest edit first."""
    rows = await work.rows(
        """SELECT r.id, r.post_id, r.body, r.audience, r.edited_at
           FROM posts_posts p JOIN posts_revisions r ON r.post_id = p.id
           WHERE p.author_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3""",
        author_id,
        after,
        limit,
    )
    return [EarlierText(*row) for row in rows]


async def list_comments(work: Work, author_id: UUID, after: UUID, limit: int) -> list[WrittenComment]:
    """Oldest first."""
    rows = await work.rows(
        """SELECT id, post_id, parent_id, body, created_at, edited_at FROM posts_comments
           WHERE author_id = $1 AND id > $2 ORDER BY id LIMIT $3""",
        author_id,
        after,
        limit,
    )
    return [WrittenComment(*row) for row in rows]


async def list_reactions(work: Work, person_id: UUID, after: UUID, limit: int) -> list[WrittenReaction]:
    """In the order of the posts."""
    rows = await work.rows(
        """SELECT post_id, kind, created_at FROM posts_reactions
           WHERE person_id = $1 AND kind IS NOT NULL AND post_id > $2 ORDER BY post_id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [WrittenReaction(*row) for row in rows]


async def list_saved(work: Work, person_id: UUID, after: UUID, limit: int) -> list[SavedPost]:
    """In the order of saving."""
    rows = await work.rows(
        """SELECT saved_id, post_id FROM posts_reactions
           WHERE person_id = $1 AND saved_id IS NOT NULL AND saved_id > $2 ORDER BY saved_id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [SavedPost(*row) for row in rows]


async def list_posts_to_erase(work: Work, author_id: UUID, limit: int) -> list[tuple[UUID, AudienceKind]]:
    """Ids and audiences of some posts of an author."""
    rows = await work.rows(
        "SELECT id, audience FROM posts_posts WHERE author_id = $1 ORDER BY id LIMIT $2", author_id, limit
    )
    return [(row[0], row[1]) for row in rows]


async def list_choices_to_erase(work: Work, person_id: UUID, limit: int) -> list[tuple[UUID, AudienceKind]]:
    """Posts to which a person reacted or which they saved, and whom each is for, in one order for all who lock them."""
    rows = await work.rows(
        """SELECT r.post_id, p.audience FROM posts_reactions r JOIN posts_posts p ON p.id = r.post_id
           WHERE r.person_id = $1 ORDER BY r.post_id LIMIT $2""",
        person_id,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def delete_choice(work: Work, post_id: UUID, person_id: UUID) -> None:
    """What a person made of a post: saved, and nothing else any more."""
    await work.write("DELETE FROM posts_reactions WHERE post_id = $1 AND person_id = $2", post_id, person_id)


async def unlink_comments(work: Work, author_id: UUID, limit: int) -> int:
    """Comments stay, and nobody can tell any more whose they were; how many were of this author."""
    rows = await work.write(
        """UPDATE posts_comments SET author_id = $3 WHERE id IN (
               SELECT id FROM posts_comments WHERE author_id = $1 ORDER BY id LIMIT $2)
           RETURNING 1""",
        author_id,
        limit,
        NOBODY,
    )
    return len(rows)


async def delete_home(work: Work, person_id: UUID) -> None:
    """The person's own feed, and that their posts were pulled into others'."""
    await work.write(
        """WITH floor AS (DELETE FROM posts_home_floors WHERE person_id = $1),
               large AS (DELETE FROM posts_large_authors WHERE author_id = $1)
           DELETE FROM posts_home WHERE person_id = $1""",
        person_id,
    )
