"""Addresses in the settings are refused at the start, not found wrong in the first mail."""

import pytest
from pydantic import ValidationError

from banyan.infra.http.settings import HttpSettings


@pytest.mark.parametrize(
    "url", ["neighbours.example", "ftp://neighbours.example", "https://", "https://a.example?x", ""]
)
def test_a_public_url_is_one(url: str) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(public_url=url)


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://app.example/path", ""])
def test_an_origin_is_as_browsers_send_it(origin: str) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(cors_origins=[origin])


def test_what_is_right_is_taken() -> None:
    HttpSettings(public_url="https://neighbours.example/", cors_origins=["*", "https://a.example:8443"])
    HttpSettings(public_url="http://[::1]:8000", cors_origins=["capacitor://localhost"])
