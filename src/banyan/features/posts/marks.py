"""`@handle` and `#tag` as they stand in a text: not inside words, e-mail addresses or links."""

import re
import unicodedata

from banyan.features.posts.models import TAG_MAX_CHARS

TAGS_PER_TEXT = 30
MENTIONS_PER_TEXT = 20

# Letters, digits and `_` of every script, and what is written onto letters and belongs to them: accents that stand
# apart, Hebrew points, Arabic vowel signs, the vowels of India's scripts, the Persian joiner.
_WORD = (
    r"\w\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u200c"
)
_LINK = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)
# Handles are 3 to 30 of a-z, 0-9, `_` and `.`, no dot at either end: the full stop after one is none of it.
_MENTION = re.compile(rf"(?<![{_WORD}@/#&+=%])@([A-Za-z0-9_][A-Za-z0-9_.]{{1,28}}[A-Za-z0-9_])(?![{_WORD}@])")
_TAG = re.compile(rf"(?<![{_WORD}@/#\uff03&])[#\uff03]([{_WORD}]{{1,{2 * TAG_MAX_CHARS}}})(?![{_WORD}])")
_WHOLE_TAG = re.compile(rf"[#\uff03]?([{_WORD}]{{1,{2 * TAG_MAX_CHARS}}})")
# Arabic vowel signs and the stroke that stretches a word: the same tag is written with and without them.
_ARABIC_ORNAMENTS = re.compile(r"[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200c]")


def find_tags(text: str) -> list[str]:
    """The first 30 different tags, normalised, in the order of the text."""
    if "#" not in text and "\uff03" not in text:
        return []
    found = (_normalise(match) for match in _TAG.findall(_LINK.sub(" ", text)))
    return list(dict.fromkeys(tag for tag in found if tag is not None))[:TAGS_PER_TEXT]


def find_handles(text: str) -> list[str]:
    """The first 20 different handles that are mentioned, in lower case; whether they are anybody's is not known."""
    if "@" not in text:
        return []
    return list(dict.fromkeys(handle.lower() for handle in _MENTION.findall(_LINK.sub(" ", text))))[:MENTIONS_PER_TEXT]


def read_tag(text: str) -> str | None:
    """A tag as somebody typed it, with or without `#`, normalised; None for what cannot be one."""
    match = _WHOLE_TAG.fullmatch(text.strip())
    return None if match is None else _normalise(match[1])


def _normalise(tag: str) -> str | None:
    """One form for what reads alike: composed (NFKC), without case. A number alone is no tag."""
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    plain = _ARABIC_ORNAMENTS.sub("", composed)
    if len(plain) > TAG_MAX_CHARS or not any(letter.isalpha() for letter in plain):
        return None
    return plain
