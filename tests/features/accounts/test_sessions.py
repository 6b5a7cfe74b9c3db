"""Sessions over HTTP: listed, ended, and ended in every process."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from banyan.features.accounts.jobs import ForgetOutdated
from tests.features.accounts.steps import bearer, code, holds, jobs_done, refresh, sign_in
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for


async def test_the_list_says_where_one_is_signed_in(api: Api) -> None:
    ada = await api.sign_up("ada")
    await api.sign_up("ben")
    body = b'{"email": "ada@example.org", "password": "%s"}' % PASSWORD.encode()
    odd = {b"content-type": b"application/json", b"user-agent": b"Phone/1.0 \x01(odd)\xff"}
    phone = await api.http.post("/v1/auth/token", content=body, headers=odd)
    items = (await api.get("/v1/auth/sessions", **bearer(phone))).json()["items"]
    assert [item["current"] for item in items] == [True, False]
    assert items[0].keys() == {"id", "created_at", "last_used_at", "user_agent", "ip", "current"}
    assert items[0]["user_agent"] == "Phone/1.0 (odd)ÿ"
    assert items[0]["ip"] == "127.0.0.1"
    assert [item["current"] for item in (await ada.get("/v1/auth/sessions")).json()["items"]] == [False, True]


async def test_the_list_comes_in_pages(api: Api) -> None:
    ada = await api.sign_up("ada")
    for _ in range(4):
        await sign_in(api, "ada")
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await ada.get(f"/v1/auth/sessions?limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


async def test_ending_one_session(api: Api) -> None:
    ada = await api.sign_up("ada")
    phone = await sign_in(api, "ada")
    (session_id,) = [item["id"] for item in (await ada.get("/v1/auth/sessions")).json()["items"] if not item["current"]]
    assert await holds(api, phone)
    assert (await ada.delete(f"/v1/auth/sessions/{session_id}")).status_code == 204
    assert not await holds(api, phone), "at once"
    assert code(await refresh(api, phone.json()["refresh_token"])) == (401, "invalid_refresh_token")
    assert code(await ada.delete(f"/v1/auth/sessions/{session_id}")) == (404, "session_not_found")
    assert len((await ada.get("/v1/auth/sessions")).json()["items"]) == 1


async def test_others_sessions_are_not_there(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    (session,) = (await ben.get("/v1/auth/sessions")).json()["items"]
    for session_id in (session["id"], uuid4()):
        assert code(await ada.delete(f"/v1/auth/sessions/{session_id}")) == (404, "session_not_found")
    assert (await ada.delete("/v1/auth/sessions/rubbish")).status_code == 404
    assert (await ben.get("/v1/me")).status_code == 200


async def test_ending_all_others(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    others = [await sign_in(api, "ada") for _ in range(2)]
    for _ in range(2):
        assert (await ada.delete("/v1/auth/sessions")).status_code == 204
    assert [await holds(api, other) for other in others] == [False, False]
    assert (await ada.get("/v1/me")).status_code == 200
    assert (await ben.get("/v1/me")).status_code == 200


async def test_sign_out_ends_this_session_only(api: Api) -> None:
    ada = await api.sign_up("ada")
    phone = await sign_in(api, "ada")
    assert (await ada.post("/v1/auth/sign-out")).status_code == 204
    assert code(await ada.get("/v1/me")) == (401, "invalid_token")
    assert code(await refresh(api, ada.signed_in["refresh_token"])) == (401, "invalid_refresh_token")
    assert await holds(api, phone)


async def test_without_a_token(api: Api) -> None:
    routes = [
        ("GET", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions"),
        ("DELETE", f"/v1/auth/sessions/{uuid4()}"),
        ("POST", "/v1/auth/sign-out"),
    ]
    for method, path in routes:
        assert code(await api.ask(method, path)) == (401, "unauthorized")
        assert code(await api.ask(method, path, authorization="Bearer x")) == (401, "invalid_token")
        assert code(await api.ask(method, path, authorization="Basic x"))[0] == 401


@pytest.mark.parametrize("how", ["sign-out", "reuse", "others"])
async def test_an_ended_session_is_refused_by_other_processes(api: Api, database_url: str, how: str) -> None:
    ada = await api.sign_up("ada")
    phone = await sign_in(api, "ada")
    async with running_platform(settings_for(database_url), "api") as other, api_of(other) as second:
        assert await holds(second, phone)
        assert await holds(api, phone)
        if how == "sign-out":
            assert (await api.post("/v1/auth/sign-out", **bearer(phone))).status_code == 204
        elif how == "reuse":
            await refresh(api, phone.json()["refresh_token"])
            await refresh(api, phone.json()["refresh_token"])
        else:
            await ada.delete("/v1/auth/sessions")
        assert not await holds(api, phone), "in the process that ended it at once"

        async def refused() -> bool:
            return not await holds(second, phone)

        # How soon is asked of real processes (tests/faults).
        await eventually(refused)
        assert (await second.get("/v1/me", **bearer_of(ada))).status_code == 200


def bearer_of(ada: Api) -> dict[str, str]:
    return {"authorization": f"Bearer {ada.signed_in['access_token']}"}


async def test_ending_and_refreshing_at_once_never_leaves_a_live_token(api: Api) -> None:
    for _ in range(5):
        answer = await sign_in(await api_with_account(api), "ada")
        headers = bearer(answer)
        refreshed, ended = await asyncio.gather(
            refresh(api, answer.json()["refresh_token"]), api.post("/v1/auth/sign-out", **headers)
        )
        assert ended.status_code == 204
        assert not await holds(api, answer)
        if refreshed.status_code == 200:
            assert not await holds(api, refreshed)
            assert (await refresh(api, refreshed.json()["refresh_token"])).status_code == 401


async def api_with_account(api: Api) -> Api:
    if not await api.platform.pool.work().value("SELECT count(*) FROM accounts_accounts"):
        await api.sign_up("ada")
    return api


async def test_what_has_no_effect_any_more_is_removed(api: Api) -> None:
    ada = await api.sign_up("ada")
    for _ in range(3):
        await sign_in(api, "ada")
    await sign_in(api, "ada", "wrong one")
    await sign_in(api, "ben", "wrong one")
    await jobs_done(api)
    month, day = timedelta(days=31), timedelta(days=2)
    pool = api.platform.pool
    async with pool.work() as work:
        sessions = [row[0] for row in await work.rows("SELECT id FROM accounts_sessions ORDER BY id")]
        for session_id, column in ((sessions[1], "ended_at"), (sessions[2], "expires_at")):
            await work.write(
                f"UPDATE accounts_sessions SET {column} = now() - $2::interval WHERE id = $1", session_id, month
            )
        await work.write("UPDATE accounts_sessions SET ended_at = now() - $2::interval WHERE id = $1", sessions[3], day)
        await work.write(
            "UPDATE accounts_verifications SET created_at = now() - $1::interval, expires_at = now() - interval '1 h'",
            day,
        )
        await work.write("UPDATE accounts_sign_in_failures SET last_failed_at = now() - $1::interval", day)
    await sign_in(api, "cleo", "wrong one")
    async with pool.work() as work:
        work.enqueue(ForgetOutdated())
    await jobs_done(api)
    work = pool.work()
    left = [row[0] for row in await work.rows("SELECT id FROM accounts_sessions ORDER BY id")]
    assert left == [sessions[0], sessions[3]], "what ended lately is still told as ended, not as unknown"
    assert await work.value("SELECT count(*) FROM accounts_verifications") == 0
    assert await work.value("SELECT count(*) FROM accounts_sign_in_failures") == 1
    assert (await ada.get("/v1/me")).status_code == 200
