"""Facts that others follow."""

from uuid import UUID

from banyan.kernel.signals import Signal


class PostPublished(Signal, frozen=True):
    """A post is there for others than its author to see."""

    post_id: UUID
    author_id: UUID
