"""The quick way through a page of the feed decides like the plain one, and nobody sees more than their part."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from banyan.features.people.models import IdSet, Relations
from banyan.features.posts.models import NO_MARKS, AudienceKind, PostRow
from banyan.features.posts.visibility import belongs_in_feed, feed_rows, may_see

# Ids of few different bytes: some turn up across two neighbours in a packed set.
ids = st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=1 << 64), UUID(int=(1 << 64) + 1), UUID(int=1 << 120)])
plain: st.SearchStrategy[tuple[AudienceKind, UUID | None]] = st.tuples(
    st.sampled_from(["public", "connections", "self"]), st.none()
)
for_lists: st.SearchStrategy[tuple[AudienceKind, UUID | None]] = st.tuples(st.just("list"), ids)
posts = st.lists(st.tuples(ids, plain | for_lists), max_size=8)


def a_row(author: UUID, audience: AudienceKind, list_id: UUID | None = None) -> PostRow:
    at = datetime.now(UTC)
    return PostRow(UUID(int=9), author, "x", audience, list_id, NO_MARKS, at, None, 0, {}, None, False)


@given(
    ids,
    st.lists(ids, unique=True),
    st.lists(ids, unique=True, max_size=2),
    st.lists(ids, unique=True, max_size=1),
    st.lists(ids, unique=True, max_size=3),
    posts,
)
def test_both_ways_agree(
    viewer: UUID,
    connected: list[UUID],
    hidden: list[UUID],
    muted: list[UUID],
    listed: list[UUID],
    given_posts: list[tuple[UUID, tuple[AudienceKind, UUID | None]]],
) -> None:
    relations = Relations(*map(IdSet.of, (connected, hidden, muted, listed)))
    rows = [a_row(author, audience, list_id) for author, (audience, list_id) in given_posts]
    shown = feed_rows(viewer, relations, rows)
    assert shown == [row for row in rows if belongs_in_feed(viewer, relations, row)]
    # So many that the connections are unpacked for them.
    assert feed_rows(viewer, relations, rows * 50) == shown * 50
    for row in shown:
        assert may_see(viewer, relations, row)
        assert row.author_id == viewer or row.author_id in connected


def test_who_sees_a_post_for_a_list() -> None:
    author, member, list_id = UUID(int=1), UUID(int=2), UUID(int=3)
    row = a_row(author, "list", list_id)
    friends, on_it = IdSet.of([author]), IdSet.of([list_id])
    assert may_see(author, Relations(), row)
    assert may_see(member, Relations(connected=friends, listed=on_it), row)
    assert not may_see(member, Relations(connected=friends), row)
    assert not may_see(member, Relations(listed=on_it), row)
    assert not may_see(member, Relations(connected=friends, hidden=friends, listed=on_it), row)
    assert not may_see(None, Relations(), row)
