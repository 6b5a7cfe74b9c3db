"""Phrases with slots and choices, and the words that fill them."""

import re
from collections.abc import Mapping
from random import Random
from typing import TypeAlias

from msgspec import Struct

from banyan.demo.draw import pick


class Slot(Struct, frozen=True):
    """A place for a word."""

    name: str


class Choice(Struct, frozen=True):
    """One of several phrases."""

    options: tuple["Phrase", ...]


Part: TypeAlias = str | Slot | Choice
Phrase: TypeAlias = tuple[Part, ...]

_TOKEN = re.compile(r"\{(\w+)\}|([\[|\]])")
_SENTENCE_START = re.compile(r"(?:^|[.!?] |\n)[a-zà-öø-ÿœ]")


def read_phrase(text: str) -> Phrase:
    """Raises ValueError when brackets do not match."""
    phrase, end = _read_until_close(text, 0, depth=0)
    if end != len(text):
        raise ValueError(f"a bracket too many: {text}")
    return phrase


def _read_until_close(text: str, start: int, depth: int) -> tuple[Phrase, int]:
    """The parts up to the `|` or `]` that ends them, and where that is."""
    parts: list[Part] = []
    place = start
    while match := _TOKEN.search(text, place):
        if match.start() > place:
            parts.append(text[place : match.start()])
        mark = match[2]
        if mark == "[":
            choice, place = _read_choice(text, match.end(), depth + 1)
            parts.append(choice)
        elif mark:
            return tuple(parts), match.start()
        else:
            parts.append(Slot(match[1]))
            place = match.end()
    if depth:
        raise ValueError(f"a bracket is not closed: {text}")
    if place < len(text):
        parts.append(text[place:])
    return tuple(parts), len(text)


def _read_choice(text: str, start: int, depth: int) -> tuple[Choice, int]:
    options: list[Phrase] = []
    place = start
    while True:
        option, end = _read_until_close(text, place, depth)
        options.append(option)
        place = end + 1
        if text[end] == "]":
            return Choice(tuple(options)), place


class Words(Struct):
    """What fills the slots in one neighbourhood and language.

    `at` gives for a neighbourhood's name how one says "in" it.
    """

    lists: Mapping[str, list[str]]
    at: Mapping[str, str]


def say(phrase: Phrase, words: Words, said: dict[str, str], rng: Random) -> str:
    """The phrase as text. `said` remembers the slots, so that a reply speaks of the same thing as the post."""
    parts: list[str] = []
    _say_parts(phrase, words, said, rng, parts)
    return "".join(parts)


def _say_parts(phrase: Phrase, words: Words, said: dict[str, str], rng: Random, parts: list[str]) -> None:
    for part in phrase:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Slot):
            parts.append(_fill(part.name, words, said, rng))
        else:
            _say_parts(pick(rng, part.options), words, said, rng, parts)


def _fill(name: str, words: Words, said: dict[str, str], rng: Random) -> str:
    known = said.get(name)
    if known is None:
        known = said[name] = _choose(name, words, said, rng)
    return known


def _choose(name: str, words: Words, said: dict[str, str], rng: Random) -> str:
    """A word for a slot: `at_X` and `X_de` follow from X, and `X2` is another one of X."""
    options = words.lists.get(name)
    if options is not None:
        return pick(rng, options)
    if name.startswith("at_"):
        return words.at[_fill(name[3:], words, said, rng)]
    if name.endswith("_de"):
        return _with_de(_fill(name[:-3], words, said, rng))
    first = said.get(name[:-1])
    options = words.lists[name[:-1]]
    other = pick(rng, options)
    while other == first and len(options) > 1:
        other = pick(rng, options)
    return other


def _with_de(name: str) -> str:
    """A French name with its preposition: "le parc" gives "du parc"."""
    if name.startswith("le "):
        return f"du {name[3:]}"
    if name.startswith("les "):
        return f"des {name[4:]}"
    return f"d'{name}" if name[0].lower() in "aeéèiou" else f"de {name}"


def as_sentences(text: str) -> str:
    """With a capital at the start of each sentence, which slots may have filled with a small letter."""
    return _SENTENCE_START.sub(lambda start: start[0][:-1] + start[0][-1].upper(), text)
