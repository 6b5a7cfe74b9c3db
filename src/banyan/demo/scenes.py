"""Where the demo people live and what is talked about there, read from the written content."""

from msgspec import Struct

from banyan.demo.content import Section, read_files, read_sections
from banyan.demo.draw import Weighted
from banyan.demo.phrases import Phrase, Words, read_phrase

LANGUAGES = ("en", "fr")
# How the names of the files start that hold what is said in a setting in a language.
_FILES = {
    ("nigeria", "en"): "nigeria_",
    ("tunisia", "fr"): "tunisia_",
    ("campus", "en"): "campus_en_",
    ("campus", "fr"): "campus_fr_",
}
# Whose given names turn up in what is told there.
_ORIGINS = {
    "nigeria": ("yoruba", "igbo", "hausa", "delta"),
    "tunisia": ("tunisian",),
    "campus": ("international", "french", "francophone", "yoruba", "tunisian"),
}
# Code points that belong to the emoji before them: the picture form and the tones of skin.
_EMOJI_TAILS = "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


class Neighbourhood(Struct, frozen=True):
    """`weight` is its share of its setting; `at` and `landmarks` are by language."""

    setting: str
    city: str
    name: str
    weight: float
    at: dict[str, str]
    landmarks: dict[str, list[str]]


class Body(Struct, frozen=True):
    """What a post is about in one phrase, and answers that fit only this."""

    phrase: Phrase
    answers: list[Phrase]


class Topic(Struct, frozen=True):
    """Something people write about, and what others answer."""

    name: str
    weight: float
    mood: str
    emoji: list[str]
    tags: list[str]
    openers: list[Phrase]
    bodies: list[Body]
    details: list[Phrase]
    closers: list[Phrase]
    replies: list[Phrase]


class SmallTalk(Struct, frozen=True):
    """What fits below any post in one language; `notes` are what people write to themselves."""

    replies: list[Phrase]
    answers: list[Phrase]
    thanks: list[Phrase]
    notes: list[Phrase]


class Scene(Struct, frozen=True):
    """One setting in one language; `words` by the name of the neighbourhood."""

    topics: list[Topic]
    topic_weights: Weighted
    small_talk: SmallTalk
    bios: list[Phrase]
    words: dict[str, Words]


class Names(Struct, frozen=True):
    """Names of one origin."""

    women: list[str]
    men: list[str]
    family: list[str]


class World(Struct, frozen=True):
    """All that the plans draw from; `scenes` by setting and language, `names` by origin."""

    neighbourhoods: list[Neighbourhood]
    scenes: dict[tuple[str, str], Scene]
    names: dict[str, Names]


def read_world() -> World:
    """Reads the whole content; takes some tens of milliseconds."""
    names = {section.name: _read_names(section) for section in read_sections("names.txt")}
    places = read_sections("places.txt")
    neighbourhoods = [place for section in places for place in _read_places(section)]
    city_words = {part: words for section in places for part, words in section.parts.items()}
    replies = {section.name: section for section in read_sections("replies.txt")}
    told = {setting: _told_names(names, origins) for setting, origins in _ORIGINS.items()}
    scenes = {
        (setting, language): _read_scene(
            read_files(prefix),
            [place for place in neighbourhoods if place.setting == setting],
            {**city_words, **told[setting]},
            replies[language],
            language,
        )
        for (setting, language), prefix in _FILES.items()
    }
    return World(neighbourhoods, scenes, names)


def _read_names(section: Section) -> Names:
    lists = {part: " ".join(lines).split() for part, lines in section.parts.items()}
    return Names(lists["women"], lists["men"], [name.replace("-", " ") for name in lists["family"]])


def _told_names(names: dict[str, Names], origins: tuple[str, ...]) -> dict[str, list[str]]:
    women = [name for origin in origins for name in names[origin].women]
    men = [name for origin in origins for name in names[origin].men]
    return {"woman": women, "man": men, "person": women + men}


def _read_places(section: Section) -> list[Neighbourhood]:
    return [_read_place(section.name, line) for line in section.parts["places"]]


def _read_place(setting: str, line: str) -> Neighbourhood:
    city, weight, name, at, landmarks = (cell.strip() for cell in line.split("|"))
    languages = [language for one, language in _FILES if one == setting]
    ats = at.split(" / ")
    lists = [[mark.strip() for mark in marks.split(";")] for marks in landmarks.split(" / ")]
    return Neighbourhood(
        setting,
        city,
        name,
        float(weight),
        dict(zip(languages, ats, strict=True)),
        dict(zip(languages, lists, strict=True)),
    )


def _read_scene(
    sections: list[Section],
    places: list[Neighbourhood],
    shared: dict[str, list[str]],
    replies: Section,
    language: str,
) -> Scene:
    by_name = {section.name: section for section in sections}
    topics = [_read_topic(section) for section in sections if "weight" in section.settings]
    lists = {**shared, **_word_lists(replies), **by_name["words"].parts}
    words = {place.name: _read_words(place, places, lists, language) for place in places}
    small_talk = SmallTalk(*(_read_phrases(replies, part) for part in ("any", "answer", "back", "note")))
    bios = _read_phrases(by_name["bios"], "bio")
    return Scene(topics, Weighted([topic.weight for topic in topics]), small_talk, bios, words)


def _word_lists(replies: Section) -> dict[str, list[str]]:
    return {part: replies.parts[part] for part in ("relative_any", "many_money")}


def _read_words(
    place: Neighbourhood,
    places: list[Neighbourhood],
    lists: dict[str, list[str]],
    language: str,
) -> Words:
    """The words of one neighbourhood: its own, its city's ("Lagos.road"), then those of the setting."""
    own = {part.split(".")[1]: words for part, words in lists.items() if part.startswith(f"{place.city}.")}
    others = [other for other in places if other.city == place.city and other is not place]
    local = {
        "city": [place.city],
        "hood": [place.name],
        "hood2": [other.name for other in others],
        "landmark": place.landmarks[language],
    }
    return Words({**lists, **own, **local}, {one.name: one.at[language] for one in places})


def _read_topic(section: Section) -> Topic:
    return Topic(
        section.name,
        float(section.settings["weight"]),
        section.settings["mood"],
        _split_emoji(section.settings["emoji"]),
        section.settings.get("tags", "").split(),
        _read_phrases(section, "open"),
        [Body(read_phrase(line), _read_answers(section, line)) for line in section.parts["body"]],
        *(_read_phrases(section, part) for part in ("detail", "close", "reply")),
    )


def _read_answers(section: Section, line: str) -> list[Phrase]:
    return [read_phrase(answer) for answer in section.answers.get(line, ())]


def _read_phrases(section: Section, part: str) -> list[Phrase]:
    return [read_phrase(line) for line in section.parts.get(part, ())]


def _split_emoji(text: str) -> list[str]:
    emoji: list[str] = []
    for sign in text:
        if sign in _EMOJI_TAILS and emoji:
            emoji[-1] += sign
        else:
            emoji.append(sign)
    return emoji
