"""Whom to tell of what was written under posts, and who may still see what they were told of."""

from collections.abc import Collection, Sequence
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.posts.models import CommentRow
from banyan.features.posts.queries import comments, posts
from banyan.features.posts.signals import CommentWritten, PersonMentioned, ReactionPut
from banyan.features.posts.visibility import is_hidden, may_see
from banyan.infra.database.work import Work
from banyan.infra.declare import Notice


class Notices:
    """Of several reasons to tell somebody of one comment the most personal counts: a mention, then a reply to their
    own comment, then a comment on their post. Nobody is told of what they did themselves.
    """

    def __init__(self, people: PeopleApi) -> None:
        self._people = people

    async def tell_commented(self, work: Work, signal: CommentWritten) -> Notice | None:
        """The author of the post."""
        comment = await comments.find_comment(work, signal.comment_id)
        reach = (await posts.list_reaches(work, [signal.post_id])).get(signal.post_id)
        if comment is None or comment.deleted or reach is None:
            return None
        answered = await self._find_answered(work, comment)
        if reach.author_id in (answered, signal.author_id) or _is_told(comment, reach.author_id):
            return None
        return Notice(
            person_id=reach.author_id,
            actor_id=signal.author_id,
            subject_id=signal.post_id,
            source_id=signal.comment_id,
            post_id=signal.post_id,
        )

    async def tell_answered(self, work: Work, signal: CommentWritten) -> Notice | None:
        """The author of the comment that this one answers."""
        comment = await comments.find_comment(work, signal.comment_id)
        if comment is None or comment.deleted or comment.parent_id is None:
            return None
        answered = await self._find_answered(work, comment)
        if answered is None or answered == signal.author_id or _is_told(comment, answered):
            return None
        return Notice(
            person_id=answered,
            actor_id=signal.author_id,
            subject_id=comment.parent_id,
            source_id=signal.comment_id,
            post_id=signal.post_id,
        )

    async def tell_mentioned(self, work: Work, signal: PersonMentioned) -> Notice | None:
        """The person who is named."""
        if signal.person_id == signal.by_id:
            return None
        return Notice(
            person_id=signal.person_id,
            actor_id=signal.by_id,
            subject_id=signal.comment_id or signal.post_id,
            source_id=signal.comment_id or signal.post_id,
            post_id=signal.post_id,
        )

    async def tell_reacted(self, work: Work, signal: ReactionPut) -> Notice | None:
        """The author of the post; once per person, whatever they choose instead of it."""
        reach = (await posts.list_reaches(work, [signal.post_id])).get(signal.post_id)
        if reach is None or reach.author_id == signal.person_id:
            return None
        return Notice(
            person_id=reach.author_id,
            actor_id=signal.person_id,
            subject_id=signal.post_id,
            source_id=signal.person_id,
            post_id=signal.post_id,
        )

    async def visible_posts(self, work: Work, viewer_id: UUID, post_ids: Sequence[UUID]) -> Collection[UUID]:
        """Those of these posts that a person may see now, by one statement."""
        relations = await self._people.relations(work, viewer_id)
        reaches = await posts.list_reaches(work, post_ids)
        return {post_id for post_id, reach in reaches.items() if may_see(viewer_id, relations, reach)}

    async def visible_comments(self, work: Work, viewer_id: UUID, comment_ids: Sequence[UUID]) -> Collection[UUID]:
        """Those of these comments that a person may see now, by two statements."""
        relations = await self._people.relations(work, viewer_id)
        places = await comments.list_places(work, comment_ids)
        shown = await self.visible_posts(work, viewer_id, [post_id for _, _, post_id in places]) if places else ()
        return {
            comment_id
            for comment_id, author_id, post_id in places
            if post_id in shown and not is_hidden(relations, author_id)
        }

    async def visible_mentions(self, work: Work, viewer_id: UUID, text_ids: Sequence[UUID]) -> Collection[UUID]:
        """As both: a mention stands in a post or in a comment."""
        return {
            *await self.visible_posts(work, viewer_id, text_ids),
            *await self.visible_comments(work, viewer_id, text_ids),
        }

    async def _find_answered(self, work: Work, comment: CommentRow) -> UUID | None:
        """Who wrote the comment above."""
        if comment.parent_id is None:
            return None
        above = await comments.find_comment(work, comment.parent_id)
        return None if above is None or above.deleted else above.author_id


def _is_told(comment: CommentRow, person_id: UUID) -> bool:
    """Whether a mention in the comment tells them already."""
    return person_id in comment.marks.told
