"""Mails from texts: a feature keeps one TOML file per language, the layouts make text and HTML of it.

A mail in such a file has a `subject`, `paragraphs`, and if it asks for something a `button` and what stands
`after` it. All are jinja2 templates; in HTML every value put in is escaped.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable

import jinja2
import jinja2.meta
import msgspec
from msgspec import Struct

from banyan.infra.mail.message import Language, MailMessage

_WORDS = jinja2.Environment(undefined=jinja2.StrictUndefined)


class MailText(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one kind of mail in one language."""

    subject: str
    paragraphs: list[str]
    button: str | None = None
    after: list[str] = []


class MailTexts:
    """The mails of one feature in all languages, made into messages by `layouts` (layout.html, layout.txt)."""

    def __init__(
        self, texts: Mapping[Language, Mapping[str, MailText]], community: str, layouts: jinja2.Environment
    ) -> None:
        self._texts = texts
        self._community = community
        self._layouts = layouts

    @property
    def kinds(self) -> list[str]:
        """The names of the mails."""
        return sorted(self._texts["en"])

    def has_link(self, kind: str, language: Language) -> bool:
        """Whether the mail asks for something."""
        return self._texts[language][kind].button is not None

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
            text=self._layouts.get_template("layout.txt").render(filled),
            html=self._layouts.get_template("layout.html").render(filled),
        )

    def sample(self, kind: str, language: Language, to: str, samples: Mapping[str, str], link: str) -> MailMessage:
        """The mail as it would look; a value without a sample shows its name."""
        text = self._texts[language][kind]
        values = {name: samples.get(name, f"[{name}]") for name in holes(text) - {"community"}}
        return self.compose(kind, language, to, values, link if text.button else None)


def read_texts(folder: Traversable, language: Language) -> dict[str, MailText]:
    """One language of a feature's folder (`en.toml`, `fr.toml`, `ar.toml`).

    Raises FileNotFoundError or msgspec.ValidationError for a folder that is not right.
    """
    return dict(_parsed((folder / f"{language}.toml").read_text("utf-8")))


@lru_cache(maxsize=64)
def _parsed(toml: str) -> Mapping[str, MailText]:
    return msgspec.convert(tomllib.loads(toml), dict[str, MailText])


def holes(text: MailText) -> set[str]:
    """The names of the values that a mail is filled with. Raises jinja2.TemplateSyntaxError."""
    words = [text.subject, *text.paragraphs, text.button or "", *text.after]
    return {name for part in words for name in jinja2.meta.find_undeclared_variables(_WORDS.parse(part))}


def _fill(words: str, values: Mapping[str, str]) -> str:
    # Plain text on purpose: the HTML layout escapes the finished sentence.
    return _template(words).render(values)


@lru_cache(maxsize=1024)
def _template(words: str) -> jinja2.Template:
    """Compiled once: that takes longer than all the rest of a mail."""
    return _WORDS.from_string(words)
