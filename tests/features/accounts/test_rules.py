"""What an address and a password may be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.features.accounts.emails import read_address
from banyan.features.accounts.password_rules import check_new_password, normalise_password
from banyan.infra.mail.mailer import SendMail
from banyan.infra.mail.message import MailMessage
from banyan.infra.mail.smtp import compose
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id


@pytest.mark.parametrize(
    ("given", "email", "key"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        ("  Ada.Lovelace+news@Example.ORG ", "Ada.Lovelace+news@example.org", "ada.lovelace+news@example.org"),
        ("o'neil_99/x@mail.example.co.uk", "o'neil_99/x@mail.example.co.uk", "o'neil_99/x@mail.example.co.uk"),
        ("a@bücher.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example", "a@xn--strae-oqa.example"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah", "a@xn--r8jz45g.xn--zckzah"),
        ("Zoë@example.org", "Zoë@example.org", "zoë@example.org"),
        ("Zoe\u0308@example.org", "Zoë@example.org", "zoë@example.org"),
        ("x@1.2.3.com", "x@1.2.3.com", "x@1.2.3.com"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_an_address_and_what_makes_it_unique(given: str, email: str, key: str) -> None:
    address = read_address(given)
    assert (address.email, address.key) == (email, key)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@@example.org",
        "a@b@example.org",
        "ada lovelace@example.org",
        "ada@exam ple.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ada@.example.org",
        "ada@example..org",
        "ada@example.org.",
        "ada@-example.org",
        "ada@example-.org",
        "ada@exa_mple.org",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@" + "x" * 64 + ".org",
        "a" * 65 + "@example.org",
        "ada@" + "x." * 130 + "org",
        "é" * 33 + "@example.org",
        '"ada"@example.org',
        "Ada <ada@example.org>",
        "ada@example.org, ben@example.org",
        "ada\0@example.org",
        "ada@example.org\0",
        "ada@exa\nmple.org",
        "ada\r\nBcc: x@example.org",
        "ada\u202e@example.org",
        "a\u200bda@example.org",
        "ada@exa\u200dmple.org",
        "ada@\ud800.org",
        "\ud800@example.org",
        "ada\uff20example.org",
    ],
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_address(given)
    assert refusal.value.fields[0].field == "email"


@given(st.text(max_size=80) | st.from_regex(r"[\w.!#+-]{1,12}@[\w.-]{1,20}\.[\w]{2,5}", fullmatch=True))
def test_whatever_passes_can_be_written_to(text: str) -> None:
    try:
        address = read_address(text)
    except Invalid:
        return
    assert read_address(address.email) == address, "reading is stable"
    if address.email.isascii():
        assert read_address(address.email.swapcase()).key == address.key
    mail = SendMail(new_id(), MailMessage(address.email, "Hello", "Text", "<p>Text</p>"))
    message = compose(mail, "house@banyan.test", "The House")
    assert message["To"].addresses[0].addr_spec == address.email
    bytes(message)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "12 words!",
        "пароль-длинный",
        "كلمة السر الطويلة",
        "\N{PILE OF POO}\N{SNOWMAN}abcdef",
        "👩‍👩‍👧‍👦 family",
        "x y" * 80,
        "abc  def",
    ],
)
def test_any_kind_of_password(password: str) -> None:
    assert check_new_password(password, "ada@example.org", "ada") == normalise_password(password)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_length"),
        ("1234567", "password_length"),
        ("x" * 257, "password_length"),
        ("\ufdfa", "password_length"),
        ("e\u0301a\u0301c d1", "password_length"),
        ("12345678", "password_too_common"),
        ("PassWord1", "password_too_common"),
        ("ｐａｓｓｗｏｒｄ", "password_too_common"),
        ("motdepasse", "password_too_common"),
        ("aaaaaaaaaaaa", "password_too_common"),
        ("abababababab", "password_too_common"),
        ("Ada.Lovelace@example.org", "password_too_common"),
        ("ada.lovelace", "password_too_common"),
        ("ada_the_first", "password_too_common"),
        ("abc\0defgh", "control_character"),
        ("abc\ndefgh", "control_character"),
        ("abc\x85defgh", "control_character"),
    ],
)
def test_passwords_that_are_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_new_password(password, "ada.lovelace@example.org", "Ada_the_first")
    assert [(error.field, error.code) for error in refusal.value.fields] == [("password", code)]


def test_the_same_password_from_another_keyboard() -> None:
    assert normalise_password("cafe\u0301 au lait") == normalise_password("café au lait")


def test_the_list_of_common_passwords_holds_nothing_that_length_refuses_already() -> None:
    listed = Path(__file__).parents[3] / "src/banyan/features/accounts/common_passwords.txt"
    words = listed.read_text("utf-8").split()
    assert len(words) > 1000
    assert [word for word in words if len(word) < 8 or word != word.casefold()] == []
