"""Who may see what: the one place that decides, asked by every read and before every write."""

from operator import or_
from typing import Final, Protocol, TypeVar
from uuid import UUID

from banyan.features.people.models import Relations
from banyan.features.posts.models import IN_DOUBT, OWN, AudienceKind, FeedPage

_ALL: Final[tuple[AudienceKind, ...]] = ("public", "connections", "list", "self")
_AS_CONNECTION: Final[tuple[AudienceKind, ...]] = ("public", "connections", "list")
_AS_ANYBODY: Final[tuple[AudienceKind, ...]] = ("public",)
_NONE: Final[tuple[AudienceKind, ...]] = ()


class FeedRow(Protocol):
    """As much of a post as decides who sees it."""

    @property
    def author_id(self) -> UUID: ...

    @property
    def audience(self) -> AudienceKind: ...

    @property
    def list_id(self) -> UUID | None: ...


R = TypeVar("R", bound=FeedRow)


def visible_audiences(viewer_id: UUID | None, relations: Relations, author_id: UUID) -> tuple[AudienceKind, ...]:
    """Which of an author's posts a reader may see; None reads as anybody. Roles make no difference.

    Of posts for a list others than the author see those of the lists that they are on: `relations.listed`.
    """
    if author_id == viewer_id:
        return _ALL
    if is_hidden(relations, author_id) or author_id in relations.away:
        return _NONE
    if author_id in relations.connected:
        return _AS_CONNECTION
    return _AS_ANYBODY


def may_see(viewer_id: UUID | None, relations: Relations, row: FeedRow) -> bool:
    """Whether a reader may see one post."""
    author_id, audience = row.author_id, row.audience
    if audience not in visible_audiences(viewer_id, relations, author_id):
        return False
    # A list that is gone leaves the post to its author.
    return audience != "list" or author_id == viewer_id or row.list_id in relations.listed


def belongs_in_feed(viewer_id: UUID, relations: Relations, row: FeedRow) -> bool:
    """Whether one post stands in a person's home feed: their own, or a current connection's that they may see and
    have not muted.
    """
    author_id = row.author_id
    if author_id == viewer_id:
        return True
    return author_id in relations.connected and author_id not in relations.muted and may_see(viewer_id, relations, row)


def feed_rows(viewer_id: UUID, relations: Relations, rows: list[R]) -> list[R]:
    """Those of many posts that stand in a person's home feed."""
    if relations.hidden or relations.muted:
        return [row for row in rows if belongs_in_feed(viewer_id, relations, row)]
    # The hottest loop of the house: the usual answer, a connection's post, is found without a call.
    by_connections = relations.connected.contains_each([row.author_id.bytes for row in rows])
    return [
        row
        for row, by_connection in zip(rows, by_connections, strict=True)
        if (by_connection and row.audience != "self" and row.list_id is None)
        or belongs_in_feed(viewer_id, relations, row)
    ]


def all_stand_in_feed(relations: Relations, page: FeedPage) -> bool:
    """Whether it takes no look at the posts of a page to say that each of them stands in the feed: the usual answer,
    found without a line of Python for each post. False says nothing yet.
    """
    if relations.hidden or relations.muted or IN_DOUBT in page.whose:
        return False
    by_connections = relations.connected.contains_each(page.author_keys)
    return all(map(or_, by_connections, map(OWN.__eq__, page.whose)))


def is_hidden(relations: Relations, author_id: UUID) -> bool:
    """Whether a block hides this author and all they write from the reader."""
    return author_id in relations.hidden
