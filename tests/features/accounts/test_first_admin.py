"""The first admin: one link, one use, one admin."""

import asyncio
from typing import Any

from tests.features.accounts.steps import bearer, code, holds, sign_up_body
from tests.support.platform import Api, api_of, running_platform, settings_for

DONE = (410, "setup_done")
WRONG = (403, "invalid_setup_token")


async def make_link(api: Api) -> str | None:
    async with api.platform.pool.work() as work:
        return await api.platform.features.first_admin.make_link(work)


async def make_token(api: Api) -> str:
    link = await make_link(api)
    assert link is not None
    assert link.startswith("http://banyan.test/setup#token=")
    return link.partition("=")[2]


async def set_up(api: Api, token: str, handle: str = "chief", **headers: str) -> Any:
    return await api.post("/v1/setup/first-admin", sign_up_body(handle) | {"token": token}, **headers)


async def test_the_link_makes_an_admin_who_is_signed_in(api: Api) -> None:
    answer = await set_up(api, await make_token(api))
    assert answer.status_code == 201
    account = answer.json()["account"]
    assert (account["role"], account["handle"], account["email_verified"]) == ("admin", "chief", True)
    assert (await api.get("/v1/me", **bearer(answer))).json()["role"] == "admin"


async def test_the_link_works_once_and_no_other_is_made_after_it(api: Api) -> None:
    token = await make_token(api)
    assert (await set_up(api, token)).status_code == 201
    assert code(await set_up(api, token, "other")) == DONE
    assert code(await set_up(api, "x" * 43, "other")) == DONE
    assert await make_link(api) is None


async def test_a_new_link_voids_the_one_before(api: Api) -> None:
    old, new = await make_token(api), await make_token(api)
    assert code(await set_up(api, old)) == WRONG
    assert (await set_up(api, new)).status_code == 201


async def test_an_invented_token(api: Api) -> None:
    tokens = ("x", "A" * 43, "é", "\0")
    assert [code(await set_up(api, token)) for token in tokens] == [WRONG] * 4, "no link was made yet"
    await make_token(api)
    assert [code(await set_up(api, token)) for token in tokens] == [WRONG] * 4


async def test_the_token_is_stored_as_a_digest(api: Api) -> None:
    token = await make_token(api)
    stored = await api.platform.pool.work().row("SELECT * FROM accounts_first_admin")
    assert stored is not None
    assert token not in str(dict(stored))


async def test_of_many_at_once_one_becomes_admin(api: Api) -> None:
    token = await make_token(api)
    answers = await asyncio.gather(*(set_up(api, token, f"chief{number}") for number in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_accounts WHERE role = 'admin'") == 1


async def test_what_is_wrong_with_the_input_does_not_spend_the_link(api: Api) -> None:
    await api.sign_up("ada")
    token = await make_token(api)
    assert code(await set_up(api, token, "ada")) == (409, "email_taken")
    body = sign_up_body("ada", email="new@example.org") | {"token": token}
    assert code(await api.post("/v1/setup/first-admin", body)) == (409, "handle_taken")
    body = sign_up_body("chief", password="password1") | {"token": token}
    assert code(await api.post("/v1/setup/first-admin", body)) == (422, "invalid")
    assert (await set_up(api, token)).status_code == 201


async def test_a_retry_with_the_same_key_gets_fresh_tokens(api: Api) -> None:
    token = await make_token(api)
    first = await set_up(api, token, idempotency_key="k1")
    again = await set_up(api, token, idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["account"] == again.json()["account"]
    assert first.json()["refresh_token"] != again.json()["refresh_token"]
    assert await holds(api, again)


async def test_the_first_admin_gets_in_where_addresses_are_proven_first(database_url: str) -> None:
    settings = settings_for(database_url, accounts={"verify_first": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        assert (await set_up(api, await make_token(api))).status_code == 201
        body = {"email": "chief@example.org", "password": sign_up_body("chief")["password"]}
        assert (await api.post("/v1/auth/token", body)).status_code == 200


async def test_guesses_are_limited(database_url: str) -> None:
    settings = settings_for(database_url, limits={"enabled": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        answers = [await set_up(api, "x" * 43) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [403] * 5 + [429]
