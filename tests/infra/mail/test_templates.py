"""An operator's own mail texts and layouts: as much as they like, and every slip found at the start."""

from pathlib import Path

import pytest

from banyan.app.mails import Mails
from banyan.infra.mail.message import LANGUAGES
from banyan.infra.settings import BadSettings
from tests.support.platform import settings_for


def read(folder: Path | None) -> Mails:
    return Mails.read(settings_for("postgresql://nobody@localhost/none", mail={"templates_dir": folder}))


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return folder


def test_one_mail_of_one_language(tmp_path: Path) -> None:
    write(tmp_path, "mail_texts/accounts/fr.toml", '[verify_email]\nsubject = "Bonjour de {{ community }}"\n')
    own, built_in = read(tmp_path).accounts, read(None).accounts
    changed = own.verify_email("ada@example.org", "fr", "t")
    before = built_in.verify_email("ada@example.org", "fr", "t")
    assert changed.subject == "Bonjour de Banyan"
    assert changed.text == before.text
    for language in ("en", "ar"):
        assert own.verify_email("a@b.org", language, "t") == built_in.verify_email("a@b.org", language, "t")
    assert own.already_registered("a@b.org", "fr") == built_in.already_registered("a@b.org", "fr")


def test_a_layout_of_ones_own_is_escaped_too_and_knows_the_direction(tmp_path: Path) -> None:
    page = '<html dir="{{ direction }}">{% for p in paragraphs %}<b>{{ p }}</b>{% endfor %}<a href="{{ link }}">x</a>'
    write(tmp_path, "mail_layouts/layout.html", page)
    write(tmp_path, "mail_texts/accounts/ar.toml", '[verify_email]\nparagraphs = ["<i>{{ community }}</i>"]\n')
    mail = read(tmp_path).accounts.verify_email("a@b.org", "ar", "t")
    assert mail.html.startswith('<html dir="rtl"><b>&lt;i&gt;Banyan&lt;/i&gt;</b>')
    assert "<i>Banyan</i>" in mail.text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "mail_texts/accounts/fr.toml",
            "[verify_mail]\nsubject = 'x'",
            "no mail [verify_mail]; there are: account_deleted",
        ),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubjct = 'x'", "subjct"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubject = 7", "subject"),
        ("mail_texts/accounts/fr.toml", "[verify_email\n", "line 1"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubject = ' '", "needs a subject"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nparagraphs = []", "at least one paragraph"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nbutton = ''", "say what the link does"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubject = '{{ name }}'", "knows: community, hours"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubject = '{{ hours'", "write values as {{ name }}"),
        ("mail_texts/accounts/fr.toml", "[verify_email]\nsubject = '{{ hours + 1 }}'", "verify_email cannot be made"),
        ("mail_texts/accounts/de.toml", "", "languages there are: ar.toml, en.toml, fr.toml"),
        ("mail_texts/acounts/fr.toml", "", "features there are: accounts"),
        ("mail_layouts/layout.htm", "", "layouts there are: layout.html, layout.txt"),
        ("mail_layouts/layout.html", "{{ link", "layout.html:1"),
        ("mail_layouts/layout.html", "{{ nothing }}", "'nothing' is undefined"),
        ("mail_layouts/layout.txt", "{{ subject }}", "leaves out {{ link }}"),
    ],
)
def test_a_slip_is_told_at_the_start(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(BadSettings) as refused:
        read(write(tmp_path, name, text))
    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(BadSettings, match="no folder"):
        read(Path("/nowhere/at/all"))


def test_what_editors_leave_behind_is_no_slip(tmp_path: Path) -> None:
    write(tmp_path, "mail_texts/accounts/.en.toml.swp", "x")
    assert read(tmp_path)


def test_every_value_has_a_sample() -> None:
    previews = read(None).templates.previews()
    assert {one.language for one in previews} == set(LANGUAGES)
    for one in previews:
        assert "[" not in one.message.text.replace("[::1]", ""), one


@pytest.mark.parametrize("feature", ["accounts", "notifications"])
def test_the_built_in_mails_can_be_made_and_hold_their_links(feature: str) -> None:
    read(None).templates._try_all(feature)
