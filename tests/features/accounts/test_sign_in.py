"""Signing in over HTTP: what it tells, what it costs, and when it stops."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from banyan.infra.auth.passwords import HASHES
from tests.features.accounts.steps import bearer, code, holds, quiet_api, sign_in
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded


def hashes_so_far() -> float:
    return float(next(iter(HASHES.collect())).samples[0].value)


def without_request_id(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    del body["request_id"]
    return body


async def test_the_answer_is_that_of_a_sign_up(api: Api) -> None:
    ada = await api.sign_up("ada")
    answer = await api.post("/v1/auth/token", {"email": " ADA@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json().keys() == ada.signed_in.keys()
    assert answer.json()["account"] == ada.signed_in["account"]
    assert await holds(api, answer)


async def test_the_same_password_in_another_normal_form(api: Api) -> None:
    body = {"email": "zoe@example.org", "handle": "zoe", "display_name": "Zoe", "password": "caf\u00e9 au lait"}
    assert (await api.post("/v1/accounts", body)).status_code == 201
    assert (await sign_in(api, "zoe", "cafe\u0301 au lait")).status_code == 200


async def test_unknown_address_and_wrong_password_differ_in_nothing(database_url: str) -> None:
    """Same answer, same hashes, same statements: neither body nor time tells who has an account."""
    async with quiet_api(settings_for(database_url)) as api:
        await api.sign_up("ada")
        # On each connection the driver asks once what an array of times is.
        await cost_of_failing(api, "somebody.else")
        # The first time a row of failures is written, the second time it is there.
        for _ in range(2):
            known, unknown = await cost_of_failing(api, "ada"), await cost_of_failing(api, "nobody")
            assert known == unknown
            hashes, statements, status, problem = known
            assert (hashes, status, problem["code"]) == (1, 401, "wrong_credentials")
            assert len(statements) == 5, "failures, login, BEGIN, failure, COMMIT"


async def cost_of_failing(api: Api, handle: str) -> tuple[float, list[str], int, dict[str, Any]]:
    before = hashes_so_far()
    async with recorded(api.platform.pool) as statements:
        answer = await sign_in(api, handle, "not the password")
    return hashes_so_far() - before, statements, answer.status_code, without_request_id(answer)


async def test_an_account_without_a_password_is_no_way_in(api: Api) -> None:
    await api.sign_up("ada")
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_accounts SET password_hash = NULL")
    before = hashes_so_far()
    assert code(await sign_in(api, "ada")) == (401, "wrong_credentials")
    assert hashes_so_far() - before == 1


async def test_bad_input(api: Api) -> None:
    cases: list[tuple[Any, int]] = [
        ({"email": "ada@example.org", "password": ""}, 422),
        ({"email": "ada@example.org", "password": "x" * 257}, 422),
        ({"email": "ada@example.org", "password": "a\0b"}, 401),
        ({"email": "nonsense", "password": PASSWORD}, 422),
        ({"email": "a\0da@example.org", "password": PASSWORD}, 422),
        ({"email": "ada@example.org"}, 422),
        ({"email": "ada@example.org", "password": PASSWORD, "otp": 1}, 422),
        ([], 422),
        ("x", 422),
    ]
    for body, status in cases:
        answer = await api.post("/v1/auth/token", body)
        assert code(answer)[0] == status, (body, answer.text)


async def test_a_lone_surrogate_is_no_password(api: Api) -> None:
    content = b'{"email": "ada@example.org", "password": "abc\\ud800defgh"}'
    answer = await api.http.post("/v1/auth/token", content=content, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("known", [True, False])
async def test_ten_failures_lock_the_address_out(api: Api, known: bool) -> None:
    """Known or not, in any spelling, and for the right password too."""
    if known:
        await api.sign_up("ada")
    for number in range(10):
        email = "ADA@example.org" if number % 2 else "ada@example.org"
        answer = await api.post("/v1/auth/token", {"email": email, "password": f"guess {number}"})
        assert code(answer) == (401, "wrong_credentials")
    before = hashes_so_far()
    answer = await sign_in(api, "ada")
    assert code(answer) == (429, "locked_out")
    assert 890 <= int(answer.headers["retry-after"]) <= 900
    assert hashes_so_far() == before, "refused before any work"
    stored = await api.platform.pool.work().rows("SELECT * FROM accounts_sign_in_failures")
    assert len(stored) == 1
    assert "ada" not in str(dict(stored[0])), "addresses of strangers are not collected"


async def test_a_lockout_survives_a_restart_and_ends(api: Api, database_url: str) -> None:
    await api.sign_up("ada")
    for _ in range(10):
        await sign_in(api, "ada", "wrong one")
    async with running_platform(settings_for(database_url)) as other, api_of(other) as second:
        assert code(await sign_in(second, "ada")) == (429, "locked_out")
    await age_failures(api, timedelta(minutes=14, seconds=50))
    answer = await sign_in(api, "ada")
    assert code(answer) == (429, "locked_out")
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    await age_failures(api, timedelta(seconds=11))
    assert (await sign_in(api, "ada")).status_code == 200
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_sign_in_failures") == 0


async def age_failures(api: Api, by: timedelta) -> None:
    async with api.platform.pool.work() as work:
        await work.write(
            "UPDATE accounts_sign_in_failures"
            " SET failed_at = ARRAY(SELECT one - $1::interval FROM unnest(failed_at) AS one ORDER BY one)",
            by,
        )


async def test_old_failures_do_not_count(api: Api) -> None:
    await api.sign_up("ada")
    for _ in range(9):
        await sign_in(api, "ada", "wrong one")
    await age_failures(api, timedelta(minutes=16))
    for _ in range(9):
        assert code(await sign_in(api, "ada", "wrong one")) == (401, "wrong_credentials")
    assert (await sign_in(api, "ada")).status_code == 200


async def test_the_metrics_tell_how_sign_ins_end(api: Api) -> None:
    await api.sign_up("ada")
    before = outcomes()
    for password in ("wrong one", PASSWORD, *["wrong one"] * 10, PASSWORD):
        await sign_in(api, "ada", password)
    after = outcomes()
    grown = {outcome: after[outcome] - before[outcome] for outcome in after}
    assert grown == {"ok": 1, "failed": 11, "locked": 1, "unverified": 0, "otp_required": 0}


def outcomes() -> dict[str, float]:
    names = ("ok", "failed", "locked", "unverified", "otp_required")
    return {name: REGISTRY.get_sample_value("banyan_sign_ins_total", {"outcome": name}) or 0 for name in names}


async def test_success_clears_the_count(api: Api) -> None:
    await api.sign_up("ada")
    for _ in range(2):
        for _ in range(9):
            await sign_in(api, "ada", "wrong one")
        assert (await sign_in(api, "ada")).status_code == 200


async def test_many_guesses_at_once_get_no_further_than_ten(api: Api) -> None:
    """All pass the first look before any failure is written; the right one among them must not get in later."""
    await api.sign_up("ada")
    guesses = [f"guess number {number}" for number in range(14)]
    answers = await asyncio.gather(*(sign_in(api, "ada", guess) for guess in guesses), sign_in(api, "ada"))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses[:14]) <= {401, 429}
    failures = await api.platform.pool.work().value("SELECT cardinality(failed_at) FROM accounts_sign_in_failures")
    # Had the right one come early it would have cleared the failures before it; then those after it count anew.
    assert statuses[14] == 200 or failures == 10
    assert code(await sign_in(api, "ada", "one more")) in ((401, "wrong_credentials"), (429, "locked_out"))


async def test_attempts_are_limited_per_address_and_place(database_url: str) -> None:
    settings = settings_for(database_url, limits={"enabled": True}, http={"trusted_proxies": ["127.0.0.1"]})
    async with running_platform(settings) as platform, api_of(platform) as api:
        answers = [await sign_in(api, "ada", "wrong one", x_forwarded_for="192.0.2.1") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert code(answers[-1]) == (429, "too_many_requests")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].headers["ratelimit-policy"] == '"sign_in";q=5;w=60'
        assert answers[-1].headers["ratelimit"].startswith('"sign_in";r=0;t=')
        assert (await sign_in(api, "ben", "wrong one", x_forwarded_for="192.0.2.1")).status_code == 401
        assert (await sign_in(api, "ada", "wrong one", x_forwarded_for="192.0.2.2")).status_code == 401


async def test_a_hash_of_old_parameters_is_made_anew(api: Api, database_url: str) -> None:
    await api.sign_up("ada")
    find = "SELECT password_hash FROM accounts_accounts"
    old = await api.platform.pool.work().value(find)
    assert "m=8192,t=1" in old
    async with running_platform(settings_for(database_url, auth={"hash_passes": 2})) as other, api_of(other) as second:
        assert (await sign_in(second, "ada", "wrong one")).status_code == 401
        assert await other.pool.work().value(find) == old
        before = hashes_so_far()
        assert (await sign_in(second, "ada")).status_code == 200
        assert hashes_so_far() - before == 2
        assert "m=8192,t=2" in await other.pool.work().value(find)
        before = hashes_so_far()
        assert (await sign_in(second, "ada")).status_code == 200
        assert hashes_so_far() - before == 1


async def test_a_retry_with_the_same_key_gets_fresh_tokens(api: Api) -> None:
    await api.sign_up("ada")
    first = await sign_in(api, "ada", idempotency_key="k1")
    before = hashes_so_far()
    again = await sign_in(api, "ada", idempotency_key="k1")
    assert hashes_so_far() == before, "the body was compared, so it is the same password"
    assert again.status_code == 200
    assert again.json()["account"] == first.json()["account"]
    assert again.json()["refresh_token"] != first.json()["refresh_token"]
    assert await holds(api, again)
    other = await sign_in(api, "ada", "other password", idempotency_key="k1")
    assert code(other) == (422, "idempotency_mismatch")


async def test_a_full_hashing_queue_answers_503(database_url: str) -> None:
    auth = {"hashes_at_once": 1, "hashes_waiting": 1, "hash_passes": 4}
    async with running_platform(settings_for(database_url, auth=auth)) as platform, api_of(platform) as api:
        answers = await asyncio.gather(*(sign_in(api, f"nobody{number}", "wrong one") for number in range(12)))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert {answer.status_code for answer in answers} == {401, 503}
        assert code(refused[0]) == (503, "overloaded")
        assert int(refused[0].headers["retry-after"]) >= 1
        assert (await sign_in(api, "nobody", "wrong one")).status_code == 401


async def test_the_published_key_is_the_one_that_signs(api: Api) -> None:
    answer = await api.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    (jwk,) = answer.json()["keys"]
    assert {name: jwk[name] for name in ("kty", "crv", "alg", "use")} == {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
    }
    assert "d" not in jwk


async def test_a_role_taken_away_is_gone_at_the_next_look(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ada.get("/v1/me")
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_accounts SET role = 'admin'")
        session_id = await work.value("SELECT id FROM accounts_sessions")
        work.announce("auth.sessions", str(session_id))
    assert (await ada.get("/v1/me")).json()["role"] == "admin"
    assert bearer(await sign_in(api, "ada"))
