"""Invites over HTTP: who may make them, what they open, and that no race gives one use too many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.features.accounts.steps import code, mails_to, sign_in, sign_up_body
from tests.support.platform import Api, api_of, running_platform, settings_for


@asynccontextmanager
async def community(database_url: str, **accounts: Any) -> AsyncIterator[tuple[Api, Api, Api]]:
    """Anybody, a member and an admin of a community with these settings."""
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        await api.sign_up("ada")
        await api.sign_up("chief")
        async with platform.pool.connection() as connection:
            await connection.execute("UPDATE accounts_accounts SET role = 'admin' WHERE email LIKE 'chief%'")
            await connection.execute("UPDATE accounts_accounts SET email_verified_at = now()")
    settings = settings_for(database_url, accounts=accounts)
    async with running_platform(settings) as platform, api_of(platform) as api:
        signed_in = [(await sign_in(api, handle)).json() for handle in ("ada", "chief")]
        yield api, Api(platform, api.http, signed_in[0]), Api(platform, api.http, signed_in[1])


async def invite(api: Api, **wanted: Any) -> dict[str, Any]:
    answer = await api.post("/v1/invites", wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def join(api: Api, handle: str, invite_code: str | None = None) -> httpx.Response:
    body = sign_up_body(handle) if invite_code is None else sign_up_body(handle, invite=invite_code)
    return await api.post("/v1/accounts", body)


async def test_only_the_invited_get_in(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, _):
        assert (await api.get("/v1/community")).json()["sign_up"] == "invite"
        assert code(await join(api, "ben")) == (403, "invite_required")
        assert code(await join(api, "ben", "nonsense")) == (403, "invite_invalid")
        made = await invite(ada, note="For Ben")
        assert made["url"] == f"http://banyan.test/app#/sign-up/{made['code']}"
        assert (made["max_uses"], made["used_count"], made["open"], made["note"]) == (1, 0, True, "For Ben")
        assert (await join(api, "ben", made["code"])).status_code == 201
        assert code(await join(api, "cleo", made["code"])) == (403, "invite_invalid")
        listed = (await ada.get("/v1/invites")).json()["items"]
        assert listed == [made | {"used_count": 1, "open": False}]


async def test_who_is_not_invited_learns_nothing_of_addresses(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, _, _):
        assert code(await join(api, "ada")) == (403, "invite_required")


async def test_closed_is_closed_with_an_invite_too(database_url: str) -> None:
    async with community(database_url, sign_up="closed") as (api, ada, _):
        made = await invite(ada)
        assert code(await join(api, "ben", made["code"])) == (403, "sign_up_closed")
        assert code(await join(api, "ben")) == (403, "sign_up_closed")
        assert (await sign_in(api, "ada")).status_code == 200


async def test_where_anybody_may_sign_up_an_invite_counts_all_the_same(database_url: str) -> None:
    async with community(database_url) as (api, ada, _):
        made = await invite(ada)
        assert (await join(api, "ben")).status_code == 201
        assert (await join(api, "cleo", made["code"])).status_code == 201
        assert code(await join(api, "dan", made["code"])) == (403, "invite_invalid")
        row = await api.platform.pool.work().value("SELECT invite_id FROM accounts_accounts WHERE email LIKE 'cleo%'")
        assert str(row) == made["id"]


async def test_of_many_at_once_no_more_get_in_than_were_invited(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, _):
        made = await invite(ada, max_uses=3)
        answers = await asyncio.gather(*(join(api, f"ben{number}", made["code"]) for number in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 5
        work = api.platform.pool.work()
        assert await work.value("SELECT used_count FROM accounts_invites") == 3
        assert await work.value("SELECT count(*) FROM people_people WHERE handle LIKE 'ben%'") == 3


async def test_a_sign_up_that_fails_uses_nothing(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, _):
        made = await invite(ada)
        assert code(await api.post("/v1/accounts", sign_up_body("ada", invite=made["code"]))) == (409, "email_taken")
        taken = sign_up_body("ada", email="new@example.org", invite=made["code"])
        assert code(await api.post("/v1/accounts", taken)) == (409, "handle_taken")
        assert (await join(api, "ben", made["code"])).status_code == 201


async def test_a_retry_counts_once(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, _):
        made = await invite(ada, max_uses=2)
        body = sign_up_body("ben", invite=made["code"])
        first, again = [await api.post("/v1/accounts", body, idempotency_key="k") for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 201)
        assert (await ada.get("/v1/invites")).json()["items"][0]["used_count"] == 1


async def test_an_invite_for_one_address_goes_there_and_opens_for_no_other(database_url: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, _):
        made = await invite(ada, email="Ben@Example.org", note="<b>words of my own</b>")
        (mail,) = await mails_to(api, "Ben", 1)
        assert made["url"] in mail.text and "@ada" in mail.text
        assert "my own" not in mail.text + mail.html
        assert code(await join(api, "cleo", made["code"])) == (403, "invite_invalid")
        assert (await join(api, "ben", made["code"])).status_code == 201


@pytest.mark.parametrize("how", ["revoked", "over"])
async def test_what_is_over_holds_no_more(database_url: str, how: str) -> None:
    async with community(database_url, sign_up="invite") as (api, ada, chief):
        made = await invite(ada)
        if how == "revoked":
            assert code(await chief.delete(f"/v1/invites/{made['id']}")) == (404, "invite_not_found")
            assert (await ada.delete(f"/v1/invites/{made['id']}")).status_code == 204
            assert code(await ada.delete(f"/v1/invites/{made['id']}")) == (404, "invite_not_found")
            assert (await ada.get("/v1/invites")).json()["items"] == []
        else:
            await api.platform.pool.work().value("UPDATE accounts_invites SET expires_at = now()")
            assert (await ada.get("/v1/invites")).json()["items"][0]["open"] is False
        assert code(await join(api, "ben", made["code"])) == (403, "invite_invalid")


async def test_members_have_a_bound_and_admins_none(database_url: str) -> None:
    async with community(database_url, invites_per_member=3) as (_, ada, chief):
        answers = await asyncio.gather(*(ada.post("/v1/invites", {"max_uses": 2}) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [201, 403, 403]
        first = await invite(ada)
        assert code(await ada.post("/v1/invites", {})) == (403, "invite_limit")
        # Made, mailed and revoked again and again would be a way round it.
        await ada.delete(f"/v1/invites/{first['id']}")
        assert code(await ada.post("/v1/invites", {})) == (403, "invite_limit")
        await invite(chief, max_uses=100)


async def test_where_only_admins_invite(database_url: str) -> None:
    async with community(database_url, invites_per_member=0) as (_, ada, chief):
        assert code(await ada.post("/v1/invites", {})) == (403, "invite_limit")
        await invite(chief)


async def test_each_wrong_field_is_named(database_url: str) -> None:
    async with community(database_url) as (_, ada, _):
        moment = datetime.now(UTC)
        for wanted, field in [
            ({"max_uses": 0}, "max_uses"),
            ({"max_uses": 2, "email": "ben@example.org"}, "max_uses"),
            ({"expires_at": (moment - timedelta(seconds=1)).isoformat()}, "expires_at"),
            ({"expires_at": (moment + timedelta(days=400)).isoformat()}, "expires_at"),
            ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
            ({"note": "x" * 201}, "note"),
            ({"note": "a\0b"}, "note"),
            ({"email": "no address"}, "email"),
            ({"role": "admin"}, "role"),
        ]:
            answer = await ada.post("/v1/invites", wanted)
            assert answer.status_code == 422, (wanted, answer.text)
            assert [error["field"] for error in answer.json()["errors"]] == [field], wanted


async def test_a_proven_address_uses_the_invite_when_its_account_is_made(database_url: str) -> None:
    async with community(database_url, sign_up="invite", verify_first=True) as (api, _, chief):
        made = await invite(chief)
        for handle in ("ben", "cleo"):
            assert (await join(api, handle, made["code"])).status_code == 202
        assert (await chief.get("/v1/invites")).json()["items"][0]["used_count"] == 0
        tokens = [(await mails_to(api, handle, 1))[0].token for handle in ("ben", "cleo")]
        answers = await asyncio.gather(*(api.post("/v1/auth/verify-email", {"token": token}) for token in tokens))
        assert sorted(answer.status_code for answer in answers) == [200, 403]
        refused = tokens[[answer.status_code for answer in answers].index(403)]
        assert code(await api.post("/v1/auth/verify-email", {"token": refused})) == (403, "invite_invalid")
        assert (await chief.get("/v1/invites")).json()["items"][0]["used_count"] == 1
