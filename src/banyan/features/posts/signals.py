"""Facts that others follow. Of a post that only its author sees nothing is told but what notifications need."""

from uuid import UUID

from banyan.kernel.signals import Signal


class PostPublished(Signal, frozen=True):
    """A post is there for others than its author to see; `list_id` when for the members of that list alone."""

    post_id: UUID
    author_id: UUID
    list_id: UUID | None = None


class PostEdited(Signal, frozen=True):
    """The author has changed the text or the audience of a post."""

    post_id: UUID
    author_id: UUID


class PostDeleted(Signal, frozen=True):
    """A post is gone, with its comments and reactions."""

    post_id: UUID
    author_id: UUID


class CommentWritten(Signal, frozen=True):
    """A comment stands under a post."""

    comment_id: UUID
    post_id: UUID
    author_id: UUID


class CommentEdited(Signal, frozen=True):
    """The author has changed the text of a comment."""

    comment_id: UUID
    post_id: UUID
    author_id: UUID


class CommentDeleted(Signal, frozen=True):
    """A comment was removed by its author, the post's author or a moderator."""

    comment_id: UUID
    post_id: UUID
    author_id: UUID


class HiddenCommentDeleted(Signal, frozen=True):
    """As `CommentDeleted`, under a post that only its author sees: others may have been told of it before."""

    comment_id: UUID


class PersonMentioned(Signal, frozen=True):
    """A person is named in a post, or in the comment on it, that `by_id` wrote; once per person and text."""

    person_id: UUID
    post_id: UUID
    comment_id: UUID | None
    by_id: UUID


class ReactionPut(Signal, frozen=True):
    """Somebody has reacted to a post; `kind` takes the place of an earlier one."""

    post_id: UUID
    person_id: UUID
    kind: str


class ReactionRemoved(Signal, frozen=True):
    """Somebody has taken their reaction to a post back."""

    post_id: UUID
    person_id: UUID
    kind: str
