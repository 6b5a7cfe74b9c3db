"""Taking over many posts, comments and reactions, by the rules for one; no signal leaves, homes are built after."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Final, get_args
from uuid import UUID

from msgspec import structs

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import IdSet, Relations
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import PlainAudience, PostImport, Reach
from banyan.features.posts.queries import bulk as queries
from banyan.features.posts.service.comments import check_comment
from banyan.features.posts.service.marking import Draft, Marking
from banyan.features.posts.service.posts import check_body
from banyan.features.posts.service.reactions import check_kind
from banyan.features.posts.visibility import visible_audiences
from banyan.infra.database.work import Work
from banyan.kernel.errors import Conflict, Invalid
from banyan.kernel.ids import FIRST_ID

_PLAIN: Final[tuple[PlainAudience, ...]] = get_args(PlainAudience)
# Asked once of the rule for one reader and author, since it is the same for all who are alike to each other.
_SEEN_BY_ANYBODY: Final = visible_audiences(None, Relations(), FIRST_ID)
_SEEN_BY_CONNECTIONS: Final = visible_audiences(None, Relations(connected=IdSet.of([FIRST_ID])), FIRST_ID)


class PostImports:
    """Some thousand posts at a time are a good batch."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people
        self._marking = Marking(people)

    async def import_posts(self, work: Work, posts: Sequence[PostImport]) -> None:
        """Each with its comments and reactions.

        Raises Invalid, PersonNotFound, PostNotFound where somebody may not see what they comment on or react to,
        Conflict for an id that is known and for a second reaction of one person to a post.
        """
        checked = [_check(post) for post in posts]
        people = {one for post in checked for one in (post.author_id, *_people_below(post))}
        if len(await self._people.cards(work, people)) != len(people):
            raise PersonNotFound
        await self._check_may_see(work, checked, people)
        drafts = [Draft(post.body, Reach(post.author_id, post.audience, None), post.author_id) for post in checked]
        answers = [
            Draft(comment.body, draft.post, comment.author_id)
            for post, draft in zip(checked, drafts, strict=True)
            for comment in post.comments
        ]
        marks = await self._marking.mark_all(work, [*drafts, *answers])
        if not await queries.copy_posts(work, checked, marks[: len(drafts)], marks[len(drafts) :]):
            raise Conflict("An id is known or given twice, or a person reacts twice to a post.")

    async def refresh_statistics(self, work: Work) -> None:
        """To be called once after an import and its homes."""
        await queries.analyze(work)

    async def _check_may_see(self, work: Work, posts: Sequence[PostImport], people: Collection[UUID]) -> None:
        """Whoever commented or reacted may see the post. Raises PostNotFound."""
        hidden = await self._people.hidden_among(work, people)
        if hidden and any((one, post.author_id) in hidden for post in posts for one in _people_below(post)):
            raise PostNotFound
        # What anybody may see needs no look at connections.
        close = [post for post in posts if post.audience not in _SEEN_BY_ANYBODY]
        ties = {(one, post.author_id) for post in close for one in _people_below(post) if one != post.author_id}
        connected = await self._people.connected_among(work, ties)
        for post in close:
            seen = post.audience in _SEEN_BY_CONNECTIONS
            for one in _people_below(post):
                if one != post.author_id and not (seen and (one, post.author_id) in connected):
                    raise PostNotFound


def _check(post: PostImport) -> PostImport:
    """The post as it is kept. Raises Invalid."""
    if post.audience not in _PLAIN:
        raise Invalid.field("audience", "unknown_audience", f"One of {', '.join(_PLAIN)}.")
    for reaction in post.reactions:
        check_kind(reaction.kind)
    comments = [structs.replace(comment, body=check_comment(comment.body)) for comment in post.comments]
    return structs.replace(post, body=check_body(post.body), comments=comments)


def _people_below(post: PostImport) -> chain[UUID]:
    return chain([comment.author_id for comment in post.comments], [one.person_id for one in post.reactions])
