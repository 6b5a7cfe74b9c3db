"""Cursors: what was given out is taken back, and nothing else."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.kernel.errors import Invalid
from banyan.kernel.pages import (
    cut_page,
    cut_ranked_page,
    decode_cursor,
    decode_ranked_cursor,
    encode_cursor,
    encode_ranked_cursor,
)


@given(st.uuids(), st.integers(0, 2**32 - 1))
def test_a_cursor_comes_back_as_it_was(key: UUID, rank: int) -> None:
    assert decode_cursor(encode_cursor(key)) == key
    assert decode_ranked_cursor(encode_ranked_cursor(rank, key)) == (rank, key)
    assert decode_cursor(None) is None and decode_ranked_cursor(None) is None


@given(st.one_of(st.text(max_size=30), st.text("ABCabc_-=", min_size=20, max_size=30)))
def test_anything_else_is_refused(text: str) -> None:
    with suppress(Invalid):
        key = decode_cursor(text)
        assert key is not None and encode_cursor(key) == text
    with suppress(Invalid):
        ranked = decode_ranked_cursor(text)
        assert ranked is not None and encode_ranked_cursor(*ranked) == text


def test_one_kind_is_not_taken_for_the_other() -> None:
    key = UUID(int=7)
    with pytest.raises(Invalid):
        decode_cursor(encode_ranked_cursor(3, key))
    with pytest.raises(Invalid):
        decode_ranked_cursor(encode_cursor(key))


def test_a_page_tells_whether_there_is_more() -> None:
    ids = [UUID(int=number) for number in range(3)]
    assert cut_page(ids, 3, lambda one: one).next_cursor is None
    page = cut_page(ids, 2, lambda one: one)
    assert (page.items, decode_cursor(page.next_cursor)) == (ids[:2], ids[1])
    ranked = cut_ranked_page(ids, 2, lambda one: (one.int + 5, one))
    assert (ranked.items, decode_ranked_cursor(ranked.next_cursor)) == (ids[:2], (6, ids[1]))
    assert cut_ranked_page(ids, 3, lambda one: (0, one)).next_cursor is None
