"""All kinds that features declare, and the words for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from banyan.features.notifications.models import Channels, EmailTime, StoredPreferences
from banyan.infra.declare import AnyNotificationKind, KindText

_NOBODY = {"en": "Somebody", "fr": "Quelqu’un", "ar": "أحدهم"}
_AND = {"en": "{0} and {1}", "fr": "{0} et {1}", "ar": "{0} و{1}"}
# By how many others there are; Arabic tells two, three to ten, and more apart.
_OTHERS: Final[Mapping[str, Callable[[str, int], str]]] = {
    "en": lambda name, others: f"{name} and {others} others",
    "fr": lambda name, others: f"{name} et {others} autres personnes",
    "ar": lambda name, others: f"{name} و{_arabic_others(others)}",
}


class Kinds:
    """Every kind by its name."""

    def __init__(self, kinds: Sequence[AnyNotificationKind]) -> None:
        self.by_name = {kind.name: kind for kind in kinds}

    def find(self, name: str) -> AnyNotificationKind | None:
        """None for one that is declared no longer."""
        return self.by_name.get(name)

    def channels(self, stored: StoredPreferences, kind: AnyNotificationKind) -> Channels:
        """What a person has chosen, else what the kind proposes."""
        defaults = kind.defaults
        chosen = stored.kinds.get(kind.name)
        return chosen or Channels(defaults.in_app, _email(defaults.email), defaults.push)


def words_of(kind: AnyNotificationKind, language: str) -> KindText:
    """In that language or in English."""
    return kind.texts.get(language) or kind.texts["en"]


def write_text(kind: AnyNotificationKind, language: str, names: Sequence[str], count: int) -> str:
    """One sentence: who (`names` are the newest of `count` people) did what."""
    words = words_of(kind, language)
    spoken = language if language in _AND and language in kind.texts else "en"
    return (words.one if count <= 1 else words.many).replace("{actors}", _actors(spoken, names, count))


def _actors(language: str, names: Sequence[str], count: int) -> str:
    if not names:
        return _NOBODY[language]
    if count <= 1:
        return names[0]
    if count == 2 and len(names) > 1:
        return _AND[language].format(names[0], names[1])
    if count == 2:
        return _AND[language].format(names[0], _NOBODY[language].lower())
    return _OTHERS[language](names[0], count - 1)


def _arabic_others(others: int) -> str:
    if others == 2:
        return "اثنان آخران"
    return f"{others} آخرين" if 3 <= others % 100 <= 10 else f"{others} آخر"


def _email(value: str) -> EmailTime:
    return "now" if value == "now" else "daily" if value == "daily" else "off"
