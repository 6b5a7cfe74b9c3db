"""Mails from texts: three languages, text and HTML, nothing that a value can break."""

import string
from importlib import resources
from pathlib import Path

import jinja2
import msgspec
import pytest

from banyan.infra.mail.message import LANGUAGES, Language, choose_language
from banyan.infra.mail.templates import MailTemplates
from banyan.infra.mail.texts import MailTexts, read_texts

LINK = "https://here.test/verify-email#token=abc&x"


def write(folder: Path, text: str) -> Path:
    for language in LANGUAGES:
        (folder / f"{language}.toml").write_text(text.replace("LANGUAGE", language), "utf-8")
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> MailTexts:
    folder = write(
        tmp_path,
        """
        [hello]
        subject = "LANGUAGE: hello {{ name }}"
        paragraphs = ["Dear {{ name }}", "Welcome to {{ community }}"]
        button = "Come in"
        after = ["Bye"]

        [bare]
        subject = "Bare"
        paragraphs = ["Only this"]
        """,
    )
    return MailTemplates(None, "Tree & Co").read("hello", folder, {})


def test_text_and_html(texts: MailTexts) -> None:
    mail = texts.compose("hello", "en", "ada@example.org", {"name": "Ada <3"}, LINK)
    assert (mail.to, mail.subject) == ("ada@example.org", "en: hello Ada <3")
    assert mail.text == f"Dear Ada <3\n\nWelcome to Tree & Co\n\n{LINK}\n\nBye\n\n-- \nTree & Co\n"
    assert ">Dear Ada &lt;3</p>" in mail.html
    assert "Tree &amp; Co" in mail.html
    assert 'href="https://here.test/verify-email#token=abc&amp;x"' in mail.html
    assert ">Come in</a>" in mail.html


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("fr", "ltr"), ("ar", "rtl")])
def test_language_and_direction(texts: MailTexts, language: Language, direction: str) -> None:
    mail = texts.compose("bare", language, "ada@example.org", {})
    assert f'<html lang="{language}" dir="{direction}">' in mail.html
    assert "<a " not in mail.html


def test_a_value_is_never_a_template_and_never_a_second_line_of_the_subject(texts: MailTexts) -> None:
    mail = texts.compose("hello", "en", "ada@example.org", {"name": "{{ 7*7 }}\r\nBcc: x"}, LINK)
    assert mail.subject == "en: hello {{ 7*7 }} Bcc: x"
    assert "{{ 7*7 }}" in mail.text


def test_a_value_that_is_missing_is_an_error(texts: MailTexts) -> None:
    with pytest.raises(jinja2.UndefinedError):
        texts.compose("hello", "en", "ada@example.org", {})


@pytest.mark.parametrize("text", ["[a]\nsubject = 'x'", "[a]\nsubject = 'x'\nparagraphs = []\nextra = 1"])
def test_a_file_of_another_shape_is_refused_at_once(tmp_path: Path, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        MailTemplates(None, "x").read("a", write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("ar-TN", "ar"),
        ("FR-ca;q=0.8, en;q=0.7", "fr"),
        ("de, fr;q=0.5, en;q=0.9", "en"),
        ("de,yo", "en"),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=x", "en"),
        ("*", "en"),
        (";;;,,=q", "en"),
        ("ar" + "," * 10_000, "ar"),
        ("fr;q=nan", "en"),
        ("en;q=0.2,ar;q=inf", "ar"),
    ],
)
def test_the_best_language_of_a_browser(header: str, language: str) -> None:
    assert choose_language(header) == language


@pytest.mark.parametrize("feature", ["accounts"])
def test_the_languages_of_a_feature_say_the_same_things(feature: str) -> None:
    """Same mails, same values, same shape in every language, and no language left in English."""
    folder = resources.files(f"banyan.features.{feature}").joinpath("mail_texts")
    texts = {language: read_texts(folder, language) for language in LANGUAGES}
    for kind, english in texts["en"].items():
        for language in ("fr", "ar"):
            other = texts[language][kind]
            assert len(other.paragraphs) == len(english.paragraphs)
            assert (other.button is None) == (english.button is None)
            pairs = zip([other.subject, *other.paragraphs], [english.subject, *english.paragraphs], strict=True)
            for theirs, ours in pairs:
                assert _holes(theirs) == _holes(ours)
                assert theirs != ours
        letters = "".join(texts["ar"][kind].paragraphs)
        assert not set(letters.replace("community", "").replace("handle", "")) & set(string.ascii_uppercase)
    assert {kind for words in texts.values() for kind in words} == set(texts["en"])


def _holes(words: str) -> set[str]:
    return {part.partition("}}")[0].strip() for part in words.split("{{")[1:]}
