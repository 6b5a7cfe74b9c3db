"""Mails from texts: a feature keeps one TOML file per language, the layouts here make text and HTML of it.

A mail in such a file has a `subject`, `paragraphs`, and if it asks for something a `button` and what stands
`after` it. All are jinja2 templates; in HTML every value put in is escaped.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable

import jinja2
import msgspec
from msgspec import Struct

from banyan.infra.mail.message import LANGUAGES, Language, MailMessage

_LAYOUTS = jinja2.Environment(
    loader=jinja2.PackageLoader("banyan.infra.mail"),
    autoescape=lambda name: name is not None and name.endswith(".html"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_WORDS = jinja2.Environment(undefined=jinja2.StrictUndefined)


class MailText(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one kind of mail in one language."""

    subject: str
    paragraphs: list[str]
    button: str | None = None
    after: list[str] = []


class MailTexts:
    """The mails of one feature, read from `folder` (`en.toml`, `fr.toml`, `ar.toml`) at once.

    Raises FileNotFoundError, msgspec.ValidationError or jinja2.TemplateSyntaxError for a folder that is not right.
    """

    def __init__(self, folder: Traversable, community: str) -> None:
        self._community = community
        self._texts = {language: _read(folder, language) for language in LANGUAGES}

    def compose(
        self, kind: str, language: Language, to: str, values: Mapping[str, str], link: str | None = None
    ) -> MailMessage:
        """The mail `kind` to `to`. `values` fill its words; `link` is where its button leads."""
        text = self._texts[language][kind]
        known = {"community": self._community, **values}
        filled = {
            "subject": _fill(text.subject, known),
            "paragraphs": [_fill(paragraph, known) for paragraph in text.paragraphs],
            "button": _fill(text.button, known) if text.button else None,
            "after": [_fill(paragraph, known) for paragraph in text.after],
            "community": self._community,
            "language": language,
            "direction": "rtl" if language == "ar" else "ltr",
            "link": link,
        }
        return MailMessage(
            to=to,
            # A subject is one line, whatever was put into it.
            subject=" ".join(str(filled["subject"]).split()),
            text=_LAYOUTS.get_template("layout.txt").render(filled),
            html=_LAYOUTS.get_template("layout.html").render(filled),
        )


def _read(folder: Traversable, language: Language) -> dict[str, MailText]:
    raw = tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, MailText])


def _fill(words: str, values: Mapping[str, str]) -> str:
    # Plain text on purpose: the HTML layout escapes the finished sentence.
    return _template(words).render(values)


@lru_cache(maxsize=1024)
def _template(words: str) -> jinja2.Template:
    """Compiled once: that takes longer than all the rest of a mail."""
    return _WORDS.from_string(words)
