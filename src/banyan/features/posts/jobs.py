"""Work that posts leave for later."""

from uuid import UUID

from banyan.kernel.signals import Job


class FanOutPost(Job, frozen=True):
    """Write a post into the home feeds of its author's connections, or of the members of the list that it is for;
    of those after `after` in the order of ids.
    """

    post_id: UUID
    author_id: UUID
    after: UUID | None = None
    list_id: UUID | None = None
