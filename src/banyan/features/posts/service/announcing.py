"""What leaves with a change of a post, beside its signals: kept answers go, sockets that look at it are told."""

from typing import Final
from uuid import UUID

from banyan.features.posts.models import AudienceKind, PostNews, PostPointer
from banyan.infra.database.work import Work
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.kernel.signals import Signal

# A topic of the bus; keys are ids of authors whose posts changed in the feeds of their connections.
FEEDS_TOPIC: Final = "posts.feeds"
# The realtime topics `posts:public` and `post:{id}`.
PUBLIC_KEY: Final = "public"

_OF_FEEDS: Final = frozenset[PostNews]({"edited", "deleted"})


def emit_unless_hidden(work: Work, audience: AudienceKind, signal: Signal) -> None:
    """Emits a fact about a post of this audience. Of what only its author sees nothing is told."""
    if audience != "self":
        work.emit(signal)


def announce_published(work: Work, post_id: UUID, audience: AudienceKind) -> None:
    """Feeds follow when the post stands in them: see `Homes.fan_out`."""
    if audience == "public":
        work.publish(f"posts:{PUBLIC_KEY}", PostPointer("published", post_id))


def announce_change(
    work: Work,
    post_id: UUID,
    author_id: UUID | None,
    audience: AudienceKind,
    news: PostNews,
    comment_id: UUID | None = None,
) -> None:
    """Of other than public posts anonymous readers see nothing. Counts alone make nobody read their feed again."""
    pointer = PostPointer(news, post_id, comment_id)
    work.publish(f"post:{post_id}", pointer)
    if audience == "public":
        work.announce(ANSWERS_TOPIC, f"post:{post_id}")
    if news in _OF_FEEDS:
        if audience == "public":
            work.publish(f"posts:{PUBLIC_KEY}", pointer)
        if author_id is not None:
            work.announce(FEEDS_TOPIC, str(author_id))
