"""What the gateway does for every route, seen from outside."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from banyan.infra.http.exchange import Exchange
from banyan.infra.http.idempotency import Idempotency, Stored
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The problem document of `answer`, after checking that it is one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


async def test_every_answer_carries_the_house_headers(api: Api) -> None:
    answer = await api.get("/v1/community")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in answer.headers
    assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b"[]", 422, "invalid"),
        (b'{"body": 3, "audience": "public"}', 422, "invalid"),
        (b'{"body": "x", "audience": "public", "more": 1}', 422, "invalid"),
        (b'{"audience": "public"}', 422, "invalid"),
        (b'{"body": "a\\u0000b", "audience": "public"}', 422, "invalid"),
        (b'{"body": "x", "audience": {"kind": "everybody"}}', 422, "invalid"),
        (b'{"body": "\\ud800", "audience": "public"}', 400, "malformed"),
    ],
)
async def test_a_body_that_is_not_as_documented_is_refused(api: Api, body: bytes, status: int, code: str) -> None:
    ada = await api.sign_up("ada")
    headers = {
        "authorization": f"Bearer {ada.signed_in['access_token']}",
        "content-type": "application/json",
    }
    problem(await api.http.post("/v1/posts", content=body, headers=headers), status, code)


async def test_each_wrong_field_is_named(api: Api) -> None:
    ada = await api.sign_up("ada")
    document = problem(await ada.post("/v1/posts", {"audience": "public"}), 422, "invalid")
    assert document["errors"] == [
        {"field": "body", "code": "missing_field", "detail": "Object missing required field `body`"}
    ]
    document = problem(await ada.post("/v1/posts", []), 422, "invalid")
    assert document["errors"] == [{"field": "body", "code": "invalid", "detail": "Expected `object`, got `array`"}]


async def test_unknown_addresses_and_methods(api: Api) -> None:
    problem(await api.get("/v1/nothing"), 404, "not_found")
    refused = await api.put("/v1/feed")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_body_beyond_the_limit_is_refused_whether_declared_or_not(database_url: str) -> None:
    settings = settings_for(database_url, http={"max_body_bytes": 2048})
    async with running_platform(settings) as platform, api_of(platform) as api:
        ada = await api.sign_up("ada")
        problem(await ada.post("/v1/posts", {"body": "x" * 3000, "audience": "public"}), 413, "body_too_large")

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 1000

        headers = {"authorization": f"Bearer {ada.signed_in['access_token']}", "transfer-encoding": "chunked"}
        problem(await api.http.post("/v1/posts", content=chunks(), headers=headers), 413, "body_too_large")


async def test_conditional_get_answers_304_without_a_body(api: Api) -> None:
    first = await api.get("/v1/posts")
    again = await api.get("/v1/posts", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await api.get("/v1/posts", if_none_match='"else"')).status_code == 200


async def test_long_answers_are_compressed_for_whoever_asks(api: Api) -> None:
    ada = await api.sign_up("ada")
    for number in range(6):
        await ada.post("/v1/posts", {"body": f"{number} " * 100, "audience": "public"})
    plain = await api.get("/v1/posts", accept_encoding="identity")
    zipped = await api.get("/v1/posts", accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.json() == plain.json()
    assert len(gzip.compress(plain.content)) < len(plain.content)
    assert "content-encoding" not in (await api.get("/v1/posts", accept_encoding="gzip;q=0")).headers
    unchanged = await api.get("/v1/posts", accept_encoding="gzip", if_none_match=zipped.headers["etag"])
    assert unchanged.status_code == 304
    for answer in (plain, zipped, unchanged):
        assert set(answer.headers.get_list("vary")) == {"Accept-Encoding", "Authorization"}


async def test_head_is_get_without_a_body(api: Api) -> None:
    answer = await api.ask("HEAD", "/v1/posts")
    assert answer.status_code == 200
    assert answer.content == b""


async def test_a_cross_origin_page_is_let_in_only_when_named(database_url: str) -> None:
    settings = settings_for(database_url, http={"cors_origins": ["https://app.example"]})
    async with running_platform(settings) as platform, api_of(platform) as api:
        ask = {"access_control_request_method": "POST"}
        friend = await api.ask("OPTIONS", "/v1/posts", origin="https://app.example", **ask)
        assert friend.status_code == 204
        assert friend.headers["access-control-allow-origin"] == "https://app.example"
        assert "Idempotency-Key" in friend.headers["access-control-allow-headers"]
        stranger = await api.ask("OPTIONS", "/v1/posts", origin="https://evil.example", **ask)
        assert "access-control-allow-origin" not in stranger.headers
        # A cache between must not hand an answer for one origin, or for none, on to a page from another.
        for origin in ({"origin": "https://app.example"}, {"origin": "https://evil.example"}, {}):
            answer = await api.get("/v1/posts", **origin)
            assert "Origin" in answer.headers.get_list("vary")


async def test_a_token_that_does_not_hold_is_refused_even_where_none_is_needed(api: Api) -> None:
    for value in ("Bearer x.y.z", "Bearer ", "Basic abc", "Bearer a b"):
        answer = await api.get("/v1/posts", authorization=value)
        assert answer.status_code == 401, value
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_limits_count_by_address_and_by_account(database_url: str) -> None:
    limits = {"enabled": True, "anonymous_per_minute": 5, "account_per_minute": 8}
    async with running_platform(settings_for(database_url, limits=limits)) as platform, api_of(platform) as api:
        ada = await api.sign_up("ada")
        answers = [await api.get("/v1/community") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[0].headers["ratelimit-policy"] == '"anonymous";q=5;w=60'
        assert answers[0].headers["ratelimit"].startswith('"anonymous";r=4;t=')
        problem(answers[-1], 429, "too_many_requests")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        # Who is signed in is not held back by what strangers behind the same address did.
        statuses = [(await ada.get("/v1/me")).status_code for _ in range(9)]
        assert statuses == [200] * 8 + [429]
        assert (await api.get("/healthz")).status_code == 200


async def test_a_campus_behind_one_address_signs_up_and_in_and_stays_signed_in(database_url: str) -> None:
    limits = {"enabled": True, "anonymous_per_minute": 1}
    async with running_platform(settings_for(database_url, limits=limits)) as platform, api_of(platform) as api:
        for handle in ("ada", "bola", "chi"):
            student = await api.sign_up(handle)
            credentials = {"email": student.signed_in["account"]["email"], "password": PASSWORD}
            assert (await api.post("/v1/auth/token", credentials)).status_code == 200
            refresh = {"refresh_token": student.signed_in["refresh_token"]}
            answer = await api.post("/v1/auth/refresh", refresh)
            assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"address";q=12000;w=60')
        assert [(await api.get("/v1/community")).status_code for _ in range(2)] == [200, 429]


async def test_addresses_behind_a_trusted_proxy_count_each_for_itself(database_url: str) -> None:
    parts: dict[str, dict[str, object]] = {
        "limits": {"enabled": True, "anonymous_per_minute": 1},
        "http": {"trusted_proxies": ["127.0.0.0/8"]},
    }
    async with running_platform(settings_for(database_url, **parts)) as platform, api_of(platform) as api:
        ask = "/v1/community"
        assert (await api.get(ask, x_forwarded_for="203.0.113.1")).status_code == 200
        assert (await api.get(ask, x_forwarded_for="203.0.113.2")).status_code == 200
        assert (await api.get(ask, x_forwarded_for="203.0.113.1")).status_code == 429
        # What a client writes in front of its own address is not believed.
        assert (await api.get(ask, x_forwarded_for="198.51.100.7, 203.0.113.1")).status_code == 429
        assert (await api.get(ask, x_forwarded_for="2001:db8::1")).status_code == 200
        assert (await api.get(ask, x_forwarded_for="2001:db8::ffff")).status_code == 429


async def test_an_idempotency_key_gives_the_first_answer_and_no_second_effect(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    new = {"body": "once", "audience": "public"}
    first = await ada.post("/v1/posts", new, idempotency_key="k")
    again = await ada.post("/v1/posts", new, idempotency_key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    problem(await ada.post("/v1/posts", {**new, "body": "two"}, idempotency_key="k"), 422, "idempotency_mismatch")
    assert (await bola.post("/v1/posts", new, idempotency_key="k")).json()["id"] != first.json()["id"]
    assert len((await api.get("/v1/people/ada/posts")).json()["items"]) == 1
    problem(await ada.post("/v1/posts", new, idempotency_key="a b"), 400, "malformed")


async def test_the_same_key_at_once_has_one_effect(api: Api) -> None:
    ada = await api.sign_up("ada")
    new = {"body": "once", "audience": "public"}
    answers = await asyncio.gather(*(ada.post("/v1/posts", new, idempotency_key="k") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await api.get("/v1/people/ada/posts")).json()["items"]) == 1


async def test_a_key_whose_time_is_over_is_anybody_s_again(api: Api) -> None:
    ada = await api.sign_up("ada")
    first = await ada.post("/v1/posts", {"body": "once"}, idempotency_key="k")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE http_idempotency_keys SET expires_at = now()")
    second = await ada.post("/v1/posts", {"body": "twice"}, idempotency_key="k")
    assert (second.status_code, second.json()["id"] != first.json()["id"]) == (201, True)
    assert (await ada.post("/v1/posts", {"body": "twice"}, idempotency_key="k")).content == second.content


async def test_a_refused_request_does_not_use_up_its_key(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert (await ada.post("/v1/posts", {"body": "", "audience": "public"}, idempotency_key="k")).status_code == 422
    assert (await ada.post("/v1/posts", {"body": "x", "audience": "public"}, idempotency_key="k")).status_code == 201


async def test_of_a_sign_up_only_the_effect_is_kept(api: Api) -> None:
    body = {"email": "a@example.org", "password": "a long enough password", "handle": "ada", "display_name": "A"}
    first = (await api.post("/v1/accounts", body, idempotency_key="k")).json()
    again = await api.post("/v1/accounts", body, idempotency_key="k")
    assert again.status_code == 201
    assert again.json()["account"] == first["account"]
    assert again.json()["refresh_token"] != first["refresh_token"]
    problem(
        await api.post("/v1/accounts", {**body, "password": "x" * 20}, idempotency_key="k"), 422, "idempotency_mismatch"
    )
    async with api.platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT body FROM http_idempotency_keys") is None


async def test_the_same_sign_up_at_once_makes_one_account(api: Api) -> None:
    body = {"email": "a@example.org", "password": "a long enough password", "handle": "ada", "display_name": "A"}
    answers = await asyncio.gather(*(api.post("/v1/accounts", body, idempotency_key="k") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["account"]["id"] for answer in answers}) == 1
    assert len({answer.json()["refresh_token"] for answer in answers}) == 6


async def test_a_retry_overtaken_by_its_first_try_gets_that_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds no answer yet, and then that the e-mail is taken: by itself."""
    looked, overtaken = asyncio.Event(), asyncio.Event()
    find = Idempotency.find

    async def find_and_wait(
        idempotency: Idempotency, exchange: Exchange, key: str, fingerprint: bytes
    ) -> Stored | None:
        stored = await find(idempotency, exchange, key, fingerprint)
        if exchange.headers.get(b"user-agent") == b"slow" and not overtaken.is_set():
            looked.set()
            await overtaken.wait()
        return stored

    monkeypatch.setattr(Idempotency, "find", find_and_wait)
    body = {"email": "ada@example.org", "password": PASSWORD, "handle": "ada", "display_name": "Ada"}
    retry = asyncio.create_task(api.post("/v1/accounts", body, idempotency_key="k", user_agent="slow"))
    await looked.wait()
    first = await api.post("/v1/accounts", body, idempotency_key="k")
    overtaken.set()
    assert (first.status_code, (await retry).status_code) == (201, 201)
    assert (await retry).json()["account"] == first.json()["account"]
    problem(await api.post("/v1/accounts", body, idempotency_key="another"), 409, "email_taken")


async def test_a_hot_answer_is_made_anew_when_its_post_changes(api: Api) -> None:
    ada = await api.sign_up("ada")
    post = (await ada.post("/v1/posts", {"body": "first", "audience": "public"})).json()
    path = f"/v1/posts/{post['id']}"
    assert (await api.get(path)).json()["body"] == "first"
    await ada.patch(path, {"body": "second"})
    assert (await api.get(path)).json()["body"] == "second"
    await ada.patch("/v1/me", {"display_name": "Ada Obi"})
    assert (await api.get(path)).json()["author"]["display_name"] == "Ada Obi"
    await ada.put(f"{path}/reactions/wow")
    assert (await api.get(path)).json()["reaction_counts"] == {"wow": 1}
    await ada.patch(path, {"audience": "self"})
    assert (await api.get(path)).status_code == 404


async def test_more_requests_than_the_server_carries_are_shed(database_url: str) -> None:
    settings = settings_for(database_url, http={"max_in_flight": 1, "hot_answers": 0})
    async with running_platform(settings) as platform, api_of(platform) as api:
        answers = await asyncio.gather(*(api.get("/v1/posts") for _ in range(20)))
        shed = [answer for answer in answers if answer.status_code == 503]
        assert shed and len(shed) < 20
        problem(shed[0], 503, "unavailable")
        assert shed[0].headers["retry-after"] == "1"


async def test_whoever_sends_slowly_takes_nobodys_place(database_url: str) -> None:
    settings = settings_for(database_url, http={"max_in_flight": 1, "hot_answers": 0})
    async with running_platform(settings) as platform, api_of(platform) as api:
        ada = await api.sign_up("ada")
        half_read, sent = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"body": "late", '
            # Asked for the rest: the gateway has the first half and waits.
            half_read.set()
            await sent.wait()
            yield b'"audience": "public"}'

        headers = {"authorization": f"Bearer {ada.signed_in['access_token']}", "content-type": "application/json"}
        late = asyncio.create_task(api.http.post("/v1/posts", content=slowly(), headers=headers))
        await half_read.wait()
        assert (await api.get("/v1/posts")).status_code == 200
        sent.set()
        assert (await late).status_code == 201


async def test_health_metrics_and_the_document_are_there(api: Api) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok"}
    assert (await api.get("/readyz")).json() == {"status": "ready", "checks": {"database": "ok", "migrations": "ok"}}
    metrics = await api.get("/metrics")
    assert "banyan_http_requests_total" in metrics.text
    problem(await api.get("/metrics", x_forwarded_for="203.0.113.1"), 403, "forbidden")
    assert (await api.get("/openapi.json")).json()["openapi"] == "3.1.0"
    api.platform.stop()
    assert (await api.get("/readyz")).status_code == 503


async def test_this_machine_reads_metrics_also_where_a_socket_takes_both_kinds_of_address(api: Api) -> None:
    for address, status in (("::ffff:127.0.0.1", 200), ("::1", 200), ("::ffff:192.0.2.1", 403)):
        transport = httpx.ASGITransport(app=api.platform.asgi, client=(address, 50000))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://banyan.test") as http:
            assert (await http.get("/metrics")).status_code == status, address


async def test_pages_are_served_with_their_own_policy(api: Api) -> None:
    page = await api.get("/", accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "'self'" in page.headers["content-security-policy"]
    missing = await api.get("/no-such-page", accept="text/html")
    assert (missing.status_code, missing.headers["content-type"][:9]) == (404, "text/html")


async def test_nothing_of_a_bug_is_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api.platform.features.communities, "get_community", broken)
    answer = await api.get("/v1/community")
    problem(answer, 500, "internal")
    assert "secret" not in json.dumps(answer.json())
    assert UUID(hex=answer.headers["x-request-id"] * 2)


async def test_a_stale_token_does_not_stop_anybody_from_getting_a_new_one(api: Api) -> None:
    ada = await api.sign_up("ada")
    stale = "Bearer x.y.z"
    refreshed = await api.post(
        "/v1/auth/refresh", {"refresh_token": ada.signed_in["refresh_token"]}, authorization=stale
    )
    assert refreshed.status_code == 200
    credentials = {"email": "ada@example.org", "password": PASSWORD}
    assert (await api.post("/v1/auth/token", credentials, authorization=stale)).status_code == 200


async def test_a_key_is_nothing_to_a_caller_who_must_sign_in_first(api: Api) -> None:
    await api.sign_up("ada")
    sign_up = {"email": "b@example.org", "password": "a long enough password", "handle": "bola", "display_name": "B"}
    assert (await api.post("/v1/accounts", sign_up, idempotency_key="k")).status_code == 201
    problem(await api.post("/v1/posts", {"body": "x"}, idempotency_key="k"), 401, "unauthorized")
