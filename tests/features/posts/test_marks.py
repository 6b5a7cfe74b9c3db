"""Which tags and mentions stand in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.features.posts.marks import MENTIONS_PER_TEXT, TAGS_PER_TEXT, find_handles, find_tags, read_tag
from banyan.features.posts.models import TAG_MAX_CHARS


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Ladder to lend", ["ladder"]),
        ("one #two, #three! (#four) #five.", ["two", "three", "four", "five"]),
        ("#été #ÉTÉ #e\u0301te\u0301", ["été"]),
        ("Café #Œuvre\n#l_eau #aujourd'hui", ["œuvre", "l_eau", "aujourd"]),
        ("مرحبا #تونس و #سوق_المدينة، نعم", ["تونس", "سوق_المدينة"]),
        ("#تُونِس #تـونس", ["تونس"]),
        ("#हिन्दी #ภาษาไทย #Ελλάς #日本語", ["हिन्दी", "ภาษาไทย", "ελλάσ", "日本語"]),
        ("#2026 #7up #_ #", ["7up"]),
        ("C# a#b &#39; ##twice /#path", []),
        ("https://example.org/page#part http://x.org/#top www.example.org/#end ftp://a/#b", []),
        ("\uff03full #ｆｕｌｌ", ["full"]),
        ("#" + "x" * TAG_MAX_CHARS, ["x" * TAG_MAX_CHARS]),
        ("#" + "x" * (TAG_MAX_CHARS + 1), []),
        ("#one-two", ["one"]),
        ("no tags at all", []),
    ],
)
def test_tags(text: str, tags: list[str]) -> None:
    assert find_tags(text) == tags


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@ada", ["ada"]),
        ("Ask @Ada, (@ben_2) or @c.d.", ["ada", "ben_2", "c.d"]),
        ("@ada @ADA", ["ada"]),
        ("ada@example.org ada.b+c@example.org x@y", []),
        ("@ada@example.org", []),
        ("https://example.org/@ada www.example.org/@ada", []),
        ("مرحبا @ada، كيف", ["ada"]),
        ("@adaé é@ada @éda", []),
        ("@ab @" + "x" * 31, []),
        ("@" + "x" * 30, ["x" * 30]),
        ("-@ada/@ben", ["ada"]),
        ("@@ada #@ada", []),
        ("nobody", []),
    ],
)
def test_mentions(text: str, handles: list[str]) -> None:
    assert find_handles(text) == handles


def test_only_so_many_are_looked_at() -> None:
    assert len(find_tags(" ".join(f"#tag{number}" for number in range(100)))) == TAGS_PER_TEXT
    assert len(find_handles(" ".join(f"@person{number}" for number in range(100)))) == MENTIONS_PER_TEXT


@pytest.mark.parametrize(
    ("typed", "tag"),
    [("Été", "été"), ("#TUNIS", "tunis"), (" #tunis ", "tunis"), ("a b", None), ("", None), ("1", None)],
)
def test_a_tag_as_somebody_types_it(typed: str, tag: str | None) -> None:
    assert read_tag(typed) == tag


@given(st.text())
def test_whatever_is_found_is_found_again(text: str) -> None:
    for tag in find_tags(text):
        assert read_tag(tag) == tag
        assert find_tags(f"#{tag}") == [tag]
    for handle in find_handles(text):
        assert find_handles(f"@{handle}") == [handle]


@given(st.text(alphabet="@#ab.\u0301é /", max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    find_tags(text)
    find_handles(text)
