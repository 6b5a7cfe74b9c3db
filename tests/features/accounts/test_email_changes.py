"""Another address over HTTP: proven before it counts, the old one told, nothing told to anybody else."""

import asyncio

import httpx

from tests.features.accounts.steps import Mail, code, jobs_done, mails, quiet_api, sign_in
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

INVALID = (422, "invalid_verification_token")


async def ask(account: Api, email: str = "new@example.org", password: str = PASSWORD) -> httpx.Response:
    return await account.post("/v1/auth/email", {"email": email, "password": password})


async def mail_about(api: Api, address: str, subject: str) -> Mail:
    """The newest mail to an address whose subject begins so, once it is there."""
    found: list[Mail] = []

    async def arrived() -> bool:
        found[:] = [mail for mail in await mails(api) if mail.to == address and mail.subject.startswith(subject)]
        return bool(found)

    await eventually(arrived)
    return found[0]


async def link(api: Api, address: str = "new@example.org") -> str:
    return (await mail_about(api, address, "Confirm your new")).token


async def confirm(api: Api, token: str, **headers: str) -> httpx.Response:
    return await api.post("/v1/auth/email/confirm", {"token": token}, **headers)


async def me(account: Api) -> tuple[str, bool]:
    answer = (await account.get("/v1/me")).json()
    return answer["email"], answer["email_verified"]


async def test_the_new_address_counts_once_it_is_proven(api: Api) -> None:
    ada = await api.sign_up("ada")
    answer = await ask(ada, " New@Example.org ")
    assert (answer.status_code, answer.json()) == (202, {"status": "verification_sent"})
    token = await link(api, "New@example.org")
    told = await mail_about(api, "ada@example.org", "Your account at Banyan is to have")
    assert "New@example.org" in told.text and "#token=" not in told.text
    assert await me(ada) == ("ada@example.org", False)
    answer = await confirm(api, token)
    assert (answer.status_code, answer.json()) == (200, {"email": "New@example.org", "email_verified": True})
    assert await me(ada) == ("New@example.org", True)
    assert code(await sign_in(api, "ada")) == (401, "wrong_credentials")
    assert (await sign_in(api, "new")).status_code == 200
    assert (await ada.get("/v1/feed")).status_code == 200, "the session lives on"
    await mail_about(api, "ada@example.org", "Your account at Banyan has another")
    assert code(await confirm(api, token)) == INVALID
    assert (await api.sign_up("ada2")).id, "others go on"
    body = {"email": "ada@example.org", "password": PASSWORD, "handle": "second", "display_name": "Second"}
    assert (await api.post("/v1/accounts", body)).status_code == 201, "the old address is free"


async def test_it_takes_the_password(api: Api) -> None:
    ada = await api.sign_up("ada")
    for _ in range(10):
        assert code(await ask(ada, password="wrong one")) == (403, "wrong_password")
    assert code(await ask(ada)) == (429, "locked_out")
    await jobs_done(api)
    assert {mail.to for mail in await mails(api)} == {"ada@example.org"}


async def test_bad_addresses(api: Api) -> None:
    ada = await api.sign_up("ada")
    for email in ("nonsense", "a@b", "a\0b@example.org", "ada@example.org"):
        answer = await ask(ada, email)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "email"


async def test_another_spelling_of_ones_own_address(api: Api) -> None:
    ada = await api.sign_up("ada")
    assert (await ask(ada, "Ada@example.org")).status_code == 202
    assert (await confirm(api, await link(api, "Ada@example.org"))).status_code == 200
    assert await me(ada) == ("Ada@example.org", True)


async def test_a_taken_address_is_only_told_to_its_owner(api: Api) -> None:
    ada, _ = await api.sign_up("ada"), await api.sign_up("ben")
    taken, free = await ask(ada, "ben@example.org"), await ask(ada, "free@example.org")
    assert (taken.status_code, taken.json()) == (free.status_code, free.json())
    mail = await mail_about(api, "ben@example.org", "This address has an account")
    assert "#token=" not in mail.text
    await link(api, "free@example.org")


async def test_taken_and_free_addresses_cost_the_same(database_url: str) -> None:
    async with quiet_api(settings_for(database_url)) as api:
        ada, _ = await api.sign_up("ada"), await api.sign_up("ben")
        await ask(ada, "warm@example.org")
        costs = []
        for email in ("ben@example.org", "free@example.org"):
            async with recorded(api.platform.pool) as statements:
                assert (await ask(ada, email)).status_code == 202
            costs.append(statements)
        assert costs[0] == costs[1]


async def test_an_address_taken_meanwhile(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ask(ada, "late@example.org")
    token = await link(api, "late@example.org")
    await api.sign_up("late")
    assert code(await confirm(api, token)) == (409, "email_taken")
    assert await me(ada) == ("ada@example.org", False)


async def test_of_two_accounts_at_once_one_gets_the_address(api: Api) -> None:
    accounts = [await api.sign_up(handle) for handle in ("ada", "ben")]
    tokens = []
    for account in accounts:
        before = {mail.id for mail in await mails(api)}
        await ask(account)
        await jobs_done(api)
        (mail,) = [mail for mail in await mails(api) if mail.id not in before and mail.to == "new@example.org"]
        tokens.append(mail.token)
    answers = await asyncio.gather(*(confirm(api, token) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_of_two_links_at_once_one_is_used(api: Api) -> None:
    ada = await api.sign_up("ada")
    for email in ("one@example.org", "two@example.org"):
        await ask(ada, email)
    tokens = [await link(api, "one@example.org"), await link(api, "two@example.org")]
    answers = await asyncio.gather(*(confirm(api, token) for token in tokens * 2))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]


async def test_a_retry_gets_the_first_answer(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ask(ada)
    token = await link(api)
    answers = [await confirm(api, token, idempotency_key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_new_password_stops_a_change(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ask(ada)
    token = await link(api)
    body = {"current_password": PASSWORD, "new_password": "another long password"}
    assert (await ada.ask("PUT", "/v1/auth/password", body)).status_code == 204
    assert code(await confirm(api, token)) == INVALID


async def test_links_to_the_old_address_are_void(api: Api) -> None:
    ada = await api.sign_up("ada")
    verification = (await mail_about(api, "ada@example.org", "Confirm your e-mail")).token
    await api.post("/v1/auth/password-reset", {"email": "ada@example.org"})
    reset = (await mail_about(api, "ada@example.org", "A new password")).token
    await ask(ada)
    assert (await confirm(api, await link(api))).status_code == 200
    body = {"token": reset, "password": "another long password"}
    assert code(await api.post("/v1/auth/password-reset/confirm", body)) == (422, "invalid_reset_token")
    assert code(await api.post("/v1/auth/verify-email", {"token": verification})) == INVALID


async def test_links_are_bounded_by_account_and_by_address(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    for account in (ada, ben):
        for _ in range(7):
            assert (await ask(account)).status_code == 202
            await jobs_done(api)
    assert len([mail for mail in await mails(api) if mail.to == "new@example.org"]) == 10


async def test_an_outdated_or_invented_token(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ask(ada)
    token = await link(api)
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_email_changes SET expires_at = now()")
    for wrong in (token, "x", "é"):
        assert code(await confirm(api, wrong)) == INVALID


async def test_it_works_where_addresses_are_proven_first(database_url: str) -> None:
    settings = settings_for(database_url, accounts={"verify_first": True})
    async with running_platform(settings) as platform, api_of(platform) as api:
        body = {"email": "ada@example.org", "password": PASSWORD, "handle": "ada", "display_name": "Ada"}
        assert (await api.post("/v1/accounts", body)).status_code == 202
        sign_up = (await mail_about(api, "ada@example.org", "Finish")).token
        assert (await api.post("/v1/auth/verify-email", {"token": sign_up})).status_code == 200
        ada = Api(platform, api.http, (await sign_in(api, "ada")).json())
        await ask(ada)
        assert (await confirm(api, await link(api))).status_code == 200
        assert (await sign_in(api, "new")).status_code == 200
