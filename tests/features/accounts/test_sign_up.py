"""Signing up over HTTP."""

import asyncio
from typing import Any

import pytest

from tests.features.accounts.steps import (
    bearer,
    code,
    holds,
    jobs_done,
    losing_answers,
    mails,
    mails_to,
    payload,
    refresh,
    sign_in,
    sign_up_body,
)
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for


async def test_a_new_account_is_signed_in(api: Api) -> None:
    answer = await api.post("/v1/accounts", sign_up_body("ada", email="Ada@Example.org"))
    assert answer.status_code == 201
    given = answer.json()
    assert given["account"] == {
        "id": given["account"]["id"],
        "email": "Ada@example.org",
        "handle": "ada",
        "display_name": "Ada",
        "email_verified": False,
        "role": "member",
    }
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 900)
    me = (await api.get("/v1/me", **bearer(answer))).json()
    assert (me["id"], me["email"], me["handle"]) == (given["account"]["id"], "Ada@example.org", "ada")
    said = payload(given["access_token"])
    assert (said["sub"], said["role"], said["exp"] - said["iat"]) == (given["account"]["id"], "member", 900)
    assert (await sign_in(api, "ada")).status_code == 200
    assert (await refresh(api, given["refresh_token"])).status_code == 200


async def test_nothing_secret_is_stored(api: Api) -> None:
    given = (await api.post("/v1/accounts", sign_up_body("ada"))).json()
    await mails_to(api, "ada", 1)
    work = api.platform.pool.work()
    tables = [row[0] for row in await work.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for table in set(tables) - {"mail_messages"}:
        stored = "".join(row[0] for row in await work.rows(f"SELECT t::text FROM {table} t"))
        for secret in (PASSWORD, given["access_token"], given["refresh_token"]):
            assert secret not in stored
            assert secret.encode().hex() not in stored


async def test_a_taken_address_in_any_form(api: Api) -> None:
    await api.sign_up("ada")
    for email in ("ada@example.org", "ADA@EXAMPLE.ORG", " ada@example.org ", "ａda@example.org"):
        answer = await api.post("/v1/accounts", sign_up_body("ben", email=email))
        assert code(answer) == (409, "email_taken")
    assert (await api.get("/v1/people/ben")).status_code == 404


async def test_a_taken_handle_leaves_no_account(api: Api) -> None:
    await api.sign_up("ada")
    answer = await api.post("/v1/accounts", sign_up_body("ada", email="other@example.org"))
    assert code(answer) == (409, "handle_taken")
    assert code(await api.post("/v1/auth/token", {"email": "other@example.org", "password": PASSWORD})) == (
        401,
        "wrong_credentials",
    )


async def test_of_many_at_once_one_gets_the_address_and_one_the_handle(api: Api) -> None:
    same_email = [sign_up_body(f"ada{number}", email="ada@example.org") for number in range(4)]
    same_handle = [sign_up_body("ben", email=f"ben{number}@example.org") for number in range(4)]
    answers = await asyncio.gather(*(api.post("/v1/accounts", body) for body in [*same_email, *same_handle]))
    codes = [answer.status_code if answer.status_code == 201 else answer.json()["code"] for answer in answers]
    assert sorted(map(str, codes[:4])) == ["201", "email_taken", "email_taken", "email_taken"]
    assert sorted(map(str, codes[4:])) == ["201", "handle_taken", "handle_taken", "handle_taken"]
    work = api.platform.pool.work()
    assert await work.value("SELECT count(*) FROM accounts_accounts") == 2
    assert await work.value("SELECT count(*) FROM people_people") == 2


async def test_each_wrong_field_is_named(api: Api) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"email": "no address"}, "email"),
        ({"email": "a" * 300 + "@example.org"}, "email"),
        ({"email": "a\0@example.org"}, "email"),
        ({"email": 7}, "email"),
        ({"email": None}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "abc\0defghi"}, "password"),
        ({"password": "ada@example.org"}, "password"),
        ({"password": ["a long enough one"]}, "password"),
        ({"handle": "a"}, "handle"),
        ({"handle": "admin"}, "handle"),
        ({"handle": "a\0da"}, "handle"),
        ({"handle": "x" * 65}, "handle"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 81}, "display_name"),
        ({"display_name": "A\0da"}, "display_name"),
        ({"role": "admin"}, "role"),
    ]
    for change, field in cases:
        answer = await api.post("/v1/accounts", sign_up_body("ada") | change)
        assert answer.status_code == 422, (change, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field], change
    for missing in sign_up_body("ada"):
        body = {name: value for name, value in sign_up_body("ada").items() if name != missing}
        answer = await api.post("/v1/accounts", body)
        assert answer.status_code == 422
        assert missing in answer.text


async def test_the_link_comes_in_the_readers_language(api: Api) -> None:
    cases = [
        ("ada", "", "Confirm your e-mail address for Banyan", "ltr"),
        ("zoe", "fr-FR,fr;q=0.9", "Confirmez votre adresse e-mail pour Banyan", "ltr"),
        ("amina", "ar", "تأكيد بريدك الإلكتروني في Banyan", "rtl"),
    ]
    for handle, language, subject, direction in cases:
        await api.post("/v1/accounts", sign_up_body(handle), accept_language=language)
        (mail,) = await mails_to(api, handle, 1)
        assert mail.subject == subject
        assert f'dir="{direction}"' in mail.html
        assert f"http://banyan.test/verify-email#token={mail.token}" in mail.text
        assert len(mail.token) == 43


async def test_a_retry_with_the_same_key_gets_fresh_tokens_and_no_second_account(api: Api) -> None:
    body = sign_up_body("ada")
    first = await api.post("/v1/accounts", body, idempotency_key="k1")
    again = await api.post("/v1/accounts", body, idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["account"] == again.json()["account"]
    for token in ("access_token", "refresh_token"):
        assert first.json()[token] != again.json()[token]
    assert await holds(api, first)
    assert await holds(api, again)
    await jobs_done(api)
    assert len(await mails(api)) == 1
    other = await api.post("/v1/accounts", body | {"display_name": "Other"}, idempotency_key="k1")
    assert code(other) == (422, "idempotency_mismatch")
    stored = await api.platform.pool.work().row("SELECT * FROM http_idempotency_keys")
    assert stored is not None
    assert stored["body"] is None
    assert PASSWORD not in str(dict(stored))


async def test_an_answer_lost_on_the_way_is_made_up_for_by_a_retry(api: Api) -> None:
    """Committed, then the connection or the process is gone: nobody has heard of the account yet."""
    body = sign_up_body("ada")
    async with losing_answers(api) as unlucky:
        with pytest.raises(ConnectionResetError):
            await unlucky.post("/v1/accounts", body, idempotency_key="k1")
    assert code(await api.post("/v1/accounts", body)) == (409, "email_taken")
    answer = await api.post("/v1/accounts", body, idempotency_key="k1")
    assert answer.status_code == 201
    assert await holds(api, answer)


async def test_many_retries_at_once_make_one_account(api: Api) -> None:
    body = sign_up_body("ada")
    answers = await asyncio.gather(*(api.post("/v1/accounts", body, idempotency_key="k1") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["account"]["id"] for answer in answers}) == 1
    assert len({answer.json()["refresh_token"] for answer in answers}) == 4
    assert all([await holds(api, answer) for answer in answers])


async def test_sign_ups_are_limited_per_address_and_place(database_url: str) -> None:
    async with (
        running_platform(settings_for(database_url, limits={"enabled": True})) as platform,
        api_of(platform) as api,
    ):
        body = sign_up_body("ada", password="too easy" * 40)
        for _ in range(2):
            assert (await api.post("/v1/accounts", body)).status_code == 422, "what cannot be read costs nothing"
        body = sign_up_body("ada", password="password")
        answers = [await api.post("/v1/accounts", body) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await api.post("/v1/accounts", sign_up_body("ben"))).status_code == 201
