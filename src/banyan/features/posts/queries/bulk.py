"""SQL that takes over many posts at once, with their comments and reactions."""

from collections import Counter
from collections.abc import Sequence

import asyncpg
import msgspec

from banyan.features.posts.models import Marks, PostImport, ReactionImport
from banyan.features.posts.queries.posts import write_marks
from banyan.infra.database.work import Work


async def copy_posts(
    work: Work, posts: Sequence[PostImport], marks: Sequence[Marks], comment_marks: Sequence[Marks]
) -> bool:
    """With counters, tags, comments and reactions; `comment_marks` are those of all comments, post after post.

    False loses the transaction: an id is there already or given twice, or somebody reacts twice to a post.
    """
    try:
        await _copy_texts(work, posts, marks)
        await _copy_comments(work, posts, comment_marks)
        await work.copy(
            "posts_reactions",
            ("post_id", "person_id", "kind", "created_at"),
            [(post.id, one.person_id, one.kind, one.created_at) for post in posts for one in post.reactions],
        )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def analyze(work: Work) -> None:
    """Fresh statistics after a bulk load: without them the planner takes these tables for empty."""
    await work.write("ANALYZE posts_posts, posts_counters, posts_comments, posts_reactions, posts_tags, posts_home")


async def _copy_texts(work: Work, posts: Sequence[PostImport], marks: Sequence[Marks]) -> None:
    marked = list(zip(posts, marks, strict=True))
    await work.copy(
        "posts_posts",
        ("id", "author_id", "body", "audience", "created_at", "marks"),
        [
            (post.id, post.author_id, post.body, post.audience, post.created_at, write_marks(found))
            for post, found in marked
        ],
    )
    await work.copy(
        "posts_counters",
        ("post_id", "comment_count", "reaction_counts"),
        [(post.id, len(post.comments), _counts(post.reactions)) for post in posts],
    )
    await work.copy(
        "posts_tags",
        ("post_id", "tag", "author_id", "audience"),
        [(post.id, tag, post.author_id, post.audience) for post, found in marked for tag in found.tags],
    )


async def _copy_comments(work: Work, posts: Sequence[PostImport], marks: Sequence[Marks]) -> None:
    comments = ((post, comment) for post in posts for comment in post.comments)
    await work.copy(
        "posts_comments",
        ("id", "post_id", "author_id", "body", "created_at", "marks"),
        [
            (comment.id, post.id, comment.author_id, comment.body, comment.created_at, write_marks(found))
            for (post, comment), found in zip(comments, marks, strict=True)
        ],
    )


def _counts(reactions: Sequence[ReactionImport]) -> str:
    return msgspec.json.encode(Counter(reaction.kind for reaction in reactions)).decode()
