"""Refresh tokens as such: only those made here are read."""

import base64
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from banyan.features.accounts.refresh_tokens import RefreshTokens

TOKENS = RefreshTokens("s" * 43)
SESSION = uuid4()


def test_a_token_names_its_session_and_no_other_token() -> None:
    first, first_digest = TOKENS.make(SESSION)
    second, second_digest = TOKENS.make(SESSION)
    assert first != second
    read = TOKENS.read(first)
    assert read is not None
    assert (read.session_id, read.digest) == (SESSION, first_digest)
    assert first_digest != second_digest
    assert first_digest not in base64.urlsafe_b64decode(first), "what is stored does not let anybody in"


def test_a_token_that_was_changed_anywhere_is_none_of_ours() -> None:
    token, _ = TOKENS.make(SESSION)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert TOKENS.read(token[:place] + other + token[place + 1 :]) is None


def test_another_installations_token() -> None:
    assert RefreshTokens("t" * 43).read(TOKENS.make(SESSION)[0]) is None


@given(st.text(max_size=100) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_rubbish(text: str) -> None:
    assert TOKENS.read(text) is None
