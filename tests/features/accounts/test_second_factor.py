"""The second factor over HTTP: turned on, asked for, used once, guessed at, recovered from, turned off."""

import asyncio
import time
from uuid import UUID

import httpx

from banyan.features.accounts.errors import TotpNotEnabled
from tests.features.accounts.authenticator import Authenticator, turn_on
from tests.features.accounts.steps import code, jobs_done, mails_to, sign_in
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for


async def with_otp(api: Api, otp: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    body = {"email": "ada@example.org", "password": password, "otp": otp}
    return await api.post("/v1/auth/token", body, **headers)


async def turn_off(account: Api, otp: str, password: str = PASSWORD) -> httpx.Response:
    return await account.ask("DELETE", "/v1/auth/totp", {"password": password, "otp": otp})


async def state(account: Api) -> tuple[bool, int]:
    answer = (await account.get("/v1/auth/totp")).json()
    return answer["enabled"], answer["recovery_codes_left"]


# Turning it on


async def test_it_is_on_once_a_code_is_confirmed(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert await state(ada) == (False, 0)
    started = await ada.post("/v1/auth/totp", {"password": PASSWORD})
    assert started.json().keys() == {"secret", "otpauth_uri"}
    assert started.json()["secret"] in started.json()["otpauth_uri"]
    app = Authenticator(started.json()["secret"])
    assert (await sign_in(api, "ada")).status_code == 200, "of no effect yet"
    assert code(await ada.post("/v1/auth/totp/confirm", {"otp": app.wrong()})) == (403, "wrong_otp")
    confirmed = await ada.post("/v1/auth/totp/confirm", {"otp": app.code()})
    assert confirmed.status_code == 200
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    assert await state(ada) == (True, 10)
    assert code(await ada.post("/v1/auth/totp", {"password": PASSWORD})) == (409, "totp_enabled")
    assert code(await ada.post("/v1/auth/totp/confirm", {"otp": app.code()})) == (409, "totp_enabled")
    told, _ = await mails_to(api, "ada", 2)
    assert told.subject == "Two-step sign-in is on at Banyan"


async def test_it_takes_the_password(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert code(await ada.post("/v1/auth/totp", {"password": "wrong one"})) == (403, "wrong_password")
    assert code(await ada.post("/v1/auth/totp/confirm", {"otp": "123456"})) == (409, "totp_not_started")


async def test_the_last_secret_asked_for_is_the_one(api: Api) -> None:
    ada = await api.sign_up("ada")
    first, second = [await ada.post("/v1/auth/totp", {"password": PASSWORD}) for _ in range(2)]
    old, new = Authenticator(first.json()["secret"]), Authenticator(second.json()["secret"])
    assert code(await ada.post("/v1/auth/totp/confirm", {"otp": old.code()})) == (403, "wrong_otp")
    assert (await ada.post("/v1/auth/totp/confirm", {"otp": new.code()})).status_code == 200


async def test_retries_get_the_same_secret_and_codes_that_work(api: Api) -> None:
    ada = await api.sign_up("ada")
    started = [await ada.post("/v1/auth/totp", {"password": PASSWORD}, idempotency_key="k1") for _ in range(2)]
    assert started[0].json() == started[1].json()
    app = Authenticator(started[0].json()["secret"])
    body = {"otp": app.code()}
    confirmed = [await ada.post("/v1/auth/totp/confirm", body, idempotency_key="k2") for _ in range(2)]
    assert [answer.status_code for answer in confirmed] == [200, 200]
    assert code(await with_otp(api, confirmed[0].json()["recovery_codes"][0])) == (401, "wrong_otp")
    assert (await with_otp(api, confirmed[1].json()["recovery_codes"][0])).status_code == 200


async def test_nothing_of_it_can_be_read_in_the_database(api: Api) -> None:
    ada = await api.sign_up("ada")
    app = await turn_on(ada)
    work = api.platform.pool.work()
    stored = str([dict(row) for row in await work.rows("SELECT * FROM accounts_totp")])
    stored += str([dict(row) for row in await work.rows("SELECT * FROM accounts_recovery_codes")])
    stored += str([dict(row) for row in await work.rows("SELECT * FROM http_idempotency_keys")])
    for secret in (app.secret, *app.recovery_codes, *(recovery.replace("-", "") for recovery in app.recovery_codes)):
        assert secret not in stored


# Signing in


async def test_the_right_password_asks_for_a_code(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    assert code(await sign_in(api, "ada")) == (401, "otp_required")
    assert code(await sign_in(api, "ada", "wrong one")) == (401, "wrong_credentials")
    assert code(await with_otp(api, app.code(), "wrong one")) == (401, "wrong_credentials")
    assert (await with_otp(api, app.code())).status_code == 200


async def test_a_code_works_once_and_none_before_it(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    used = app.code()
    assert (await with_otp(api, used)).status_code == 200
    assert code(await with_otp(api, used)) == (401, "wrong_otp")
    assert code(await with_otp(api, app.at(app.last_step - 1))) == (401, "wrong_otp")


async def test_a_code_used_to_turn_it_on_is_used(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    assert code(await with_otp(api, app.at(app.last_step))) == (401, "wrong_otp")


async def test_of_the_same_code_at_once_one_gets_in(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    used = app.code()
    answers = await asyncio.gather(*(with_otp(api, used) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_codes_of_another_time_do_not_work(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    present = int(time.time()) // 30
    for step in (present - 4, present + 4):
        assert code(await with_otp(api, app.at(step))) == (401, "wrong_otp")


async def test_a_retry_with_the_same_key_gets_fresh_tokens(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    used = app.code()
    answers = [await with_otp(api, used, idempotency_key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["refresh_token"] != answers[1].json()["refresh_token"]


async def test_asking_for_a_code_keeps_no_key(api: Api) -> None:
    """The client repeats the request under the key it used first."""
    app = await turn_on(await api.sign_up("ada"))
    body = {"email": "ada@example.org", "password": PASSWORD}
    assert code(await api.post("/v1/auth/token", body, idempotency_key="k1")) == (401, "otp_required")
    assert (await with_otp(api, app.code(), idempotency_key="k1")).status_code == 200


async def test_a_sign_in_of_before_cannot_be_retried(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert (await sign_in(api, "ada", idempotency_key="k1")).status_code == 200
    await turn_on(ada)
    assert code(await sign_in(api, "ada", idempotency_key="k1")) == (401, "otp_required")


async def test_an_account_without_it_may_send_a_code(api: Api) -> None:
    await api.sign_up("ada")
    assert (await with_otp(api, "123456")).status_code == 200


# Guesses


async def test_wrong_codes_lock_out_and_the_password_buys_no_more(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    for number in range(10):
        assert code(await with_otp(api, app.wrong())) == (401, "wrong_otp")
        if number < 9:
            assert code(await sign_in(api, "ada")) == (401, "otp_required")
    for answer in (await sign_in(api, "ada"), await with_otp(api, app.code()), await with_otp(api, app.wrong())):
        assert code(answer) == (429, "locked_out")


async def test_many_guesses_at_once_get_no_further_than_ten(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    answers = await asyncio.gather(*(with_otp(api, app.wrong()) for _ in range(16)))
    codes = [code(answer) for answer in answers]
    assert codes.count((401, "wrong_otp")) == 10
    assert codes.count((429, "locked_out")) == 6


async def test_success_clears_the_count(api: Api) -> None:
    app = await turn_on(await api.sign_up("ada"))
    for _ in range(9):
        await with_otp(api, app.wrong())
    assert (await with_otp(api, app.code())).status_code == 200
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_sign_in_failures") == 0


async def test_nonsense_is_a_wrong_code(api: Api) -> None:
    await turn_on(await api.sign_up("ada"))
    for otp in ("x", "\0", "é" * 64, "12345678901", "-"):
        assert code(await with_otp(api, otp)) == (401, "wrong_otp")
    for bad in ("", "1" * 65):
        assert (await with_otp(api, bad)).status_code == 422


# Recovery


async def test_a_recovery_code_works_once(api: Api) -> None:
    ada = await api.sign_up("ada")
    app = await turn_on(ada)
    first, second = app.recovery_codes[:2]
    assert (await with_otp(api, f" {first.upper()} ")).status_code == 200
    assert code(await with_otp(api, first)) == (401, "wrong_otp")
    assert await state(ada) == (True, 9)
    answers = await asyncio.gather(*(with_otp(api, second) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    told, *_ = await mails_to(api, "ada", 4)
    assert told.subject == "A recovery code was used at Banyan"
    assert "8" in told.text


async def test_recovery_codes_are_the_accounts_own(api: Api) -> None:
    app = await turn_on(await api.sign_up("ben"))
    await turn_on(await api.sign_up("ada"))
    assert code(await with_otp(api, app.recovery_codes[0])) == (401, "wrong_otp")


async def test_new_recovery_codes_void_the_old_ones(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert code(await ada.post("/v1/auth/totp/recovery-codes", {"password": PASSWORD})) == (409, "totp_not_enabled")
    app = await turn_on(ada)
    assert code(await ada.post("/v1/auth/totp/recovery-codes", {"password": "wrong"})) == (403, "wrong_password")
    answers = await asyncio.gather(
        *(ada.post("/v1/auth/totp/recovery-codes", {"password": PASSWORD}) for _ in range(3))
    )
    assert await state(ada) == (True, 10)
    assert code(await with_otp(api, app.recovery_codes[0])) == (401, "wrong_otp")
    tried = [await with_otp(api, answer.json()["recovery_codes"][0]) for answer in answers]
    assert sorted(answer.status_code for answer in tried) == [200, 401, 401]


# Turning it off


async def test_turning_it_off_takes_both_factors(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert code(await turn_off(ada, "123456")) == (409, "totp_not_enabled")
    app = await turn_on(ada)
    assert code(await turn_off(ada, app.code(), "wrong one")) == (403, "wrong_password")
    assert code(await turn_off(ada, app.wrong())) == (403, "wrong_otp")
    assert await api.platform.pool.work().value("SELECT cardinality(failed_at) FROM accounts_sign_in_failures") == 2
    assert (await turn_off(ada, app.code())).status_code == 204
    assert await state(ada) == (False, 0)
    assert (await sign_in(api, "ada")).status_code == 200
    told, *_ = await mails_to(api, "ada", 3)
    assert told.subject == "Two-step sign-in is off at Banyan"
    again = await turn_on(ada)
    assert again.secret != app.secret


async def test_a_recovery_code_turns_it_off_too(api: Api) -> None:
    ada = await api.sign_up("ada")
    app = await turn_on(ada)
    assert (await turn_off(ada, app.recovery_codes[0])).status_code == 204
    assert await state(ada) == (False, 0)


async def test_a_new_password_does_not_turn_it_off(api: Api) -> None:
    await turn_on(await api.sign_up("ada"))
    await api.post("/v1/auth/password-reset", {"email": "ada@example.org"})
    mail, *_ = await mails_to(api, "ada", 3)
    body = {"token": mail.token, "password": "another long password"}
    assert (await api.post("/v1/auth/password-reset/confirm", body)).status_code == 204
    assert code(await sign_in(api, "ada", "another long password")) == (401, "otp_required")


async def test_an_operator_turns_it_off_for_who_lost_everything(api: Api) -> None:
    ada = await api.sign_up("ada")
    await turn_on(ada)
    features = api.platform.features
    async with api.platform.pool.work() as work:
        await features.second_factor.remove(work, UUID(ada.id))
    assert (await sign_in(api, "ada")).status_code == 200
    work = api.platform.pool.work()
    try:
        await features.second_factor.remove(work, UUID(ada.id))
    except TotpNotEnabled:
        await work.rollback()
    else:
        raise AssertionError


async def test_under_another_secret_no_code_works_until_an_operator_turns_it_off(api: Api, database_url: str) -> None:
    ada = await api.sign_up("ada")
    app = await turn_on(ada)
    await jobs_done(api)
    settings = settings_for(database_url, auth={"secret": "t" * 43})
    async with running_platform(settings) as platform, api_of(platform) as other:
        assert code(await with_otp(other, app.code())) == (401, "wrong_otp")
        assert code(await with_otp(other, app.recovery_codes[0])) == (401, "wrong_otp")
        async with platform.pool.work() as work:
            await platform.features.second_factor.remove(work, UUID(ada.id))
        assert (await sign_in(other, "ada")).status_code == 200
