"""SQL of posts themselves."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from banyan.features.posts.models import NO_MARKS, AudienceKind, Marks, PostRow, PostText, Reach, RevisionRow
from banyan.infra.database.arrays import array_text
from banyan.infra.database.work import Work
from banyan.kernel.clock import instants

# What every read of posts selects; $1 is the reader, or null for anybody. Times come as seconds, exact to the
# microsecond: the driver takes 0.8 µs to make a datetime of a timestamp, Python 0.25 of a float.
COLUMNS = """p.id, p.author_id, p.body, p.audience, p.list_id, p.marks, date_part('epoch', p.created_at),
    date_part('epoch', p.edited_at), c.comment_count, c.reaction_counts, r.kind, r.saved"""
_CREATED: Final = 6
# Row by row, along the order of the page: LIMIT 1 keeps the planner from joining whole tables instead, which it
# finds cheaper as long as it does not know how short a page is.
JOINS = """CROSS JOIN LATERAL (
        SELECT comment_count, reaction_counts, xmin FROM posts_counters WHERE post_id = p.id LIMIT 1) c
    LEFT JOIN LATERAL (
        SELECT kind, saved_id IS NOT NULL AS saved, xmin FROM posts_reactions
        WHERE post_id = p.id AND person_id = $1::uuid LIMIT 1) r ON true"""

_FIND = f"SELECT {COLUMNS} FROM posts_posts p {JOINS} WHERE p.id = $2"
# What the copies of a post depend on that are the same for all readers but its author, beside their card: every write
# of one of these rows gives it another xmin, whatever columns there are.
SHARED_VERSION = "hash_record_extended(ROW(p.xmin, c.xmin), 0)"
_LIST_BY_ID = f"""SELECT {COLUMNS}, {SHARED_VERSION} FROM unnest($2::text::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (SELECT *, xmin FROM posts_posts WHERE id = wanted.id LIMIT 1) p {JOINS}"""
_LIST_PUBLIC = f"""SELECT {COLUMNS} FROM posts_posts p {JOINS}
    WHERE p.audience = 'public' AND p.id < $2 AND p.author_id <> ALL($4::uuid[]) ORDER BY p.id DESC LIMIT $3"""
_LIST_BY_AUTHOR = f"""SELECT {COLUMNS} FROM posts_posts p {JOINS}
    WHERE p.author_id = $4 AND p.audience = ANY($5::text[]) AND p.id < $2
      AND (p.list_id IS NULL OR $1 = $4 OR p.list_id = ANY($6::uuid[])) ORDER BY p.id DESC LIMIT $3"""
# The rows of a new post in one statement: one way to the server and back. The author's own feed has it at once,
# others' follow by a job.
_INSERT = """post AS (
        INSERT INTO posts_posts (id, author_id, body, audience, list_id, marks, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)),
    counter AS (INSERT INTO posts_counters (post_id) VALUES ($1)),{tagged}
    home AS (INSERT INTO posts_home (person_id, post_id) VALUES ($2, $1))"""
_INSERT_PLAIN = _INSERT.format(tagged="")
_INSERT_TAGGED = _INSERT.format(
    tagged="""
    tagged AS (INSERT INTO posts_tags (post_id, tag, author_id, audience, list_id)
        SELECT $1, tag, $2, $4, $5 FROM unnest($8::text[]) AS tag),"""
)
# The earlier text goes into the history; its tags are taken away where they or the audience changed.
_UPDATE = """WITH earlier AS (
        INSERT INTO posts_revisions (post_id, id, body, audience, list_id, edited_at)
        SELECT id, $2, body, audience, list_id, $7 FROM posts_posts WHERE id = $1)
    UPDATE posts_posts SET body = $3, audience = $4, list_id = $5, marks = $6,
        edited_at = CASE WHEN body = $3 THEN edited_at ELSE $7 END
    WHERE id = $1"""

_NO_COUNTS: Final[dict[str, int]] = {}
_counts = msgspec.json.Decoder(dict[str, int])
_marks = msgspec.json.Decoder(Marks)


def read_counts(stored: str) -> dict[str, int]:
    """Reaction counts from their jsonb; never changed in place."""
    return _counts.decode(stored) if stored != "{}" else _NO_COUNTS


def read_marks(stored: str | None) -> Marks:
    """Tags and mentions from their jsonb; never changed in place."""
    return NO_MARKS if stored is None else _marks.decode(stored)


def write_marks(marks: Marks) -> str | None:
    return None if marks == NO_MARKS else msgspec.json.encode(marks).decode()


def post_rows(rows: Sequence[Any]) -> list[PostRow]:
    """Rows of COLUMNS, and of a version where it was asked for, as values."""
    created = iter(instants([row[_CREATED] for row in rows]))
    return [
        PostRow(
            id,
            author,
            body,
            audience,
            list_id,
            NO_MARKS if marks is None else _marks.decode(marks),
            next(created),
            None if edited is None else datetime.fromtimestamp(edited, UTC),
            comments,
            read_counts(counts),
            mine,
            saved is True,
            *version,
        )
        for id, author, body, audience, list_id, marks, _, edited, comments, counts, mine, saved, *version in rows
    ]


async def insert_post(work: Work, post_id: UUID, author_id: UUID, text: PostText, at: datetime) -> None:
    """With its tags, in the statement that the caller's transaction ends with."""
    marks = write_marks(text.marks)
    values = (post_id, author_id, text.body, text.audience, text.list_id, marks, at)
    if text.marks.tags:
        await work.defer(_INSERT_TAGGED, *values, text.marks.tags)
    else:
        await work.defer(_INSERT_PLAIN, *values)


async def find_post(work: Work, viewer_id: UUID | None, post_id: UUID) -> PostRow | None:
    rows = post_rows(await work.rows(_FIND, viewer_id, post_id))
    return rows[0] if rows else None


async def list_by_id(work: Work, viewer_id: UUID | None, post_ids: Iterable[str]) -> list[PostRow]:
    """Those that exist, in the order of `post_ids`, with the version of what all readers share."""
    return post_rows(await work.rows(_LIST_BY_ID, viewer_id, array_text(post_ids)))


async def list_reaches(work: Work, post_ids: Sequence[UUID]) -> dict[UUID, Reach]:
    """Who wrote them and who sees them; those that exist."""
    rows = await work.rows("SELECT id, author_id, audience, list_id FROM posts_posts WHERE id = ANY ($1)", post_ids)
    return {row[0]: Reach(row[1], row[2], row[3]) for row in rows}


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
    listed: Sequence[UUID],
    before: UUID,
    limit: int,
) -> list[PostRow]:
    """Newest first; of posts for a list the author sees all, others those of the lists `listed`."""
    rows = await work.rows(_LIST_BY_AUTHOR, viewer_id, before, limit, author_id, audiences, listed)
    return post_rows(rows)


async def lock_post(work: Work, post_id: UUID) -> PostText | None:
    """What an edit changes, which nobody else changes until the transaction ends; None when it is gone."""
    row = await work.write_row(
        "SELECT body, audience, list_id, marks FROM posts_posts WHERE id = $1 FOR NO KEY UPDATE", post_id
    )
    return None if row is None else PostText(row[0], row[1], row[2], read_marks(row[3]))


async def update_post(work: Work, post_id: UUID, revision_id: UUID, text: PostText, at: datetime) -> None:
    """Keeps what was there as a revision; a change of the audience alone is no edit of the text."""
    await work.write(_UPDATE, post_id, revision_id, text.body, text.audience, text.list_id, write_marks(text.marks), at)


async def list_revisions(
    work: Work,
    post_id: UUID,
    audiences: Sequence[AudienceKind],
    listed: Sequence[UUID] | None,
    before: UUID,
    limit: int,
) -> list[RevisionRow]:
    """Newest first: those that were for one of `audiences`, and of lists only `listed` (None: all)."""
    rows = await work.rows(
        """SELECT id, body, audience, list_id, edited_at FROM posts_revisions
           WHERE post_id = $1 AND id < $2 AND audience = ANY($4::text[])
             AND (list_id IS NULL OR $5::uuid[] IS NULL OR list_id = ANY($5::uuid[]))
           ORDER BY id DESC LIMIT $3""",
        post_id,
        before,
        limit,
        audiences,
        listed,
    )
    return [RevisionRow(*row) for row in rows]


async def lock_counters(work: Work, post_id: UUID) -> dict[str, int] | None:
    """The reaction counts, locked; None when the post is gone.

    Whoever changes what hangs on a post locks its counters first: one order for all, so no deadlock.
    """
    stored = await work.write_value("SELECT reaction_counts FROM posts_counters WHERE post_id = $1 FOR UPDATE", post_id)
    return None if stored is None else read_counts(stored)


async def delete_post(work: Work, post_id: UUID, author_id: UUID) -> AudienceKind | None:
    """With its counters, comments and reactions; whom it was for at last. Rows of other homes stay behind and no
    longer join.
    """
    audience: AudienceKind | None = await work.write_value(
        """WITH home AS (DELETE FROM posts_home WHERE person_id = $2 AND post_id = $1)
           DELETE FROM posts_posts WHERE id = $1 RETURNING audience""",
        post_id,
        author_id,
    )
    return audience


async def count_all(work: Work, counted_exactly: int) -> tuple[int, int, int]:
    """Posts, comments and reactions: exact up to `counted_exactly` rows, then PostgreSQL's last estimate."""
    row = await work.row(
        """SELECT
               CASE WHEN p.reltuples > $1::bigint THEN p.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_posts) END,
               CASE WHEN c.reltuples > $1::bigint THEN c.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_comments WHERE NOT deleted) END,
               CASE WHEN r.reltuples > $1::bigint THEN r.reltuples::bigint
                    ELSE (SELECT count(*) FROM posts_reactions WHERE kind IS NOT NULL) END
           FROM pg_class p, pg_class c, pg_class r
           WHERE p.oid = 'posts_posts'::regclass AND c.oid = 'posts_comments'::regclass
             AND r.oid = 'posts_reactions'::regclass""",
        counted_exactly,
    )
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])
