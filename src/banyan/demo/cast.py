"""Who lives in a demo community: names, handles, bios, homes, and how much each of them writes."""

import math
import unicodedata
from random import Random

from msgspec import Struct

from banyan.demo.draw import Weighted, bell, pick, stream, whole
from banyan.demo.phrases import as_sentences, say
from banyan.demo.scenes import Neighbourhood, Scene, World

DAY_MS = 86_400_000
# Posts reach back this far.
HISTORY_DAYS = 180

_SETTING_SHARES = {"nigeria": 0.50, "tunisia": 0.28, "campus": 0.22}
_LANGUAGE_SHARES = {"nigeria": {"en": 1.0}, "tunisia": {"fr": 1.0}, "campus": {"en": 0.56, "fr": 0.44}}
# Where names come from, by city and language.
_ORIGIN_SHARES = {
    ("Lagos", "en"): {"yoruba": 0.50, "igbo": 0.27, "delta": 0.15, "hausa": 0.08},
    ("Ibadan", "en"): {"yoruba": 0.84, "igbo": 0.08, "delta": 0.04, "hausa": 0.04},
    ("Abuja", "en"): {"hausa": 0.44, "igbo": 0.21, "yoruba": 0.19, "delta": 0.16},
    ("Tunis", "fr"): {"tunisian": 0.97, "french": 0.03},
    ("Sfax", "fr"): {"tunisian": 1.0},
    ("Sousse", "fr"): {"tunisian": 0.98, "french": 0.02},
    ("Campus", "en"): {
        "international": 0.62,
        "french": 0.10,
        "yoruba": 0.07,
        "igbo": 0.06,
        "tunisian": 0.06,
        "francophone": 0.06,
        "hausa": 0.03,
    },
    ("Campus", "fr"): {"french": 0.52, "francophone": 0.22, "tunisian": 0.18, "international": 0.08},
}
# How uneven people write: the busiest tenth writes about half of the posts.
_ACTIVITY_SPREAD = 1.1


class Voice(Struct, frozen=True):
    """How somebody writes: `emoji` is the share of texts that end in one."""

    emoji: float
    small_letters: bool
    full_stops: bool


class PlannedPerson(Struct, frozen=True):
    """`place` counts in World.neighbourhoods; `joined_age_ms` is how long before now; `activity` is a weight."""

    handle: str
    display_name: str
    given_name: str
    bio: str
    setting: str
    language: str
    place: int
    joined_age_ms: int
    activity: float
    voice: Voice


def plan_people(seed: int, count: int, world: World) -> list[PlannedPerson]:
    """`count` people in the order of their homes: neighbours, and people of one city, stand together.

    The first of each neighbourhood has been there since before the oldest post.
    """
    rng = stream(seed, "people")
    handles = _Handles()
    people: list[PlannedPerson] = []
    for place, inhabitants in enumerate(_share_out(count, world.neighbourhoods)):
        for number in range(inhabitants):
            people.append(_plan_person(rng, world, place, handles, founder=number == 0))
    return people


def _share_out(count: int, places: list[Neighbourhood]) -> list[int]:
    """How many live in each place: whole numbers that add up to `count`, by the largest remainder."""
    totals: dict[str, float] = {}
    for place in places:
        totals[place.setting] = totals.get(place.setting, 0.0) + place.weight
    exact = [count * _SETTING_SHARES[place.setting] * place.weight / totals[place.setting] for place in places]
    shares = [int(value) for value in exact]
    by_remainder = sorted(range(len(places)), key=lambda place: shares[place] - exact[place])
    for largest in by_remainder[: count - sum(shares)]:
        shares[largest] += 1
    return shares


def _plan_person(rng: Random, world: World, place: int, handles: "_Handles", *, founder: bool) -> PlannedPerson:
    home = world.neighbourhoods[place]
    language = _draw_share(rng, _LANGUAGE_SHARES[home.setting])
    names = world.names[_draw_share(rng, _ORIGIN_SHARES[home.city, language])]
    woman = rng.random() < 0.5
    given = pick(rng, names.women if woman else names.men)
    family = pick(rng, names.family)
    return PlannedPerson(
        handle=handles.give(rng, given, family, home),
        display_name=_write_name(rng, given, family),
        given_name=given,
        bio=_write_bio(rng, world.scenes[home.setting, language], home, woman=woman),
        setting=home.setting,
        language=language,
        place=place,
        joined_age_ms=_draw_joined_age_ms(rng, founder=founder),
        activity=math.exp(_ACTIVITY_SPREAD * bell(rng)),
        voice=_draw_voice(rng),
    )


def _write_bio(rng: Random, scene: Scene, home: Neighbourhood, *, woman: bool) -> str:
    """Seven in ten have one. Where a trade has two forms, the right one."""
    if rng.random() > 0.7:
        return ""
    words = scene.words[home.name]
    trades = words.lists.get("trade_women" if woman else "trade_men") or words.lists["trade"]
    return as_sentences(say(pick(rng, scene.bios), words, {"trade": pick(rng, trades)}, rng))


def _draw_share(rng: Random, shares: dict[str, float]) -> str:
    names = list(shares)
    return names[Weighted(list(shares.values())).draw(rng)]


def _write_name(rng: Random, given: str, family: str) -> str:
    style = rng.random()
    if style < 0.84:
        return f"{given} {family}"
    if style < 0.90:
        return f"{given} {family[0]}."
    return given if style < 0.95 else f"{family} {given}"


def _draw_joined_age_ms(rng: Random, *, founder: bool) -> int:
    """Seven in ten were there before the oldest post, the others came while the community grew."""
    chance, days = rng.random(), rng.random()
    if founder or chance < 0.7:
        return int((HISTORY_DAYS + 1 + 360 * days) * DAY_MS)
    return int((2 + (HISTORY_DAYS - 10) * days) * DAY_MS)


def _draw_voice(rng: Random) -> Voice:
    """Half of the people never use an emoji."""
    emoji = max(0.0, rng.random() - 0.5)
    return Voice(emoji, small_letters=rng.random() < 0.07, full_stops=rng.random() > 0.12)


class _Handles:
    """Gives each person a handle of their own: 3 to 30 of a-z, 0-9, `_` and `.`."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def give(self, rng: Random, given: str, family: str, home: Neighbourhood) -> str:
        first, last = _letters(given)[:12], _letters(family)[:12]
        wish = _wish(rng, first, last, _letters(home.city))
        number = whole(rng, 80) + 20
        handle = wish
        while handle in self._given:
            handle = f"{wish}{number}"
            number += 1
        self._given.add(handle)
        return handle


def _wish(rng: Random, first: str, last: str, city: str) -> str:
    styles = (
        f"{first}.{last}",
        f"{first}_{last}",
        f"{first}{last}",
        f"{first[0]}.{last}",
        f"{first}.{last[:3]}",
        f"{last}.{first}",
        f"{first}{int(60 + 46 * rng.random()) % 100:02d}",
        f"{first}_{city}",
        f"the.{first}",
        f"{first}{last[0]}",
    )
    # Most people take the plain forms; the sum of two draws prefers the front of the list.
    place = int(len(styles) * rng.random() * rng.random())
    return styles[place]


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in plain if "a" <= letter <= "z")
