"""Taking over many posts, comments and reactions, by the rules for one; no signal leaves, homes are built after."""

from collections.abc import Sequence
from typing import Final, get_args
from uuid import UUID

from msgspec import structs

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import IdSet, Relations
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import CommentImport, PlainAudience, PostImport, Reach, ReactionImport
from banyan.features.posts.queries import bulk as queries
from banyan.features.posts.service.comments import check_comment
from banyan.features.posts.service.marking import Draft, Marking
from banyan.features.posts.service.posts import check_body
from banyan.features.posts.service.reactions import check_kind
from banyan.features.posts.visibility import may_see
from banyan.infra.database.work import Work
from banyan.kernel.errors import Conflict, Invalid

_PLAIN: Final[tuple[PlainAudience, ...]] = get_args(PlainAudience)


class PostImports:
    """Some thousand items at a time are a good batch."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people
        self._marking = Marking(people)

    async def import_posts(self, work: Work, posts: Sequence[PostImport]) -> None:
        """Raises Invalid, PersonNotFound, Conflict for an id that is known."""
        checked = [structs.replace(post, body=check_body(post.body)) for post in posts]
        if any(post.audience not in _PLAIN for post in checked):
            raise Invalid.field("audience", "unknown_audience", f"One of {', '.join(_PLAIN)}.")
        await self._check_people(work, {post.author_id for post in checked})
        reaches = [Reach(post.author_id, post.audience, None) for post in checked]
        drafts = [Draft(post.body, reach, post.author_id) for post, reach in zip(checked, reaches, strict=True)]
        marks = await self._marking.mark_all(work, drafts)
        if await queries.insert_posts(work, checked, marks) != len(checked):
            raise Conflict("The id of a post is given twice.")

    async def import_comments(self, work: Work, comments: Sequence[CommentImport]) -> None:
        """Raises Invalid, PersonNotFound, PostNotFound, Conflict for an id that is known."""
        checked = [structs.replace(comment, body=check_comment(comment.body)) for comment in comments]
        await self._check_people(work, {comment.author_id for comment in checked})
        posts = await self._check_may_see(work, {(comment.author_id, comment.post_id) for comment in checked})
        drafts = [Draft(comment.body, posts[comment.post_id], comment.author_id) for comment in checked]
        marks = await self._marking.mark_all(work, drafts)
        if await queries.insert_comments(work, checked, marks) != len(checked):
            raise Conflict("The id of a comment is given twice.")

    async def import_reactions(self, work: Work, reactions: Sequence[ReactionImport]) -> None:
        """Raises Invalid, PersonNotFound, PostNotFound, Conflict for a second reaction of one person to a post."""
        for reaction in reactions:
            check_kind(reaction.kind)
        await self._check_people(work, {reaction.person_id for reaction in reactions})
        await self._check_may_see(work, {(reaction.person_id, reaction.post_id) for reaction in reactions})
        if await queries.insert_reactions(work, reactions) != len(reactions):
            raise Conflict("A person reacts once to a post.")
        await queries.recount_reactions(work, list({reaction.post_id for reaction in reactions}))

    async def refresh_statistics(self, work: Work) -> None:
        """To be called once after an import and its homes."""
        await queries.analyze(work)

    async def _check_people(self, work: Work, ids: set[UUID]) -> None:
        if len(await self._people.cards(work, ids)) != len(ids):
            raise PersonNotFound

    async def _check_may_see(self, work: Work, pairs: set[tuple[UUID, UUID]]) -> dict[UUID, Reach]:
        """Every person may see the post beside them; what decides it, by post. Raises PostNotFound."""
        posts = await queries.list_reaches(work, list({post_id for _, post_id in pairs}))
        if any(post_id not in posts for _, post_id in pairs):
            raise PostNotFound
        ties = {(person_id, posts[post_id].author_id) for person_id, post_id in pairs}
        connected, hidden = await self._people.relations_between(work, ties)
        for person_id, post_id in pairs:
            reach = posts[post_id]
            tie = (person_id, reach.author_id)
            author = IdSet.of([reach.author_id])
            relations = Relations(author if tie in connected else IdSet(), author if tie in hidden else IdSet())
            if not may_see(person_id, relations, reach):
                raise PostNotFound
        return posts
