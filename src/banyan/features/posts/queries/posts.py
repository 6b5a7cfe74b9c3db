"""SQL of posts themselves."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from banyan.features.posts.models import AudienceKind, PostRow
from banyan.infra.database.work import Work

LAST_ID = UUID(int=(1 << 128) - 1)

# What every read of posts selects; $1 is the reader, or null for anybody. Times come as seconds, exact to the
# microsecond: the driver takes 0.8 µs to make a datetime of a timestamp, Python 0.25 of a float.
COLUMNS = """p.id, p.author_id, p.body, p.audience, date_part('epoch', p.created_at),
    date_part('epoch', p.edited_at), c.comment_count, c.reaction_counts, r.kind"""
# Row by row, along the order of the page: LIMIT 1 keeps the planner from joining whole tables instead, which it
# finds cheaper as long as it does not know how short a page is.
JOINS = """CROSS JOIN LATERAL (
        SELECT comment_count, reaction_counts FROM posts_counters WHERE post_id = p.id LIMIT 1) c
    LEFT JOIN LATERAL (
        SELECT kind FROM posts_reactions WHERE post_id = p.id AND person_id = $1::uuid LIMIT 1) r ON true"""

_FIND = f"SELECT {COLUMNS} FROM posts_posts p {JOINS} WHERE p.id = $2"
_LIST_BY_ID = f"""SELECT {COLUMNS} FROM unnest($2::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (SELECT * FROM posts_posts WHERE id = wanted.id LIMIT 1) p {JOINS}"""
_LIST_PUBLIC = f"""SELECT {COLUMNS} FROM posts_posts p {JOINS}
    WHERE p.audience = 'public' AND p.id < $2 AND p.author_id <> ALL($4::uuid[]) ORDER BY p.id DESC LIMIT $3"""
_LIST_BY_AUTHOR = f"""SELECT {COLUMNS} FROM posts_posts p {JOINS}
    WHERE p.author_id = $4 AND p.audience = ANY($5::text[]) AND p.id < $2 ORDER BY p.id DESC LIMIT $3"""
# The three rows of a new post in one statement: one way to the server and back. The author's own feed has it
# at once, others' follow by a job.
_INSERT = """WITH post AS (
        INSERT INTO posts_posts (id, author_id, body, audience, created_at) VALUES ($1, $2, $3, $4, $5)),
    counter AS (INSERT INTO posts_counters (post_id) VALUES ($1))
    INSERT INTO posts_home (person_id, post_id) VALUES ($2, $1)"""

_NO_COUNTS: Final[dict[str, int]] = {}
_counts = msgspec.json.Decoder(dict[str, int])


def read_counts(stored: str) -> dict[str, int]:
    """Reaction counts from their jsonb; never changed in place."""
    return _counts.decode(stored) if stored != "{}" else _NO_COUNTS


def post_rows(rows: Iterable[Any]) -> list[PostRow]:
    """Rows of COLUMNS as values."""
    moment = datetime.fromtimestamp
    return [
        PostRow(
            post,
            author,
            body,
            audience,
            moment(created, UTC),
            None if edited is None else moment(edited, UTC),
            comments,
            read_counts(reactions),
            mine,
        )
        for post, author, body, audience, created, edited, comments, reactions, mine in rows
    ]


async def insert_post(
    work: Work, post_id: UUID, author_id: UUID, body: str, audience: AudienceKind, at: datetime
) -> None:
    await work.write(_INSERT, post_id, author_id, body, audience, at)


async def find_post(work: Work, viewer_id: UUID | None, post_id: UUID) -> PostRow | None:
    rows = post_rows(await work.rows(_FIND, viewer_id, post_id))
    return rows[0] if rows else None


async def list_by_id(work: Work, viewer_id: UUID, post_ids: Sequence[UUID]) -> list[PostRow]:
    """Those that exist, in the order of `post_ids`."""
    return post_rows(await work.rows(_LIST_BY_ID, viewer_id, post_ids))


async def list_public(
    work: Work, viewer_id: UUID | None, unwanted: Sequence[UUID], before: UUID, limit: int
) -> list[PostRow]:
    """Newest first, without the posts of `unwanted`."""
    return post_rows(await work.rows(_LIST_PUBLIC, viewer_id, before, limit, unwanted))


async def list_by_author(
    work: Work,
    viewer_id: UUID | None,
    author_id: UUID,
    audiences: Sequence[AudienceKind],
    before: UUID,
    limit: int,
) -> list[PostRow]:
    """Newest first."""
    rows = await work.rows(_LIST_BY_AUTHOR, viewer_id, before, limit, author_id, audiences)
    return post_rows(rows)


async def lock_post(work: Work, post_id: UUID) -> tuple[str, AudienceKind] | None:
    """Body and audience, which nobody else changes until the transaction ends; None when it is gone."""
    row = await work.write_row("SELECT body, audience FROM posts_posts WHERE id = $1 FOR NO KEY UPDATE", post_id)
    return None if row is None else (row[0], row[1])


async def update_post(work: Work, post_id: UUID, body: str, audience: AudienceKind, edited_at: datetime | None) -> None:
    """`edited_at` None leaves it as it is."""
    await work.write(
        """UPDATE posts_posts SET body = $2, audience = $3, edited_at = coalesce($4, edited_at)
           WHERE id = $1""",
        post_id,
        body,
        audience,
        edited_at,
    )


async def lock_counters(work: Work, post_id: UUID) -> dict[str, int] | None:
    """The reaction counts, locked; None when the post is gone.

    Whoever changes what hangs on a post locks its counters first: one order for all, so no deadlock.
    """
    stored = await work.write_value("SELECT reaction_counts FROM posts_counters WHERE post_id = $1 FOR UPDATE", post_id)
    return None if stored is None else read_counts(stored)


async def delete_post(work: Work, post_id: UUID, author_id: UUID) -> None:
    """With its counters, comments and reactions. Rows of other homes stay behind and no longer join."""
    await work.write(
        """WITH home AS (DELETE FROM posts_home WHERE person_id = $2 AND post_id = $1)
           DELETE FROM posts_posts WHERE id = $1""",
        post_id,
        author_id,
    )


async def count_all(work: Work, counted_exactly: int) -> tuple[int, int, int]:
    """Posts, comments and reactions: exact up to `counted_exactly` rows, then PostgreSQL's last estimate."""
    row = await work.row(
        """SELECT
               CASE WHEN p.reltuples > $1::bigint THEN p.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_posts) END,
               CASE WHEN c.reltuples > $1::bigint THEN c.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_comments) END,
               CASE WHEN r.reltuples > $1::bigint THEN r.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_reactions) END
           FROM pg_class p, pg_class c, pg_class r
           WHERE p.oid = 'posts_posts'::regclass AND c.oid = 'posts_comments'::regclass
             AND r.oid = 'posts_reactions'::regclass""",
        counted_exactly,
    )
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])
