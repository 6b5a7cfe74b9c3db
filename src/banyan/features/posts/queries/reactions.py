"""SQL of what one person has made of a post: a reaction, and saved it. One row holds both.

All that write here hold the lock of the post's counters.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from banyan.features.posts.models import FeedMark, PostRow, ReactionKind
from banyan.features.posts.queries.posts import COLUMNS, JOINS, post_rows
from banyan.infra.database.work import Work

# Newest saved first, each with the id that was made when it was saved.
_LIST_SAVED = f"""SELECT mine.saved_id, {COLUMNS}
    FROM posts_reactions mine
    CROSS JOIN LATERAL (SELECT * FROM posts_posts WHERE id = mine.post_id LIMIT 1) p
    {JOINS}
    WHERE mine.person_id = $1 AND mine.saved_id IS NOT NULL AND mine.saved_id < $2
    ORDER BY mine.saved_id DESC LIMIT $3"""

# What tells whether a copy of a saved post is up to date, beside its author's card: every write of one of these rows
# gives it another xmin.
_SAVED_MARKS = """SELECT p.id, p.author_id, p.audience, p.list_id,
        hash_record_extended(ROW(p.xmin, c.xmin, mine.xmin), 0)
    FROM (SELECT post_id, saved_id, xmin FROM posts_reactions
          WHERE person_id = $1 AND saved_id IS NOT NULL ORDER BY saved_id DESC LIMIT $2) mine
    CROSS JOIN LATERAL (SELECT *, xmin FROM posts_posts WHERE id = mine.post_id LIMIT 1) p
    CROSS JOIN LATERAL (SELECT xmin FROM posts_counters WHERE post_id = p.id LIMIT 1) c
    ORDER BY mine.saved_id DESC"""


async def find_reaction(work: Work, post_id: UUID, person_id: UUID) -> ReactionKind | None:
    kind: ReactionKind | None = await work.value(
        "SELECT kind FROM posts_reactions WHERE post_id = $1 AND person_id = $2", post_id, person_id
    )
    return kind


async def put_reaction(
    work: Work, post_id: UUID, person_id: UUID, kind: ReactionKind, at: datetime, counts: dict[str, int]
) -> None:
    """Stores a reaction and the post's new counts."""
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
    """Removes a reaction and stores the post's new counts; saved it stays."""
    await work.write(
        """WITH kept AS (
               UPDATE posts_reactions SET kind = NULL
               WHERE post_id = $1 AND person_id = $2 AND saved_id IS NOT NULL),
           gone AS (DELETE FROM posts_reactions WHERE post_id = $1 AND person_id = $2 AND saved_id IS NULL)
           UPDATE posts_counters SET reaction_counts = $3 WHERE post_id = $1""",
        post_id,
        person_id,
        msgspec.json.encode(counts).decode(),
    )


async def save_post(work: Work, post_id: UUID, person_id: UUID, saved_id: UUID, at: datetime) -> None:
    """What is saved already keeps its place."""
    await work.write(
        """INSERT INTO posts_reactions (post_id, person_id, saved_id, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (post_id, person_id) DO UPDATE SET saved_id = $3 WHERE posts_reactions.saved_id IS NULL""",
        post_id,
        person_id,
        saved_id,
        at,
    )


async def unsave_post(work: Work, post_id: UUID, person_id: UUID) -> None:
    """A reaction stays."""
    await work.write(
        """WITH kept AS (
               UPDATE posts_reactions SET saved_id = NULL
               WHERE post_id = $1 AND person_id = $2 AND kind IS NOT NULL)
           DELETE FROM posts_reactions WHERE post_id = $1 AND person_id = $2 AND kind IS NULL""",
        post_id,
        person_id,
    )


async def list_saved(work: Work, person_id: UUID, before: UUID, limit: int) -> list[tuple[UUID, PostRow]]:
    """With the id of each saving: the key of the page."""
    rows = await work.rows(_LIST_SAVED, person_id, before, limit)
    posts = post_rows([tuple(row)[1:] for row in rows])
    return [(row[0], post) for row, post in zip(rows, posts, strict=True)]


async def list_saved_marks(work: Work, person_id: UUID, newest: int) -> list[FeedMark]:
    """Newest saved first."""
    return [FeedMark(*row) for row in await work.rows(_SAVED_MARKS, person_id, newest)]
