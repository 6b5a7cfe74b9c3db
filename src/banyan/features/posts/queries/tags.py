"""SQL of tags."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.posts.models import PostRow, PostText, TagUse
from banyan.features.posts.queries.posts import COLUMNS, JOINS, post_rows
from banyan.infra.database.work import Work

# Public posts by one walk along the tag; those that few may see by one look per author whom the reader knows. So a
# page reads as many rows as it shows, and never what strangers wrote for others.
_LIST = f"""SELECT {COLUMNS}
    FROM (
        SELECT found.post_id FROM (
            (SELECT t.post_id FROM posts_tags t
             WHERE t.tag = $4 AND t.audience = 'public' AND t.post_id < $2 AND t.author_id <> ALL($5::uuid[])
             ORDER BY t.post_id DESC LIMIT $3)
            UNION ALL
            (SELECT one.post_id FROM unnest($6::uuid[]) AS source (author_id)
             CROSS JOIN LATERAL (
                 SELECT t.post_id FROM posts_tags t
                 WHERE t.tag = $4 AND t.audience <> 'public' AND t.author_id = source.author_id AND t.post_id < $2
                   AND (t.author_id = $1 OR t.audience = 'connections' OR t.list_id = ANY($7::uuid[]))
                 ORDER BY t.post_id DESC LIMIT $3) one
             ORDER BY one.post_id DESC LIMIT $3)) found
        ORDER BY found.post_id DESC LIMIT $3) page
    CROSS JOIN LATERAL (SELECT * FROM posts_posts WHERE id = page.post_id LIMIT 1) p
    {JOINS}
    ORDER BY p.id DESC"""


async def list_tagged(
    work: Work,
    viewer_id: UUID | None,
    tag: str,
    unwanted: Sequence[UUID],
    known: Sequence[UUID],
    listed: Sequence[UUID],
    before: UUID,
    limit: int,
) -> list[PostRow]:
    """Newest first: public posts but those of `unwanted`, and of the authors `known` what is for them."""
    return post_rows(await work.rows(_LIST, viewer_id, before, limit, tag, unwanted, known, listed))


async def replace_tags(work: Work, post_id: UUID, author_id: UUID, text: PostText) -> None:
    """The post under its present tags and no others; the caller holds the post's lock."""
    await work.write(
        """WITH gone AS (DELETE FROM posts_tags WHERE post_id = $1 AND tag <> ALL($5::text[]))
           INSERT INTO posts_tags (post_id, tag, author_id, audience, list_id)
           SELECT $1, tag, $2, $3, $4 FROM unnest($5::text[]) AS tag
           ON CONFLICT (post_id, tag) DO UPDATE SET audience = $3, list_id = $4""",
        post_id,
        author_id,
        text.audience,
        text.list_id,
        text.marks.tags,
    )


async def count_tags(work: Work, since: UUID, newest: int, limit: int) -> tuple[list[TagUse], int]:
    """The most used of the newest uses in public posts from `since` on, and how many uses were counted."""
    rows = await work.rows(
        """SELECT tag, count(*), sum(count(*)) OVER ()
           FROM (SELECT tag FROM posts_tags WHERE audience = 'public' AND uuid_send(post_id) >= uuid_send($1)
                 ORDER BY uuid_send(post_id) DESC LIMIT $2) recent
           GROUP BY tag ORDER BY count(*) DESC, tag LIMIT $3""",
        since,
        newest,
        limit,
    )
    return [TagUse(row[0], row[1]) for row in rows], int(rows[0][2]) if rows else 0
