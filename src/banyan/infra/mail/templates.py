"""The operator's own mail texts and layouts: a folder that replaces as much of the built-in ones as it holds.

    FOLDER/mail_layouts/layout.html, layout.txt
    FOLDER/mail_texts/FEATURE/LANGUAGE.toml

A text file may hold one mail of one language, and of that only a subject: what it leaves out stays as it is.
What such a folder makes is tried at the start, so that a slip is found by the operator and not by a newcomer's mail
job; the built-in texts are tried by the tests.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

import jinja2
import msgspec
from msgspec import UNSET, Struct, UnsetType

from banyan.infra.mail.message import LANGUAGES, Language, MailMessage
from banyan.infra.mail.texts import MailText, MailTexts, holes, read_texts
from banyan.infra.settings import BadSettings

_TEXTS = "mail_texts"
_LAYOUTS = "mail_layouts"
_LAYOUT_FILES = ("layout.html", "layout.txt")
_BUILT_IN = jinja2.PackageLoader("banyan.infra.mail", "layouts")
_SAMPLE_LINK = "https://example.org/link#token=sample"
_SAMPLE_ADDRESS = "ada@example.org"


class OwnText(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator says instead in one mail."""

    subject: str | UnsetType = UNSET
    paragraphs: list[str] | UnsetType = UNSET
    button: str | UnsetType = UNSET
    after: list[str] | UnsetType = UNSET


class Preview(Struct, frozen=True):
    """One mail as it would look, with sample values."""

    feature: str
    kind: str
    language: Language
    message: MailMessage


class MailTemplates:
    """Gives each feature its texts, with the operator's changes from `folder`. Raises BadSettings."""

    def __init__(self, folder: Path | None, community: str) -> None:
        self._folder = folder
        self._community = community
        self._features: dict[str, tuple[MailTexts, Mapping[str, str]]] = {}
        if folder is not None and not folder.is_dir():
            raise BadSettings(f"mail.templates_dir: there is no folder {folder}.")
        self._layouts = _layouts(folder / _LAYOUTS if folder else None)

    def read(self, feature: str, built_in: Traversable, samples: Mapping[str, str]) -> MailTexts:
        """The mails of `feature`; `samples` has a value to show for each that its texts name.

        Raises BadSettings when the operator's texts or layouts cannot be used.
        """
        texts = {language: read_texts(built_in, language) for language in LANGUAGES}
        if self._folder is not None:
            own = self._folder / _TEXTS / feature
            _check_names(own, {f"{language}.toml" for language in LANGUAGES}, "languages")
            texts = {language: _with_own(own / f"{language}.toml", texts[language]) for language in LANGUAGES}
        made = MailTexts(texts, self._community, self._layouts)
        self._features[feature] = (made, samples)
        if self._folder is not None:
            self._try_all(feature)
        return made

    def check_folders(self) -> None:
        """Once every feature has read its own. Raises BadSettings for texts that nobody reads."""
        if self._folder is not None:
            _check_names(self._folder / _TEXTS, set(self._features), "features")

    def previews(self) -> list[Preview]:
        """Every mail in every language."""
        return [
            Preview(feature, kind, language, texts.sample(kind, language, _SAMPLE_ADDRESS, samples, _SAMPLE_LINK))
            for feature, (texts, samples) in sorted(self._features.items())
            for language in LANGUAGES
            for kind in texts.kinds
        ]

    def _try_all(self, feature: str) -> None:
        texts, samples = self._features[feature]
        for language in LANGUAGES:
            for kind in texts.kinds:
                try:
                    message = texts.sample(kind, language, _SAMPLE_ADDRESS, samples, _SAMPLE_LINK)
                except Exception as error:  # a template can fail in any way that Python knows
                    raise BadSettings(
                        f"{self._folder}: the mail {kind} cannot be made in {language!r}: {error}."
                    ) from None
                if texts.has_link(kind, language) and not (
                    _SAMPLE_LINK in message.text and _SAMPLE_LINK in message.html
                ):
                    raise BadSettings(
                        f"{self._folder}/{_LAYOUTS}: a layout leaves out {{{{ link }}}}: no one could go on."
                    )


def _layouts(own: Path | None) -> jinja2.Environment:
    if own is None or not own.is_dir():
        return _built_in_layouts()
    _check_names(own, set(_LAYOUT_FILES), "layouts")
    layouts = _environment(jinja2.ChoiceLoader([jinja2.FileSystemLoader(own), _BUILT_IN]))
    for name in _LAYOUT_FILES:
        try:
            layouts.get_template(name)
        except (jinja2.TemplateError, UnicodeDecodeError, OSError) as error:
            raise BadSettings(f"{own}/{name}{_line(error)}: {error}") from None
    return layouts


@cache
def _built_in_layouts() -> jinja2.Environment:
    """The same for everybody in a process, compiled for the first mail."""
    return _environment(_BUILT_IN)


def _environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    return jinja2.Environment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _check_names(folder: Path, known: set[str], what: str) -> None:
    """A misspelt name would be ignored for ever. Hidden files are an editor's own."""
    if not folder.is_dir():
        return
    unknown = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    for name in unknown:
        if name not in known:
            raise BadSettings(f"{folder}/{name}: not one of the {what} there are: {', '.join(sorted(known))}.")


def _with_own(file: Path, built_in: Mapping[str, MailText]) -> dict[str, MailText]:
    if not file.exists():
        return dict(built_in)
    try:
        own = msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, OwnText])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, msgspec.ValidationError) as error:
        raise BadSettings(f"{file}: {error}") from None
    unknown = sorted(own.keys() - built_in.keys())
    if unknown:
        raise BadSettings(f"{file}: there is no mail [{unknown[0]}]; there are: {', '.join(sorted(built_in))}.")
    merged = dict(built_in)
    for kind, text in own.items():
        merged[kind] = _merge(file, kind, built_in[kind], text)
    return merged


def _merge(file: Path, kind: str, built_in: MailText, own: OwnText) -> MailText:
    if own.button is not UNSET and (built_in.button is None or not own.button.strip()):
        wanted = "this mail has no link, so no button" if built_in.button is None else "say what the link does"
        raise BadSettings(f"{file}: [{kind}] button: {wanted}.")
    merged = MailText(
        subject=built_in.subject if own.subject is UNSET else own.subject,
        paragraphs=built_in.paragraphs if own.paragraphs is UNSET else own.paragraphs,
        button=built_in.button if own.button is UNSET else own.button,
        after=built_in.after if own.after is UNSET else own.after,
    )
    if not merged.subject.strip() or not merged.paragraphs:
        raise BadSettings(f"{file}: [{kind}] needs a subject and at least one paragraph.")
    try:
        unknown = sorted(holes(merged) - holes(built_in) - {"community"})
    except jinja2.TemplateSyntaxError as error:
        raise BadSettings(f"{file}: [{kind}] {error.message}: write values as {{{{ name }}}}.") from None
    if unknown:
        known = ", ".join(sorted(holes(built_in) | {"community"}))
        raise BadSettings(f"{file}: [{kind}] knows no {{{{ {unknown[0]} }}}}; it knows: {known}.")
    return merged


def _line(error: Exception) -> str:
    return f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
