"""All that one person wrote and chose: pages of it for their export, and its end when they are deleted."""

from uuid import UUID

from banyan.features.posts.queries import personal as queries
from banyan.features.posts.queries import posts as post_queries
from banyan.features.posts.queries import reactions as reaction_queries
from banyan.features.posts.service.announcing import announce_change, emit_unless_hidden
from banyan.features.posts.service.reactions import without
from banyan.features.posts.signals import PostDeleted, ReactionRemoved
from banyan.infra.database.work import Work
from banyan.infra.export_pages import export_pages

# Each with the locks of its counters, in one transaction.
_POSTS_AT_ONCE = 50
_CHOICES_AT_ONCE = 100
_COMMENTS_AT_ONCE = 500

POSTS = export_pages(queries.list_posts, lambda row: row.id)
EARLIER_TEXTS = export_pages(queries.list_earlier_texts, lambda row: row.id)
COMMENTS = export_pages(queries.list_comments, lambda row: row.id)
REACTIONS = export_pages(queries.list_reactions, lambda row: row.post_id)
SAVED = export_pages(queries.list_saved, lambda row: row.id)


async def erase(work: Work, person_id: UUID) -> bool:
    """Posts go with all that hangs on them, reactions and what was saved go and counts stay right; comments on
    others' posts stay, as of a deleted account. True while there is more.
    """
    return (
        await _erase_posts(work, person_id)
        or await _erase_choices(work, person_id)
        or await _erase_rest(work, person_id)
    )


async def _erase_posts(work: Work, person_id: UUID) -> bool:
    posts = await queries.list_posts_to_erase(work, person_id, _POSTS_AT_ONCE)
    for post_id, audience in posts:
        if await post_queries.lock_counters(work, post_id) is None:
            continue
        await post_queries.delete_post(work, post_id, person_id)
        emit_unless_hidden(work, audience, PostDeleted(post_id, person_id))
        announce_change(work, post_id, person_id, audience, "deleted")
        work.cut(f"post:{post_id}")
    return bool(posts)


async def _erase_choices(work: Work, person_id: UUID) -> bool:
    posts = await queries.list_choices_to_erase(work, person_id, _CHOICES_AT_ONCE)
    for post_id, audience in posts:
        counts = await post_queries.lock_counters(work, post_id)
        if counts is None:
            continue
        # Read under the lock: a request of the person's last session may still have been on its way.
        kind = await reaction_queries.find_reaction(work, post_id, person_id)
        if kind is not None:
            await reaction_queries.delete_reaction(work, post_id, person_id, without(counts, kind))
            emit_unless_hidden(work, audience, ReactionRemoved(post_id, person_id, kind))
            announce_change(work, post_id, None, "public", "reacted")
        await queries.delete_choice(work, post_id, person_id)
    return bool(posts)


async def _erase_rest(work: Work, person_id: UUID) -> bool:
    await queries.delete_home(work, person_id)
    return await queries.unlink_comments(work, person_id, _COMMENTS_AT_ONCE) == _COMMENTS_AT_ONCE
