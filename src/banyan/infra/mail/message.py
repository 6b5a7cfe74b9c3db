"""One mail, as the features hand it over."""

from typing import Literal, get_args

from msgspec import Struct

Language = Literal["en", "fr", "ar"]

LANGUAGES: tuple[Language, ...] = get_args(Language)


class MailMessage(Struct, frozen=True):
    """A mail to one recipient, in plain text and HTML. `unsubscribe_url`: a POST there ends mails of this sort."""

    to: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str | None = None


def choose_language(accept_language: str) -> Language:
    """The best of our languages for an `Accept-Language` header (RFC 9110 section 12.5.4), else English."""
    best: tuple[float, Language] = (0.0, "en")
    for item in accept_language[:200].lower().split(","):
        tag, _, parameters = item.strip().partition(";")
        weight = _weight(parameters)
        for language in LANGUAGES:
            if tag.split("-")[0].strip() == language and weight > best[0]:
                best = (weight, language)
    return best[1]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(float(value), 1.0)
    except ValueError:
        return 0.0
