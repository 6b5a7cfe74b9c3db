"""SQL that takes over many posts, comments and reactions at once."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.posts.models import CommentImport, Marks, PostImport, Reach, ReactionImport
from banyan.features.posts.queries.posts import write_marks
from banyan.infra.database.work import Work


async def insert_posts(work: Work, posts: Sequence[PostImport], marks: Sequence[Marks]) -> int:
    """How many were added, with their tags: known ids are left out."""
    tagged = [(post.id, tag) for post, found in zip(posts, marks, strict=True) for tag in found.tags]
    added: int = await work.write_value(
        """WITH added AS (
               INSERT INTO posts_posts (id, author_id, body, audience, created_at, marks)
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
               ON CONFLICT DO NOTHING RETURNING id, author_id, audience),
           counters AS (INSERT INTO posts_counters (post_id) SELECT id FROM added),
           tags AS (
               INSERT INTO posts_tags (post_id, tag, author_id, audience)
               SELECT added.id, given.tag, added.author_id, added.audience
               FROM unnest($7::uuid[], $8::text[]) AS given (id, tag) JOIN added USING (id))
           SELECT count(*) FROM added""",
        [post.id for post in posts],
        [post.author_id for post in posts],
        [post.body for post in posts],
        [post.audience for post in posts],
        [post.created_at for post in posts],
        [write_marks(found) for found in marks],
        [post_id for post_id, _ in tagged],
        [tag for _, tag in tagged],
    )
    return added


async def list_reaches(work: Work, post_ids: Sequence[UUID]) -> dict[UUID, Reach]:
    """What decides who sees each of many posts."""
    rows = await work.rows("SELECT id, author_id, audience, list_id FROM posts_posts WHERE id = ANY($1)", post_ids)
    return {row[0]: Reach(row[1], row[2], row[3]) for row in rows}


async def insert_comments(work: Work, comments: Sequence[CommentImport], marks: Sequence[Marks]) -> int:
    """Counts them as well; how many were added."""
    added: int = await work.write_value(
        """WITH locked AS MATERIALIZED (
               SELECT post_id FROM posts_counters WHERE post_id = ANY($2) ORDER BY post_id FOR UPDATE),
           added AS (
               INSERT INTO posts_comments (id, post_id, author_id, body, created_at, marks)
               SELECT given.*
               FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::jsonb[])
                   AS given (id, post_id, author_id, body, created_at, marks) JOIN locked USING (post_id)
               ON CONFLICT DO NOTHING RETURNING post_id),
           counted AS (
               UPDATE posts_counters c SET comment_count = comment_count + fresh.count
               FROM (SELECT post_id, count(*) FROM added GROUP BY post_id) fresh
               WHERE c.post_id = fresh.post_id)
           SELECT count(*) FROM added""",
        [comment.id for comment in comments],
        [comment.post_id for comment in comments],
        [comment.author_id for comment in comments],
        [comment.body for comment in comments],
        [comment.created_at for comment in comments],
        [write_marks(found) for found in marks],
    )
    return added


async def insert_reactions(work: Work, reactions: Sequence[ReactionImport]) -> int:
    """How many were added: whoever has reacted to a post already is left out. Counts follow by `recount`."""
    added: int = await work.write_value(
        """WITH locked AS MATERIALIZED (
               SELECT post_id FROM posts_counters WHERE post_id = ANY($1) ORDER BY post_id FOR UPDATE),
           added AS (
               INSERT INTO posts_reactions (post_id, person_id, kind, created_at)
               SELECT given.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
                   AS given (post_id, person_id, kind, created_at) JOIN locked USING (post_id)
               ON CONFLICT DO NOTHING RETURNING 1)
           SELECT count(*) FROM added""",
        [reaction.post_id for reaction in reactions],
        [reaction.person_id for reaction in reactions],
        [reaction.kind for reaction in reactions],
        [reaction.created_at for reaction in reactions],
    )
    return added


async def recount_reactions(work: Work, post_ids: Sequence[UUID]) -> None:
    """Sets the counts from the rows; the caller's transaction holds the locks of the counters."""
    await work.write(
        """UPDATE posts_counters c SET reaction_counts = fresh.counts
           FROM (SELECT post_id, jsonb_object_agg(kind, count) AS counts
                 FROM (SELECT post_id, kind, count(*) FROM posts_reactions
                       WHERE post_id = ANY($1) AND kind IS NOT NULL GROUP BY post_id, kind) kinds
                 GROUP BY post_id) fresh
           WHERE c.post_id = fresh.post_id""",
        post_ids,
    )


async def analyze(work: Work) -> None:
    """Fresh statistics after a bulk load: without them the planner takes these tables for empty."""
    await work.write("ANALYZE posts_posts, posts_counters, posts_comments, posts_reactions, posts_tags, posts_home")
