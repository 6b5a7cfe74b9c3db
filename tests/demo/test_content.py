"""The written content: every phrase can be said in every neighbourhood it may be said in."""

from collections.abc import Iterator
from random import Random

import pytest

from banyan.demo.phrases import Choice, Phrase, Slot, Words, as_sentences, read_phrase, say
from banyan.demo.scenes import Scene, read_world

# Filled by whoever talks to whom, and by who somebody is.
_NAMED_LATER = {"author": "Ada", "other": "Sami", "trade": "Baker"}
NO_WORDS = Words({}, {})


def slots_of(phrase: Phrase) -> Iterator[str]:
    for part in phrase:
        if isinstance(part, Slot):
            yield part.name
        elif isinstance(part, Choice):
            for option in part.options:
                yield from slots_of(option)


def phrases_of(scene: Scene) -> Iterator[Phrase]:
    for topic in scene.topics:
        for phrases in (topic.openers, topic.details, topic.closers, topic.replies):
            yield from phrases
        for body in topic.bodies:
            yield from (body.phrase, *body.answers)
    talk = scene.small_talk
    for phrases in (scene.bios, talk.replies, talk.answers, talk.thanks, talk.notes):
        yield from phrases


def test_every_slot_has_words_everywhere() -> None:
    rng = Random(1)
    for scene in read_world().scenes.values():
        slots = {slot for phrase in phrases_of(scene) for slot in slots_of(phrase)}
        assert slots
        for words in scene.words.values():
            for slot in slots:
                assert say((Slot(slot),), words, dict(_NAMED_LATER), rng)


def test_every_setting_talks_about_many_things() -> None:
    for scene in read_world().scenes.values():
        assert len(scene.topics) >= 14
        assert sum(len(topic.bodies) for topic in scene.topics) >= 75


def test_a_phrase_is_slots_and_choices() -> None:
    words = Words({"food": ["soup"], "day": ["Friday"]}, {})
    text = say(read_phrase("Hot {food}[ on {day}[!]|]."), words, {"day": "Sunday"}, Random(2))
    assert text in {"Hot soup on Sunday!.", "Hot soup."}


def test_what_was_said_is_said_again() -> None:
    said: dict[str, str] = {}
    words = Words({"item": ["a bag", "a ring", "a key"]}, {})
    first = say(read_phrase("{item} {item} {item2}"), words, said, Random(3)).split(" a ")
    assert first[0].removeprefix("a ") == first[1] != first[2]
    assert said["item2"] == f"a {first[2]}"


@pytest.mark.parametrize(
    ("name", "with_de"),
    [
        ("le parc", "du parc"),
        ("la gare", "de la gare"),
        ("les salines", "des salines"),
        ("algorithmique", "d'algorithmique"),
        ("Bab Diwan", "de Bab Diwan"),
    ],
)
def test_french_places_take_their_preposition(name: str, with_de: str) -> None:
    assert say(read_phrase("{spot_de}"), Words({"spot": [name]}, {}), {}, Random(1)) == with_de


@pytest.mark.parametrize("text", ["[one|two", "one]", "a|b", "[[a|b]"])
def test_brackets_must_match(text: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        read_phrase(text)


def test_an_unknown_slot_is_told() -> None:
    with pytest.raises(KeyError):
        say(read_phrase("{nothing}"), NO_WORDS, {}, Random(1))


def test_sentences_start_with_capitals() -> None:
    assert as_sentences("élan. one more? yes\nline... end") == "Élan. One more? Yes\nLine... End"
