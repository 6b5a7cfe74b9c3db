"""The quick way through a page of the feed decides like the plain one."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from banyan.features.people.models import IdSet, Relations
from banyan.features.posts.models import NO_MARKS, AudienceKind, PostRow
from banyan.features.posts.visibility import belongs_in_feed, feed_rows, may_see

# Ids of few different bytes: some turn up across two neighbours in a packed set.
ids = st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=1 << 64), UUID(int=(1 << 64) + 1), UUID(int=1 << 120)])
audiences: st.SearchStrategy[AudienceKind] = st.sampled_from(["public", "connections", "self"])
posts = st.lists(st.tuples(ids, audiences), max_size=8)


def a_row(author: UUID, audience: AudienceKind) -> PostRow:
    return PostRow(UUID(int=9), author, "x", audience, None, NO_MARKS, datetime.now(UTC), None, 0, {}, None, False)


few = st.lists(ids, unique=True, max_size=2)


@given(ids, st.lists(ids, unique=True), few, few, posts)
def test_both_ways_agree(
    viewer: UUID,
    connected: list[UUID],
    hidden: list[UUID],
    muted: list[UUID],
    given_posts: list[tuple[UUID, AudienceKind]],
) -> None:
    relations = Relations(IdSet.of(connected), IdSet.of(hidden), IdSet.of(muted))
    rows = [a_row(author, audience) for author, audience in given_posts]
    shown = feed_rows(viewer, relations, rows)
    assert shown == [row for row in rows if belongs_in_feed(viewer, relations, row.author_id, row.audience)]
    for row in shown:
        assert may_see(viewer, relations, row.author_id, row.audience)
        assert row.author_id == viewer or row.author_id in connected
        assert row.author_id == viewer or row.author_id not in muted
