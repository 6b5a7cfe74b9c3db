"""New passwords over HTTP: by a link from a mail, and by whoever knows the old one."""

import asyncio
from datetime import timedelta

import pytest

from banyan.features.accounts.jobs import ForgetOutdated
from banyan.infra.auth.passwords import HASHES
from tests.features.accounts.steps import code, holds, jobs_done, mails, mails_to, quiet_api, sign_in, sign_up_body
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

NEW = "another long password"
INVALID = (422, "invalid_reset_token")


async def ask(api: Api, handle: str, email: str | None = None) -> None:
    answer = await api.post("/v1/auth/password-reset", {"email": email or f"{handle}@example.org"})
    assert (answer.status_code, answer.json()) == (202, {"status": "reset_sent"})


async def newest_link(api: Api, handle: str, count: int) -> str:
    """The token of the newest of `count` mails."""
    return (await mails_to(api, handle, count))[0].token


async def confirm(api: Api, token: str, password: str = NEW, **headers: str) -> tuple[int, str]:
    answer = await api.post("/v1/auth/password-reset/confirm", {"token": token, "password": password}, **headers)
    return (204, "") if answer.status_code == 204 else code(answer)


async def change(api: Api, current: str = PASSWORD, new: str = NEW) -> tuple[int, str]:
    answer = await api.ask("PUT", "/v1/auth/password", {"current_password": current, "new_password": new})
    return (204, "") if answer.status_code == 204 else code(answer)


# By a link


async def test_the_link_sets_a_new_password_once(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada", " ADA@example.org")
    mail, _ = await mails_to(api, "ada", 2)
    assert mail.subject == "A new password for Banyan"
    assert "http://banyan.test/reset-password#token=" in mail.text and "within 60 minutes" in mail.text
    assert (await sign_in(api, "ada")).status_code == 200, "asking changes nothing"
    assert await confirm(api, mail.token) == (204, "")
    assert code(await sign_in(api, "ada")) == (401, "wrong_credentials")
    assert (await sign_in(api, "ada", NEW)).status_code == 200
    assert await confirm(api, mail.token, "a third long password") == INVALID
    told, *_ = await mails_to(api, "ada", 3)
    assert told.subject == "Your password at Banyan was changed"


async def test_all_sessions_end_in_every_process(api: Api, database_url: str) -> None:
    await api.sign_up("ada")
    others = [await sign_in(api, "ada") for _ in range(2)]
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as second:
        assert await holds(second, others[0])
        await ask(api, "ada")
        assert await confirm(api, await newest_link(api, "ada", 2)) == (204, "")
        assert not await holds(api, others[0])
        assert not await holds(api, others[1])

        async def ended() -> bool:
            return not await holds(second, others[0])

        await eventually(ended)
    answer = await api.post("/v1/auth/refresh", {"refresh_token": others[0].json()["refresh_token"]})
    assert code(answer) == (401, "invalid_refresh_token")


async def test_a_sign_in_of_before_cannot_be_retried(api: Api) -> None:
    """Its answer is not stored, only that it was: the password that proved it holds no more."""
    await api.sign_up("ada")
    assert (await sign_in(api, "ada", idempotency_key="k1")).status_code == 200
    await ask(api, "ada")
    assert await confirm(api, await newest_link(api, "ada", 2)) == (204, "")
    assert code(await sign_in(api, "ada", idempotency_key="k1")) == (401, "wrong_credentials")


async def test_a_lockout_is_lifted(api: Api) -> None:
    await api.sign_up("ada")
    for _ in range(10):
        await sign_in(api, "ada", "wrong one")
    assert code(await sign_in(api, "ada")) == (429, "locked_out")
    await ask(api, "ada")
    assert await confirm(api, await newest_link(api, "ada", 2)) == (204, "")
    assert (await sign_in(api, "ada", NEW)).status_code == 200


async def test_known_and_unknown_addresses_cost_the_same(database_url: str) -> None:
    async with quiet_api(settings_for(database_url)) as api:
        await api.sign_up("ada")
        await ask(api, "warm")
        costs = []
        for handle in ("ada", "nobody"):
            before = next(iter(HASHES.collect())).samples[0].value
            async with recorded(api.platform.pool) as statements:
                await ask(api, handle)
            costs.append((statements, next(iter(HASHES.collect())).samples[0].value - before))
        assert costs[0] == costs[1]
        assert costs[0][1] == 0


async def test_an_unknown_address_gets_no_mail_and_nobody_else_does(api: Api) -> None:
    await ask(api, "nobody")
    await jobs_done(api)
    assert await mails(api) == []


async def test_the_mail_is_in_the_owners_language(api: Api) -> None:
    assert (await api.post("/v1/accounts", sign_up_body("zoe"), accept_language="fr")).status_code == 201
    await ask(api, "zoe")
    mail, _ = await mails_to(api, "zoe", 2)
    assert mail.subject == "Un nouveau mot de passe pour Banyan"


async def test_a_new_password_is_held_to_the_rules_and_the_link_stays_good(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    for password in ("short", "password123", "ada@example.org", "with\0control"):
        status, _ = await confirm(api, token, password)
        assert status == 422, password
    assert await confirm(api, token) == (204, "")


async def test_an_invented_or_outdated_token(api: Api) -> None:
    await api.sign_up("ada")
    before = next(iter(HASHES.collect())).samples[0].value
    for token in ("x", "A" * 43, "é"):
        assert await confirm(api, token) == INVALID
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_password_resets SET expires_at = now()")
    assert await confirm(api, token) == INVALID
    assert next(iter(HASHES.collect())).samples[0].value == before, "refused before any work"


async def test_tokens_are_stored_as_digests(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    (row,) = await api.platform.pool.work().rows("SELECT * FROM accounts_password_resets")
    assert token not in str(dict(row))
    assert row["expires_at"] - row["created_at"] <= timedelta(hours=1)


async def test_of_all_links_at_once_one_is_used(api: Api) -> None:
    await api.sign_up("ada")
    for count in (2, 3):
        await ask(api, "ada")
        await mails_to(api, "ada", count)
    first, second, _ = await mails_to(api, "ada", 3)
    passwords = [f"long password number {number}" for number in range(4)]
    answers = await asyncio.gather(
        *(confirm(api, mail.token, password) for mail, password in zip([first, second] * 2, passwords, strict=True))
    )
    assert sorted(answers) == [(204, ""), INVALID, INVALID, INVALID]
    winner = passwords[answers.index((204, ""))]
    assert (await sign_in(api, "ada", winner)).status_code == 200
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_password_resets") == 0


async def test_a_retry_with_the_same_key_gets_the_first_answer(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    assert [await confirm(api, token, idempotency_key="k1") for _ in range(2)] == [(204, "")] * 2
    assert code(
        await api.post("/v1/auth/password-reset/confirm", {"token": token, "password": "x" * 9}, idempotency_key="k1")
    ) == (422, "idempotency_mismatch")


async def test_a_sign_in_under_way_does_not_outlive_the_old_password(api: Api) -> None:
    """Whatever order they end in: afterwards no session of the old password lives."""
    await api.sign_up("ada")
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    under_way = [asyncio.create_task(sign_in(api, "ada")) for _ in range(6)]
    assert await confirm(api, token) == (204, "")
    signed_in = [await task for task in under_way]
    assert {answer.status_code for answer in signed_in} <= {200, 401}
    living = [answer for answer in signed_in if answer.status_code == 200 and await holds(api, answer)]
    assert living == []


async def test_links_are_bounded_by_account_and_day(api: Api) -> None:
    await api.sign_up("ada")
    for _ in range(12):
        await ask(api, "ada")
        await jobs_done(api)
    assert len(await mails(api)) == 11, "one of the sign-up, ten links"


async def test_attempts_are_limited_whoever_has_the_address(database_url: str) -> None:
    settings = settings_for(database_url, limits={"enabled": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        await api.sign_up("ada")
        for email in ("ada@example.org", "nobody@example.org"):
            statuses = [(await api.post("/v1/auth/password-reset", {"email": email})).status_code for _ in range(6)]
            assert statuses[4:] == ([429, 429] if email.startswith("ada") else [202, 429])


async def test_an_address_is_proven_by_its_reset(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada")
    assert await confirm(api, await newest_link(api, "ada", 2)) == (204, "")
    assert (await sign_in(api, "ada", NEW)).json()["account"]["email_verified"] is True


async def test_an_account_without_a_password_gets_one(api: Api) -> None:
    await api.sign_up("ada")
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_accounts SET password_hash = NULL")
    await ask(api, "ada")
    assert await confirm(api, await newest_link(api, "ada", 2)) == (204, "")
    assert (await sign_in(api, "ada", NEW)).status_code == 200


async def test_outdated_links_are_forgotten(api: Api) -> None:
    await api.sign_up("ada")
    await ask(api, "ada")
    await mails_to(api, "ada", 2)
    async with api.platform.pool.work() as work:
        await work.write(
            "UPDATE accounts_password_resets SET expires_at = now(), created_at = now() - interval '2 days'"
        )
        work.enqueue(ForgetOutdated())
    await jobs_done(api)
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_password_resets") == 0


# By the present password


async def test_a_change_ends_the_other_sessions(api: Api) -> None:
    ada = await api.sign_up("ada")
    other = await sign_in(api, "ada", idempotency_key="k1")
    assert await change(ada) == (204, "")
    assert (await ada.get("/v1/me")).status_code == 200
    assert not await holds(api, other)
    assert code(await sign_in(api, "ada", idempotency_key="k1")) == (401, "wrong_credentials")
    assert (await sign_in(api, "ada", NEW)).status_code == 200
    told, _ = await mails_to(api, "ada", 2)
    assert told.subject == "Your password at Banyan was changed"


async def test_a_wrong_present_password_counts_for_the_lockout(api: Api) -> None:
    ada = await api.sign_up("ada")
    for _ in range(10):
        assert await change(ada, "wrong one") == (403, "wrong_password")
    assert await change(ada) == (429, "locked_out")
    assert code(await sign_in(api, "ada")) == (429, "locked_out")
    assert (await ada.get("/v1/me")).status_code == 200, "the session itself lives on"


async def test_the_right_one_clears_the_count(api: Api) -> None:
    ada = await api.sign_up("ada")
    for _ in range(9):
        await change(ada, "wrong one")
    assert await change(ada) == (204, "")
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_sign_in_failures") == 0


@pytest.mark.parametrize("new", ["short", "password123", "ada@example.org"])
async def test_the_rules_name_the_field(api: Api, new: str) -> None:
    ada = await api.sign_up("ada")
    answer = await ada.ask("PUT", "/v1/auth/password", {"current_password": PASSWORD, "new_password": new})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "new_password"


async def test_of_two_changes_at_once_one_holds(api: Api) -> None:
    ada = await api.sign_up("ada")
    passwords = [f"long password number {number}" for number in range(3)]
    answers = await asyncio.gather(*(change(ada, new=password) for password in passwords))
    assert sorted(answers) == [(204, ""), (403, "wrong_password"), (403, "wrong_password")]
    assert (await sign_in(api, "ada", passwords[answers.index((204, ""))])).status_code == 200


async def test_a_change_voids_links_that_were_sent(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ask(api, "ada")
    token = await newest_link(api, "ada", 2)
    assert await change(ada) == (204, "")
    assert await confirm(api, token, "a third long password") == INVALID
