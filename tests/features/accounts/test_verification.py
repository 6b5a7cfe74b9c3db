"""Proving an address, with and without the setting that demands it first."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from banyan.infra.auth.passwords import HASHES
from tests.features.accounts.steps import code, jobs_done, mails, mails_to, quiet_api, sign_in, sign_up_body
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

INVALID = (422, "invalid_verification_token")


@pytest.fixture
async def strict(database_url: str) -> AsyncIterator[Api]:
    """A platform that lets nobody in before their address is proven."""
    settings = settings_for(database_url, accounts={"verify_first": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        yield api


async def verified(api: Api) -> bool:
    answer = (await sign_in(api, "ada")).json()
    return bool(answer["account"]["email_verified"])


async def test_the_link_proves_the_address_once(api: Api) -> None:
    ada = await api.sign_up("ada")
    (mail,) = await mails_to(api, "ada", 1)
    assert not await verified(api)
    answer = await api.post("/v1/auth/verify-email", {"token": mail.token})
    assert answer.status_code == 200
    assert answer.json() == {"email": "ada@example.org", "email_verified": True}
    assert (await ada.get("/v1/me")).json()["email_verified"] is True
    assert await verified(api)
    assert code(await api.post("/v1/auth/verify-email", {"token": mail.token})) == INVALID


async def test_a_retry_of_the_same_request_gets_the_first_answer(api: Api) -> None:
    await api.sign_up("ada")
    (mail,) = await mails_to(api, "ada", 1)
    answers = [await api.post("/v1/auth/verify-email", {"token": mail.token}, idempotency_key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_of_two_at_once_one_uses_the_link(api: Api) -> None:
    await api.sign_up("ada")
    (mail,) = await mails_to(api, "ada", 1)
    answers = await asyncio.gather(*(api.post("/v1/auth/verify-email", {"token": mail.token}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422]


async def test_of_two_links_at_once_one_proves_the_address(api: Api) -> None:
    ada = await api.sign_up("ada")
    await mails_to(api, "ada", 1)
    await ada.post("/v1/auth/verify-email/resend", {})
    links = await mails_to(api, "ada", 2)
    answers = await asyncio.gather(*(api.post("/v1/auth/verify-email", {"token": mail.token}) for mail in links))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_an_invented_token(api: Api) -> None:
    for token in ("x", "", "A" * 43, "A" * 600, "\0", "é"):
        answer = await api.post("/v1/auth/verify-email", {"token": token})
        assert answer.status_code == 422, answer.text


async def test_a_link_expires(api: Api) -> None:
    await api.sign_up("ada")
    (mail,) = await mails_to(api, "ada", 1)
    async with api.platform.pool.work() as work:
        lifetime = await work.value("SELECT expires_at - created_at FROM accounts_verifications")
        assert 86_390 < lifetime.total_seconds() < 86_410
        await work.write("UPDATE accounts_verifications SET expires_at = now()")
    assert code(await api.post("/v1/auth/verify-email", {"token": mail.token})) == INVALID


async def test_another_link_and_the_first_still_holds(api: Api) -> None:
    ada = await api.sign_up("ada")
    await mails_to(api, "ada", 1)
    answer = await ada.post("/v1/auth/verify-email/resend", {})
    assert (answer.status_code, answer.json()) == (202, {"status": "verification_sent"})
    newer, older = await mails_to(api, "ada", 2)
    assert newer.token != older.token
    assert (await api.post("/v1/auth/verify-email", {"token": older.token})).status_code == 200
    assert code(await api.post("/v1/auth/verify-email", {"token": newer.token})) == INVALID
    assert (await ada.post("/v1/auth/verify-email/resend", {})).status_code == 202
    await jobs_done(api)
    assert len(await mails(api)) == 2, "nothing is left to prove"


async def test_resend_by_address_never_tells(database_url: str) -> None:
    """The same answer and the same statements; whatever is different happens later, in a job."""
    async with quiet_api(settings_for(database_url)) as api:
        await api.sign_up("ada")
        seen = []
        for email in ("ada@example.org", "nobody@example.org"):
            async with recorded(api.platform.pool) as statements:
                answer = await api.post("/v1/auth/verify-email/resend", {"email": email})
            seen.append((answer.status_code, answer.json(), statements))
        assert seen[0] == seen[1]
        assert seen[0][0] == 202
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        await mails_to(api, "ada", 2)
        await jobs_done(api)
        assert len(await mails(api)) == 2


async def test_resend_needs_an_address_or_an_account(api: Api) -> None:
    assert code(await api.post("/v1/auth/verify-email/resend", {})) == (422, "invalid")
    assert code(await api.post("/v1/auth/verify-email/resend", {"email": "nonsense"})) == (422, "invalid")


async def test_nobodys_mailbox_is_flooded(api: Api) -> None:
    await api.sign_up("ada")
    for _ in range(14):
        assert (await api.post("/v1/auth/verify-email/resend", {"email": "ada@example.org"})).status_code == 202
        await jobs_done(api)
    assert len(await mails(api)) == 10


async def test_resend_is_limited_per_address_and_place(database_url: str) -> None:
    settings = settings_for(database_url, limits={"enabled": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        for email in ("ada@example.org", "nobody@example.org"):
            answers = [await api.post("/v1/auth/verify-email/resend", {"email": email}) for _ in range(6)]
            assert [answer.status_code for answer in answers] == [202] * 5 + [429]


# With the setting that demands a proven address


async def test_first_the_mail_then_the_account(strict: Api) -> None:
    answer = await strict.post("/v1/accounts", sign_up_body("ada"))
    assert (answer.status_code, answer.json()) == (202, {"status": "verification_sent"})
    assert (await strict.get("/v1/people/ada")).status_code == 404, "nothing shows before"
    assert code(await sign_in(strict, "ada")) == (403, "email_not_verified")
    assert code(await sign_in(strict, "ada", "wrong one")) == (401, "wrong_credentials")
    (mail,) = await mails_to(strict, "ada", 1)
    assert "@ada" in mail.text
    assert (await strict.post("/v1/auth/verify-email", {"token": mail.token})).status_code == 200
    answer = await sign_in(strict, "ada")
    assert answer.status_code == 200
    assert answer.json()["account"]["email_verified"] is True
    assert (await strict.get("/v1/people/ada")).status_code == 200
    assert code(await strict.post("/v1/auth/verify-email", {"token": mail.token})) == INVALID


async def test_a_taken_address_gets_the_same_answer_and_its_owner_a_mail(strict: Api) -> None:
    await open_account(strict, "ada")
    answer = await strict.post("/v1/accounts", sign_up_body("ben", email="ADA@example.org"), accept_language="fr")
    fresh = await strict.post("/v1/accounts", sign_up_body("cleo"))
    assert (
        (answer.status_code, answer.json())
        == (fresh.status_code, fresh.json())
        == (
            202,
            {"status": "verification_sent"},
        )
    )
    newest, _ = await mails_to(strict, "ada", 2)
    assert newest.subject == "You already have an account at Banyan", "in the owner's language"
    assert "#token=" not in newest.text
    for handle in ("ben", "cleo"):
        assert (await strict.get(f"/v1/people/{handle}")).status_code == 404
        assert (await strict.post("/v1/accounts", sign_up_body(handle, email="x@example.org"))).status_code == 202


async def open_account(api: Api, handle: str) -> None:
    assert (await api.post("/v1/accounts", sign_up_body(handle))).status_code == 202
    (mail,) = await mails_to(api, handle, 1)
    assert (await api.post("/v1/auth/verify-email", {"token": mail.token})).status_code == 200


async def test_fresh_and_taken_cost_the_same(strict: Api, database_url: str) -> None:
    await open_account(strict, "ada")
    settings = settings_for(database_url, accounts={"verify_first": True})
    async with quiet_api(settings) as api:
        # The driver asks for unknown types once per connection.
        await api.post("/v1/accounts", sign_up_body("warm"))
        costs = []
        for email in ("ada@example.org", "fresh@example.org"):
            before = next(iter(HASHES.collect())).samples[0].value
            async with recorded(api.platform.pool) as statements:
                answer = await api.post("/v1/accounts", sign_up_body("ben", email=email))
            costs.append((answer.status_code, statements, next(iter(HASHES.collect())).samples[0].value - before))
        assert costs[0] == costs[1]
        assert costs[0][2] == 1


async def test_whoever_proves_the_address_first_has_it(strict: Api) -> None:
    """A stranger signs up with somebody's address: their link makes no account beside the owner's."""
    assert (await strict.post("/v1/accounts", sign_up_body("mallory", email="ada@example.org"))).status_code == 202
    await mails_to(strict, "ada", 1)
    assert (await strict.post("/v1/accounts", sign_up_body("ada"))).status_code == 202
    owners, strangers = await mails_to(strict, "ada", 2)
    assert "@mallory" in strangers.text
    assert (await strict.post("/v1/auth/verify-email", {"token": owners.token})).status_code == 200
    assert code(await strict.post("/v1/auth/verify-email", {"token": strangers.token})) == INVALID
    assert (await sign_in(strict, "ada")).json()["account"]["handle"] == "ada"


async def test_of_two_links_at_once_one_makes_the_account(strict: Api) -> None:
    for handle in ("ada", "mallory"):
        await strict.post("/v1/accounts", sign_up_body(handle, email="ada@example.org"))
    links = await mails_to(strict, "ada", 2)
    answers = await asyncio.gather(*(strict.post("/v1/auth/verify-email", {"token": mail.token}) for mail in links))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert await strict.platform.pool.work().value("SELECT count(*) FROM accounts_accounts") == 1
    assert await strict.platform.pool.work().value("SELECT count(*) FROM people_people") == 1


async def test_a_handle_taken_meanwhile_can_be_replaced(strict: Api) -> None:
    assert (await strict.post("/v1/accounts", sign_up_body("ada", email="slow@example.org"))).status_code == 202
    (mail,) = await mails_to(strict, "slow", 1)
    await open_account(strict, "ada")
    assert code(await strict.post("/v1/auth/verify-email", {"token": mail.token})) == (409, "handle_taken")
    assert code(await strict.post("/v1/auth/verify-email", {"token": mail.token, "handle": "!"})) == (422, "invalid")
    answer = await strict.post("/v1/auth/verify-email", {"token": mail.token, "handle": "ada2"})
    assert answer.status_code == 200
    signed_in = await strict.post("/v1/auth/token", {"email": "slow@example.org", "password": PASSWORD})
    assert signed_in.json()["account"]["handle"] == "ada2"


async def test_a_sign_up_that_waits_can_be_sent_again_and_runs_out(strict: Api) -> None:
    await strict.post("/v1/accounts", sign_up_body("ada"))
    await mails_to(strict, "ada", 1)
    assert (await strict.post("/v1/auth/verify-email/resend", {"email": "ada@example.org"})).status_code == 202
    newer, older = await mails_to(strict, "ada", 2)
    assert "@ada" in newer.text
    async with strict.platform.pool.work() as work:
        await work.write("UPDATE accounts_sign_ups SET expires_at = now()")
    assert code(await sign_in(strict, "ada")) == (401, "wrong_credentials")
    await strict.post("/v1/auth/verify-email/resend", {"email": "ada@example.org"})
    await jobs_done(strict)
    assert len(await mails(strict)) == 2
    assert (await strict.post("/v1/auth/verify-email", {"token": older.token})).status_code == 200, "the link holds"


async def test_a_retried_sign_up_writes_one_mail(strict: Api) -> None:
    body = sign_up_body("ada")
    answers = [await strict.post("/v1/accounts", body, idempotency_key="k1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    await jobs_done(strict)
    assert len(await mails(strict)) == 1


async def test_sign_ups_with_one_address_are_bounded(strict: Api) -> None:
    for number in range(13):
        body = sign_up_body(f"ada{number}", email="ada@example.org")
        assert (await strict.post("/v1/accounts", body)).status_code == 202
    await jobs_done(strict)
    assert len(await mails(strict)) == 10


async def test_an_account_from_before_the_setting_has_to_prove_its_address(api: Api, database_url: str) -> None:
    await api.sign_up("ada")
    (mail,) = await mails_to(api, "ada", 1)
    settings = settings_for(database_url, accounts={"verify_first": True})
    async with running_platform(settings) as platform, api_of(platform) as strict:
        assert code(await sign_in(strict, "ada")) == (403, "email_not_verified")
        assert code(await sign_in(strict, "ada", "wrong one")) == (401, "wrong_credentials")
        assert (await strict.post("/v1/auth/verify-email", {"token": mail.token})).status_code == 200
        assert (await sign_in(strict, "ada")).status_code == 200
