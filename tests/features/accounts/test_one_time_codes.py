"""One-time codes against the vectors of their RFC, and as people type them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from banyan.features.accounts.one_time_codes import (
    find_step,
    is_app_code,
    make_recovery_code,
    make_secret,
    read_otp,
    uri_of,
)

# RFC 6238 appendix B, SHA-1, whose last six digits apps show: the secret is "12345678901234567890".
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 20000000000: "353130"}


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    assert find_step(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_a_clock_may_be_one_step_off() -> None:
    at = datetime.fromtimestamp(1_800_000_015, UTC)
    step = 1_800_000_015 // 30
    code = pyotp.TOTP(RFC_SECRET).generate_otp(step)
    found = [find_step(RFC_SECRET, code, at + timedelta(seconds=30 * off)) for off in (-2, -1, 0, 1, 2)]
    assert found == [None, step, step, step, None]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", "123456"),
        ("\uff11\uff12\uff13456", "123456"),
        ("ABCDE-fgh23", "abcdefgh23"),
        ("abcde fgh23", "abcdefgh23"),
        ("\0\n-", ""),
    ],
)
def test_codes_as_people_type_them(typed: str, read: str) -> None:
    assert read_otp(typed) == read


def test_the_two_kinds_are_told_apart() -> None:
    assert is_app_code("123456")
    for other in ("12345", "1234567", "12345a", "", read_otp(make_recovery_code())):
        assert not is_app_code(other)


def test_the_address_for_apps() -> None:
    secret = make_secret()
    address = urlsplit(uri_of(secret, "ada@example.org", "Tree: & Co"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query) == {"secret": [secret], "issuer": ["Tree  & Co"]}


def test_recovery_codes_are_random_and_can_be_read_aloud() -> None:
    codes = {make_recovery_code() for _ in range(100)}
    assert len(codes) == 100
    assert not set("ilo01") & set("".join(codes))
