"""The language of mails: at first the browser's, then what its owner says."""

import pytest

from tests.features.accounts.steps import mails_to, sign_up_body
from tests.support.platform import Api


async def test_at_first_the_browsers_then_what_the_owner_says(api: Api) -> None:
    answer = await api.post("/v1/accounts", sign_up_body("ada"), accept_language="fr-FR")
    ada = Api(api.platform, api.http, answer.json())
    assert (await ada.get("/v1/me")).json()["language"] == "fr"
    (first,) = await mails_to(api, "ada", 1)
    assert "Confirmez" in first.subject
    changed = await ada.patch("/v1/me", {"language": "ar", "bio": "Hello"})
    assert (changed.json()["language"], changed.json()["bio"]) == ("ar", "Hello")
    await ada.patch("/v1/me", {"bio": "Again"})
    assert (await ada.get("/v1/me")).json()["language"] == "ar"
    await api.post("/v1/auth/verify-email/resend", {"email": "ada@example.org"})
    mail, _ = await mails_to(api, "ada", 2)
    assert 'dir="rtl"' in mail.html


@pytest.mark.parametrize("language", ["de", "", None, 7])
async def test_another_language_is_refused(api: Api, language: object) -> None:
    ada = await api.sign_up("ada")
    answer = await ada.patch("/v1/me", {"language": language})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["language"]
